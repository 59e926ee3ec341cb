"""docs/differences.md and the code cite each other: no number without a row, no row without use."""

import pathlib
import re

ROOT = pathlib.Path(__file__).parent.parent
PAGE = ROOT / "docs" / "differences.md"
CODE = [
    path
    for folder in ("legacy_tf1", "modern_tf2", "shared", "tf1port", "equivalence", "bench")
    for path in sorted((ROOT / folder).glob("**/*.py"))
]
NUMBER = re.compile(r"\bD\d+\b")


def rows(page):
    """The table's rows: number -> list of its other cells."""
    cells = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| D")]
    return {row[0]: [cell.strip() for cell in row[1:]] for row in cells}


def cited(texts):
    return {number for text in texts for number in NUMBER.findall(text)}


def test_every_citation_has_a_row_and_every_row_is_cited():
    assert cited(path.read_text(encoding="utf-8") for path in CODE) == set(
        rows(PAGE.read_text(encoding="utf-8"))
    )


def test_rows_are_numbered_in_order_and_complete():
    table = rows(PAGE.read_text(encoding="utf-8"))
    assert list(table) == [f"D{n}" for n in range(1, len(table) + 1)]
    assert all(len(row) == 4 and all(row) for row in table.values())


def test_the_test_that_a_row_names_is_there():
    for number, (*_, test) in rows(PAGE.read_text(encoding="utf-8")).items():
        assert (ROOT / test).is_file(), f"{number} names {test}"


def test_a_missing_and_an_unused_number_are_noticed():
    page = "| D1 | a | b | c | t |\n| D2 | a | b | c | t |"
    assert cited(["# D1 and (D3)"]) ^ set(rows(page)) == {"D2", "D3"}
