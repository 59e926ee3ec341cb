"""A scan as text in 80 columns."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping

from tf1port.errors import printable
from tf1port.scanning.report.form import Place, Report, Unread, Work
from tf1port.tables import table

WIDTH = 80


def lines(report: Report) -> list[str]:
    """Each place, the summary, the order of work, what could not be read."""
    places = [line for one in report["findings"] for line in _place(one)]
    parts = [places, _idioms(report), _order(report), _not_read(report), [sentence(report)]]
    return [line for part in parts if part for line in ("", *part)][1:]


def sentence(report: Report) -> str:
    """How many places there are, and what becomes of them."""
    looked = counted(report["files"], "file")
    if not report["places"]:
        return f"nothing of TF1 or Keras 2 in {looked}"
    kinds = ", ".join(f"{count} {kind}" for kind, count in report["becomes"].items() if count)
    places, files = counted(report["places"], "place"), len(report["order"])
    return f"{places} in {files} of {looked}: {kinds}"


def counted(number: int, word: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def where(one: Place | Unread) -> str:
    """`path:line:column`, with the cell of a notebook, as far as they are known."""
    known: Mapping[str, object] = {**one}
    cell = f"cell {known['cell']}" if known.get("cell") else ""
    numbers = [str(known[key]) for key in ("line", "column") if known.get(key)]
    return ":".join(filter(None, [printable(one["path"]), cell, *numbers]))


def effort(one: Work) -> str:
    """`2 large, 1 small`."""
    return ", ".join(f"{count} {kind}" for kind, count in one["effort"].items())


def _place(one: Place) -> list[str]:
    begins, idiom = where(one), f"{one['id']} {one['idiom']}"
    same = len(begins) + 2 + len(idiom) <= WIDTH
    head = [f"{begins}  {idiom}"] if same else [begins, f"    {idiom}"]
    pitfalls = f" [{' '.join(one['pitfalls'])}]" if one["pitfalls"] else ""
    words = f"{one['becomes']}, {one['effort']}: {one['replacement']}{pitfalls}"
    indent = " " * 4
    return [*head, *textwrap.wrap(words, WIDTH, initial_indent=indent, subsequent_indent=indent)]


def _idioms(report: Report) -> list[str]:
    if not report["idioms"]:
        return []
    rows = [("id", "idiom", "places", "becomes", "effort each")]
    rows += [
        (row["id"], row["idiom"], str(row["places"]), row["becomes"], row["effort"])
        for row in report["idioms"]
    ]
    return table(rows, "<<><<")


def _order(report: Report) -> list[str]:
    if not report["order"]:
        return []
    head = "order of work: a file after those that it imports, then the least effort"
    width = max(len(one["path"]) for one in report["order"])
    works = enumerate(report["order"], 1)
    return [head, *(line for number, one in works for line in _work(number, one, width))]


def _work(number: int, one: Work, width: int) -> list[str]:
    begins, rest = f"{number:3}. {printable(one['path']):{min(width, 50)}}", effort(one)
    if len(begins) + 2 + len(rest) <= WIDTH:
        return [f"{begins}  {rest}"]
    return [begins, f"     {rest}"]


def _not_read(report: Report) -> list[str]:
    if not report["not_read"]:
        return []
    lines = [f"{where(one)}: {printable(one['reason'])}" for one in report["not_read"]]
    return [f"not read: {counted(len(lines), 'file')}", *lines]
