"""Compares constants of both sides: a few batches may not reach a clip or a later decay."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tf1port.numerics.comparison import Check
from tf1port.numerics.tolerances import tolerance

UNKNOWN = object()  # the constant of a side that does not expose it, whether it has one or not
RATE = "learning rate"
_TINY = float(np.finfo(np.float32).tiny)  # a rate below it counts as 0
_NAMED = 3  # how many of the constants that differ are named
_LATEST, _MOST = 1e9, 200  # the last step at which a schedule is evaluated, and how many steps


def check(quantity: str, legacy: Mapping[str, Any], modern: Mapping[str, Any], dtype: str) -> Check:
    """Compares constants by name: numbers as float32 has them, rates within their tolerance.

    Constants of one side alone, and UNKNOWN ones, are not compared.
    """
    names = [name for name in legacy if name in modern]
    gaps = {name: _gap(name, legacy[name], modern[name]) for name in names}
    wrong = [name for name, gap in gaps.items() if gap > 0]
    lines = [f"{n} is {_shown(modern[n])}, not {_shown(legacy[n])}" for n in wrong[:_NAMED]]
    lines += [f"{len(wrong) - _NAMED} more"] if len(wrong) > _NAMED else []
    allowed = tolerance(quantity, "float32")
    worst = max(gaps.values(), default=0.0)
    place = "; ".join(lines) or f"{len(names)} constants"
    return Check(quantity, dtype, worst, place, allowed.bound, allowed.reason)


def counts(numbers: Iterable[float]) -> list[int]:
    """Numbers of steps at which a schedule may change: by its own numbers, by powers of ten."""
    near = {int(number) for number in numbers if 1 <= number <= _LATEST}
    near |= {10**power for power in range(8)}
    steps = sorted({0, *(n + d for n in near for d in (-1, 0, 1))})
    return steps if len(steps) <= _MOST else steps[:: len(steps) // _MOST + 1]


def _gap(name, expected, actual):
    """The difference of two constants: 0 where they are the same, inf where one is no number."""
    if UNKNOWN in (expected, actual) or expected == actual:
        return 0.0
    numbers = [type(value) in (int, float) for value in (expected, actual)]
    if not all(numbers):
        return float("inf")
    if name.startswith(RATE):
        gap, allowed = abs(expected - actual), tolerance(RATE, "float32").bound
        return gap if gap > max(allowed * max(abs(expected), abs(actual)), _TINY) else 0.0
    return 0.0 if np.float32(expected) == np.float32(actual) else abs(expected - actual)


def _shown(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
