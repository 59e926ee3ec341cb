"""The elements of a report, before they are HTML or Markdown."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.figure import Figure

from tf1port.comparison.report.text import plain


@dataclass(frozen=True)
class Column:
    """A column's heading, and the kind of its cells: text, prose, number, code, mark or result."""

    title: str
    kind: str = "text"


@dataclass(frozen=True)
class Table:
    """Rows of text under columns; the first column names the row.

    Attributes:
        layout: "cards" (wide; each row a card on a narrow screen), "scroll" (wide; scrolls by
            itself there), "narrow" (beside another block where there is space) or "facts"
            (narrow, names and values: the headings are not shown).
        folded: whether it is closed until asked for.
    """

    caption: str
    columns: list[Column]
    rows: list[list[str]]
    layout: str = "cards"
    folded: bool = False


@dataclass(frozen=True)
class Picture:
    """A figure: its name in the file, its caption, and the function that draws it."""

    name: str
    caption: str
    draw: Callable[[], Figure]


@dataclass(frozen=True)
class Command:
    """A line for the shell."""

    line: str


@dataclass(frozen=True)
class Section:
    """A heading with paragraphs, then tables, figures and commands."""

    key: str
    title: str
    text: list[str]
    blocks: Sequence[Table | Picture | Command] = ()


def listed(caption: str, values: Mapping[str, Any]) -> Table:
    """A table of names and values, from a dict."""
    rows = [[str(name), plain(value)] for name, value in values.items()]
    return Table(caption, [Column("Name"), Column("Value")], rows, "facts")
