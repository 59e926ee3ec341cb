"""What `--fix` would change, as a unified diff."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import libcst as cst

from tf1port.errors import printable
from tf1port.scanning import matching, sources
from tf1port.scanning.fixing.rewriting import rewrite
from tf1port.scanning.names import Walk
from tf1port.scanning.report.form import Place
from tf1port.scanning.sources import NotRead, Source


def diff(findings: Iterable[Place]) -> tuple[str, list[NotRead]]:
    """The changes of all files with findings, and the files that could not be rewritten.

    A notebook is not rewritten.
    """
    by_path: dict[str, list[Place]] = {}
    for one in findings:
        by_path.setdefault(one["path"], []).append(one)
    changes, failed = [], []
    for path, places in by_path.items():
        try:
            changes.append(_of_file(path, places))
        except NotRead as error:
            failed.append(error)
    return "".join(changes), failed


def _of_file(path: str, findings: Sequence[Place]) -> str:
    source = None if path.endswith(".ipynb") else sources.read(path)
    if source is None:
        raise NotRead(path, "is not rewritten: it is a notebook, or changed since it was scanned")
    before = "\n".join(source.lines)
    try:
        after = rewrite(before, findings, _called(source))
    except (cst.ParserSyntaxError, cst.CSTValidationError, RecursionError):
        # The second: of `[a for* b in c]`, which is parsed, and which Python does not compile.
        raise NotRead(path, "is not rewritten: libcst cannot read it") from None
    lines = difflib.unified_diff(_lines(before), _lines(after), printable(path), printable(path))
    return "".join(lines)


def _called(source: Source) -> dict[tuple[int, int], str]:
    """The full names of what is called, by line and column, both from 1."""
    walk = Walk(source.tree, matching.methods())
    return {
        (place.line, sources.column(source.lines[place.line - 1], place.column)): place.name
        for place in walk.places
        if place.call is not None
    }


def _lines(text: str) -> list[str]:
    """Lines as the parsers count them; a form feed ends none."""
    lines = [f"{line}\n" for line in text.split("\n")]
    last = lines.pop().removesuffix("\n")
    return [*lines, f"{last}\n\\ No newline at end of file\n"] if last else lines
