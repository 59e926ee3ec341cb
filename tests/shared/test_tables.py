"""Tables of both packages, which may not import each other: the same lines."""

import sys

import pytest

from shared import tables

TABLES = [tables]
if sys.version_info >= (3, 11):
    from tf1port import tables as of_the_tool

    TABLES.append(of_the_tool)


@pytest.mark.parametrize("tables", TABLES)
def test_columns_are_as_wide_as_their_longest_cell(tables):
    rows = [("name", "n", "note"), ("a", 10, ""), ("longer", 7, "x")]
    assert tables.table(rows, "<><") == [
        "name     n  note",
        "a       10",
        "longer   7  x",
    ]
