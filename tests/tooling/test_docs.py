"""Documentation: prose wraps at 100 columns, links lead to files, code in them to this project."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")  # none to another site
PATH = re.compile(r"`((?:\w+/)+\w+\.(?:py|md|toml))`")


def prose(text):
    """Pairs of number and line, without code blocks and tables, whose rows cannot wrap."""
    code = False
    for number, line in enumerate(text.splitlines(), 1):
        code ^= line.startswith("```")
        if not code and not line.startswith("|"):
            yield number, line


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_prose_wraps_at_100_columns(page):
    lines = prose(page.read_text(encoding="utf-8"))
    assert [(number, line) for number, line in lines if len(line) > 100] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_and_named_files_exist(page):
    text = page.read_text(encoding="utf-8")
    linked = [page.parent / name for name in LINK.findall(text)]
    named = [ROOT / name for name in PATH.findall(text) if page.name != "CHANGELOG.md"]
    assert [path for path in [*linked, *named] if not path.exists()] == []


def test_a_long_line_is_seen():
    text = "short\n```\n" + "x" * 101 + "\n```\n| " + "y" * 101 + "\n" + "z " * 51
    assert [number for number, line in prose(text) if len(line) > 100] == [6]
