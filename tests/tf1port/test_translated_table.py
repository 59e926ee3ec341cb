"""The table of docs/converting.md is that of the programs that are tested."""

from pathlib import Path

from tests.tf1port.programs import table

PAGE = Path(__file__).parents[2] / "docs" / "converting.md"


def test_the_table_on_the_page_is_that_of_the_tests():
    assert "\n".join(table.rows()) in PAGE.read_text(encoding="utf-8"), (
        "paste what python -m tests.tf1port.programs.table prints"
    )
