"""Scans programs: every place of an idiom, what could not be read, and the order of work."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf1port.scanning import files, matching, order, settings, sources
from tf1port.scanning.idioms.idiom import Idiom
from tf1port.scanning.names import Walk
from tf1port.scanning.places import Place
from tf1port.scanning.sources import NotRead, Source


@dataclass(frozen=True)
class Finding:
    """An idiom at a place of a program.

    Attributes:
        path: of the file.
        cell: of a notebook, counted from 1; else 0.
        line, column: counted from 1; in a notebook those of the cell.
        name: what stands there, by its full name.
    """

    path: str
    cell: int
    line: int
    column: int
    name: str
    idiom: Idiom

    @property
    def place(self) -> str:
        """`path:line:column`."""
        cell = f":cell {self.cell}" if self.cell else ""
        return f"{self.path}{cell}:{self.line}:{self.column}"


@dataclass(frozen=True)
class Scanned:
    """What a scan found.

    Attributes:
        files: how many were looked at.
        findings: by file and place. not_read: files and cells that could not be read.
        order: the files with findings, in the order of work.
    """

    files: int
    findings: tuple[Finding, ...]
    not_read: tuple[NotRead, ...]
    order: tuple[str, ...]


def scan(paths: Sequence[str], chosen: settings.Settings) -> Scanned:
    """Looks at all files under the paths.

    Raises:
        UserError: a path is missing, or a folder has nothing to look at.
    """
    every = files.source_files(paths, chosen)
    findings: dict[str, list[Finding]] = {}
    imports: dict[str, set[str]] = {}
    known = set(every)
    not_read: list[NotRead] = []
    for path in every:
        try:
            source = sources.read(path)
            if source is None:
                continue
            not_read += source.not_read
            walk = Walk(source.tree, matching.methods())
            findings[path] = find(source, walk.places, chosen)
            imports[path] = order.imported_files(path, walk.modules, known)
        except NotRead as error:
            not_read.append(error)
        except RecursionError:
            not_read.append(NotRead(path, f"cannot be parsed ({sources.TOO_DEEP})"))
    efforts = {
        path: sum(order.POINTS[one.idiom.effort] for one in of_file)
        for path, of_file in findings.items()
        if of_file
    }
    return Scanned(
        files=len(every),
        findings=tuple(one for of_file in findings.values() for one in of_file),
        not_read=tuple(not_read),
        order=tuple(order.order(efforts, imports)),
    )


def find(source: Source, places: Sequence[Place], chosen: settings.Settings) -> list[Finding]:
    """The idioms at the places of one program, by line and column."""
    if not any(map(matching.is_known, places)):
        return []  # methods alone say nothing
    every = [match for place in places for match in matching.matches(place)]
    tf1 = any(matching.is_tf1(match) for match in every)
    findings = {_finding(source, match) for match in every if tf1 or not match.shared}
    kept = [one for one in findings if chosen.wants(one.idiom) and not _ignored(source, one)]
    return [one for _, one in sorted(((_key(one), one) for one in kept), key=lambda pair: pair[0])]


def _key(one: Finding) -> tuple[int, int, int, str]:
    return one.cell, one.line, one.column, one.idiom.id


def _finding(source: Source, match: matching.Match) -> Finding:
    cell, line = source.cells[match.line - 1] if source.cells else (0, match.line)
    column = sources.column(source.lines[match.line - 1], match.column)
    return Finding(source.path, cell, line, column, match.place.name.lstrip("?."), match.idiom)


def _ignored(source: Source, one: Finding) -> bool:
    line = one.line - 1
    if source.cells:
        line = source.cells.index((one.cell, one.line))
    return settings.ignored(source.lines[line], one.idiom.id)
