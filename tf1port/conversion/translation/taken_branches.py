"""Which branches of a written model's `ops.cond` were taken by the batches that it was run on.

Outputs that are equal on some batches say nothing of a branch that none of them took.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Any

import keras

_CALL = "ops.cond("


class TakenBranches:
    """Records, as a context, each condition of the `ops.cond` calls of a source that runs eagerly.

    Those of a loop that ends on a condition do not count: where it ends, its states stay.

    Args:
        source: of the model's file.
    """

    def __init__(self, source: str) -> None:
        lines = enumerate(source.splitlines(), 1)
        self._taken: dict[int, set[bool]] = {n: set() for n, line in lines if _CALL in line}
        self._original: Any = None

    def __enter__(self) -> TakenBranches:
        if self._taken:
            self._original, keras.ops.cond = keras.ops.cond, self._cond
        return self

    def __exit__(self, *_: object) -> None:
        if self._taken:
            keras.ops.cond = self._original

    @property
    def count(self) -> int:
        """How many branches were taken."""
        return sum(map(len, self._taken.values()))

    @property
    def untaken(self) -> list[tuple[int, str]]:
        """The lines of the calls of which a branch was not taken, and which one."""
        names = {frozenset(): "either", frozenset([True]): "False", frozenset([False]): "True"}
        missing = {n: names.get(frozenset(taken)) for n, taken in self._taken.items()}
        return [(line, name) for line, name in missing.items() if name is not None]

    def took(self, line: int, branch: str) -> bool:
        """Whether a branch, as `untaken` names it, was taken."""
        return branch != "either" and (branch == "True") in self._taken.get(line, set())

    def _cond(self, pred, true_fn, false_fn):
        result = self._original(pred, true_fn, false_fn)
        line = sys._getframe(1).f_lineno
        if isinstance(result, list | tuple):
            self._taken.pop(line, None)  # the states of a loop
        elif line in self._taken:
            with contextlib.suppress(TypeError):  # of a function that is traced: not known
                self._taken[line].add(bool(pred))
        return result
