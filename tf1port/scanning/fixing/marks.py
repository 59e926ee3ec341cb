"""What is to be thought of, by the lines of a program."""

from __future__ import annotations

from collections.abc import Iterable

from tf1port.scanning.report.form import Place

Position = tuple[int, int]  # line and column, both from 1

MARK = "# TODO tf1port"


class Marks:
    """The idioms that nothing was done to, and notes.

    Attributes:
        found: where there is an idiom.
        keeps_recurrent: a statement had an idiom of a cell, of what is around it, or of what runs
            it over time.
    """

    def __init__(self, findings: Iterable[Place]) -> None:
        self.keeps_recurrent = False
        self._open: dict[Position, list[Place]] = {}
        for one in findings:
            self._open.setdefault((one["line"], one["column"]), []).append(one)
        self.found = frozenset(self._open)
        self._notes: list[tuple[int, str]] = []

    def note(self, line: int, *texts: str) -> None:
        """Adds notes for a line."""
        self._notes += [(line, text) for text in texts]

    def close(self, first: Position, last: Position, name: str) -> None:
        """What is called `name` from one place to another is done."""
        for place in [one for one in self._open if first <= one <= last]:
            others = [one for one in self._open[place] if one["name"] != name]
            self._open[place] = others
            if not others:
                del self._open[place]

    def pop(self, first: int, last: int) -> list[str]:
        """The comments for a statement of these lines, which are then done."""
        lines = [
            f"{one['id']}: {one['replacement']}"
            for place in sorted(self._open)
            if first <= place[0] <= last
            for one in self._open.pop(place)
        ]
        self.keeps_recurrent |= any(map(_is_recurrent, lines))
        lines += [note for line, note in self._notes if first <= line <= last]
        self._notes = [pair for pair in self._notes if not first <= pair[0] <= last]
        return [f"{MARK}: {line}" for line in dict.fromkeys(lines)]


def _is_recurrent(mark: str) -> bool:
    return "S101" <= mark[:4] <= "S149" or mark.startswith("S159")
