"""One comparison of two dicts of arrays, judged by the table of tolerances."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance


class Check(NamedTuple):
    """One comparison: the quantity, its dtype, the largest difference and its place.

    bound: the largest max_abs that passes; reason: why it is not tighter.
    """

    quantity: str
    dtype: str
    max_abs: float
    place: str
    bound: float
    reason: str

    @property
    def passed(self) -> bool:
        return self.max_abs <= self.bound


def check(
    quantity: str, legacy: Mapping[str, Any], modern: Mapping[str, Any], *, dtype: str
) -> Check:
    """Compares two dicts of arrays under the tolerance of `quantity`."""
    worst, allowed = difference(legacy, modern), tolerance(quantity, dtype)
    return Check(quantity, dtype, worst.max_abs, worst.place, allowed.bound, allowed.reason)
