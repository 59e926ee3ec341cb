"""Random batches on which a graph computes finite numbers: only these can be compared.

A mask drawn at random may leave nothing of a row, whose mean is then no number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from tf1port.errors import UserError

_DRAWS = 20
_Batch = TypeVar("_Batch")
_Result = TypeVar("_Result")


def finite(
    draw: Callable[[], _Batch], compute: Callable[[_Batch], _Result], what: str
) -> tuple[_Batch, _Result]:
    """The first batch with a finite result, and that.

    Args:
        draw: makes a batch. compute: an array or arrays by name, of a batch.
        what: is computed, for the message.

    Raises:
        UserError: none of some batches has one.
    """
    for _ in range(_DRAWS):
        batch = draw()
        result = compute(batch)
        if is_finite(result):
            return batch, result
    raise UserError(f"{what} not finite on any of {_DRAWS} random batches: give one with --data")


def is_finite(result: Any) -> bool:
    """Whether an array, or arrays by name, of numbers are finite."""
    arrays = [
        np.asarray(one) for one in (result.values() if isinstance(result, dict) else [result])
    ]
    return all(np.isfinite(array).all() for array in arrays if array.dtype.kind in "fc")
