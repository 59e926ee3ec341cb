"""The guide: every block of Python on its pages runs, page by page, and ids in it exist."""

import re
import runpy
from pathlib import Path

import pytest

GUIDE = Path(__file__).parents[2] / "docs" / "guide"
PAGES = sorted(GUIDE.rglob("*.md"))
# A block after a comment is cut out of a file of the project, and no program.
BLOCK = re.compile(r"(?<!-->\n)^```python\n(.*?)^```$", re.M | re.S)
SLOW = set()  # pages that take more than 3 s


def marked(page):
    marks = [pytest.mark.slow] if page.stem in SLOW else []
    return pytest.param(page, marks=marks, id=page.stem)


def program(text):
    """A page's blocks of Python as one program, whose lines have the numbers of the page."""
    lines = []
    for match in BLOCK.finditer(text):
        lines += [""] * (text[: match.start(1)].count("\n") - len(lines))
        lines += match[1].splitlines()
    return "\n".join(lines) + "\n"


def run(page, folder):
    """Runs a page's program as a file in a folder."""
    path = folder / f"{page.stem.replace('-', '_')}.py"
    path.write_text(program(page.read_text(encoding="utf-8")), encoding="utf-8")
    return runpy.run_path(str(path), run_name="page")


@pytest.mark.parametrize("page", map(marked, PAGES))
def test_the_code_of_a_page_runs(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "1")  # pages set it, and it is put back after them
    run(page, tmp_path)
