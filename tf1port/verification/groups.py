"""The comparisons of a verification, group after group."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tf1port.errors import UserError
from tf1port.numerics.comparison import Check


class Groups:
    """The checks of all groups, which are made when they are iterated over.

    A group ends at an unexpected error, which is reported and does not stop the others.

    Attributes:
        total: the number of groups, known before the first check.
        done: how many of them have ended.
    """

    def __init__(self, groups: Mapping[str, Iterator[Check]], unproved: list[str]) -> None:
        """unproved: a line is appended for each group that raises something."""
        self.total, self.done = len(groups), 0
        self._groups, self._unproved = groups, unproved

    def __iter__(self) -> Iterator[Check]:
        for name, checks in self._groups.items():
            yield from self._guarded(name, checks)
            self.done += 1

    def _guarded(self, name: str, checks: Iterator[Check]) -> Iterator[Check]:
        try:
            yield from checks
        except UserError:
            raise
        except Exception as error:
            line = str(error).strip().partition("\n")[0]
            self._unproved.append(f"{name}: raised {type(error).__name__}: {line}")
