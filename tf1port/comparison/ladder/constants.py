"""Constants of both sides as data: a few batches may not reach a clip, nor a later decay."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tf1port.numerics.comparison import Check
from tf1port.numerics.tolerances import tolerance

UNKNOWN = object()  # of a side that has such a constant, or not: it does not say
RATE = "learning rate"
_TINY = float(np.finfo(np.float32).tiny)  # a rate that is none any more
_NAMED = 3  # of the constants that differ
_LATEST, _MOST = 1e9, 200  # steps at which a schedule is looked at


def check(quantity: str, legacy: Mapping[str, Any], modern: Mapping[str, Any], dtype: str) -> Check:
    """Compares constants by name: numbers as float32 has them, rates within their tolerance.

    What only one side names, and what is UNKNOWN, is not compared.
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
    found = sorted({0, *(n + d for n in near for d in (-1, 0, 1))})
    return found if len(found) <= _MOST else found[:: len(found) // _MOST + 1]


def _gap(name, one, other):
    """How far two constants are apart: 0 where they are the same, inf where one is no number."""
    if UNKNOWN in (one, other) or one == other:
        return 0.0
    numbers = [type(value) in (int, float) for value in (one, other)]
    if not all(numbers):
        return float("inf")
    if name.startswith(RATE):
        gap, allowed = abs(one - other), tolerance(RATE, "float32").bound
        return gap if gap > max(allowed * max(abs(one), abs(other)), _TINY) else 0.0
    return 0.0 if np.float32(one) == np.float32(other) else abs(one - other)


def _shown(value):
    return f"{value:.6g}" if isinstance(value, float) else str(value)
