"""How far two sets of named arrays differ: max-abs with its place; dtype and shape included."""

from typing import NamedTuple

import numpy as np

_NAMED = 3  # names shown of the arrays that only one side has


class Difference(NamedTuple):
    """max_abs: the largest absolute difference (inf if there is none); place: where it is."""

    max_abs: float
    place: str


def difference(legacy, modern):
    """The worst element over all arrays of two dicts.

    A missing name, another shape or dtype, and a NaN on either side count as infinite.
    """
    if set(legacy) != set(modern):
        return Difference(np.inf, f"only on one side: {_listed(set(legacy) ^ set(modern))}")
    return max(
        (
            _array_difference(name, np.asarray(legacy[name]), np.asarray(modern[name]))
            for name in legacy
        ),
        key=lambda result: result.max_abs,
    )


def _listed(names):
    first, rest = sorted(names)[:_NAMED], len(names) - _NAMED
    return ", ".join(first) + (f" and {rest} more" if rest > 0 else "")


def _array_difference(name, legacy, modern):
    if legacy.shape != modern.shape:
        return Difference(np.inf, f"{name} is {legacy.shape} and {modern.shape}")
    if legacy.dtype != modern.dtype:
        return Difference(np.inf, f"{name} is {legacy.dtype} and {modern.dtype}")
    if legacy.size == 0:
        return Difference(0.0, name)
    gap = np.abs(legacy.astype(np.float64) - modern.astype(np.float64))
    gap = np.where(np.isnan(gap), np.inf, gap)
    worst = np.unravel_index(np.argmax(gap), gap.shape)
    return Difference(float(gap[worst]), f"{name}{[int(i) for i in worst]}")
