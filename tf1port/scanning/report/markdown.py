"""A scan as Markdown: for a pull request, an issue, a page."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tf1port.errors import printable
from tf1port.scanning.report.form import Report
from tf1port.scanning.report.terminal import effort, sentence, where


def text(report: Report) -> str:
    """The whole document."""
    parts = [f"# Scan for TF1 and Keras 2\n\n{sentence(report)}.\n"]
    if report["idioms"]:
        head = ("id", "idiom", "places", "becomes", "effort each")
        rows = [[row["id"], row["idiom"], row["places"], row["becomes"], row["effort"]]
                for row in report["idioms"]]  # fmt: skip
        parts.append("## Summary\n\n" + _table(head, rows))
        work = [
            [n, f"`{printable(one['path'])}`", effort(one)]
            for n, one in enumerate(report["order"], 1)
        ]
        parts.append(
            "## Order of work\n\nA file comes after those that it imports, then the least effort "
            "first.\n\n" + _table(("", "file", "places by effort"), work)
        )
        parts.append("## Places\n\n" + _places(report))
    if report["not_read"]:
        rows = [[f"`{where(one)}`", printable(one["reason"])] for one in report["not_read"]]
        parts.append("## Not read\n\n" + _table(("file", "reason"), rows))
    return "\n".join(parts)


def _places(report: Report) -> str:
    head = ("place", "idiom", "becomes", "in Keras 3", "pitfalls", "effort")
    return _table(
        head,
        (
            [f"`{where(one)}`", f"{one['id']} {one['idiom']}", one["becomes"],
             one["replacement"], " ".join(one["pitfalls"]) or "–", one["effort"]]
            for one in report["findings"]
        ),
    )  # fmt: skip


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(_cell, line))} |\n" for line in lines)


def _cell(value: object) -> str:
    """Text that ends no cell."""
    return str(value).replace("|", "\\|").replace("\n", " ")
