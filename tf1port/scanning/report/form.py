"""A scan as plain dicts and lists: what `--json` prints, and what the other forms are made of."""

from __future__ import annotations

from collections import Counter
from typing import TypedDict

from tf1port.scanning.idioms.idiom import Becomes, Effort, Idiom
from tf1port.scanning.scanner import Finding, Scanned


class Place(TypedDict):
    """A finding. `cell` is that of a notebook, else 0; `name` the full name that stands there."""

    path: str
    cell: int
    line: int
    column: int
    id: str
    idiom: str
    name: str
    becomes: str
    replacement: str
    pitfalls: list[str]
    effort: str


class Row(TypedDict):
    """An idiom of the summary."""

    id: str
    idiom: str
    becomes: str
    effort: str
    places: int


class Work(TypedDict):
    """A file in the order of work, with its places by effort."""

    path: str
    places: int
    effort: dict[str, int]


class Unread(TypedDict):
    """A file, or a cell of it, that could not be read; line 0: it is not known where."""

    path: str
    line: int
    reason: str


class Report(TypedDict):
    """A scan."""

    files: int
    places: int
    becomes: dict[str, int]
    findings: list[Place]
    idioms: list[Row]
    order: list[Work]
    not_read: list[Unread]


def report(scanned: Scanned) -> Report:
    """All that a scan findings."""
    findings = scanned.findings
    becomes = Counter(one.idiom.becomes for one in findings)
    efforts = Counter((one.path, one.idiom.effort) for one in findings)
    return {
        "files": scanned.files,
        "places": len(findings),
        "becomes": {str(kind): becomes[kind] for kind in Becomes},
        "findings": [_place(one) for one in findings],
        "idioms": [_row(*pair) for pair in _by_idiom(findings)],
        "order": [_work(path, efforts) for path in scanned.order],
        "not_read": [
            {"path": one.path, "line": one.line, "reason": one.reason} for one in scanned.not_read
        ],
    }


def _place(one: Finding) -> Place:
    return {
        "path": one.path,
        "cell": one.cell,
        "line": one.line,
        "column": one.column,
        "id": one.idiom.id,
        "idiom": one.idiom.name,
        "name": one.name,
        "becomes": str(one.idiom.becomes),
        "replacement": one.idiom.replacement,
        "pitfalls": list(one.idiom.pitfalls),
        "effort": str(one.idiom.effort),
    }


def _by_idiom(findings: tuple[Finding, ...]) -> list[tuple[Idiom, int]]:
    """Idioms with how often each was findings, by id."""
    counts = Counter(one.idiom.id for one in findings)
    known = {one.idiom.id: one.idiom for one in findings}
    return [(known[id], counts[id]) for id in sorted(counts)]


def _row(idiom: Idiom, places: int) -> Row:
    return {
        "id": idiom.id,
        "idiom": idiom.name,
        "becomes": str(idiom.becomes),
        "effort": str(idiom.effort),
        "places": places,
    }


def _work(path: str, efforts: Counter[tuple[str, Effort]]) -> Work:
    counts = {str(kind): efforts[path, kind] for kind in reversed(Effort) if efforts[path, kind]}
    return {"path": path, "places": sum(counts.values()), "effort": counts}
