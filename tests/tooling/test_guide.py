"""The guide: every block of Python on its pages runs, page by page, and ids in it exist."""

import re
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGES = sorted(GUIDE.rglob("*.md"))
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.M | re.S)
SLOW = set()  # pages that take more than 3 s


def marked(page):
    marks = [pytest.mark.slow] if page.stem in SLOW else []
    return pytest.param(page, marks=marks, id=page.stem)


def blocks(text):
    """Line and source of each block of Python in a page."""
    return [(text[: match.start()].count("\n") + 1, match[1]) for match in BLOCK.finditer(text)]


def run(text, name="page"):
    """Runs a page's blocks, one after the other, with the same variables."""
    variables = {"__name__": name}
    for line, source in blocks(text):
        exec(compile("\n" * line + source, name, "exec"), variables)


@pytest.mark.parametrize("page", map(marked, PAGES))
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")  # pages set it, and it is put back after them
    run(page.read_text(encoding="utf-8"), str(page))
