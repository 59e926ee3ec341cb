"""How far a port may differ: as the table allows, and as the graph differs from itself."""

from collections.abc import Mapping

import numpy as np

from tf1port.comparison.sides.protocol import cast
from tf1port.numerics import comparison
from tf1port.numerics.comparison import Check
from tf1port.numerics.differences import difference

# How many times its own rounding, measured against the other dtype, a right port may differ.
ROUNDINGS = 8
_OWN = f"{ROUNDINGS} times what the legacy side itself parts from itself in the other dtype"
_PER_DTYPE = {"float32": 1.0, "float64": 2.0**-29}  # of the rounding in float32
# Of the values: TF1's own sequence_loss divides by the weights of its examples plus 1e-12.
_SHARE = {"float32": 0.0, "float64": 4e-12}

Arrays = Mapping[str, np.ndarray]


def check(
    quantity: str, legacy: Arrays, modern: Arrays, twin: Arrays | None = None, *, dtype: str
) -> Check:
    """A Check whose bound grows with the values' size and with the legacy side's own rounding.

    A third party's cells may be chaotic and its losses sums: two right computations differ by what
    one of them differs from itself in more digits, or so.

    Args:
        twin: the arrays of the legacy side in the other dtype.
    """
    found = comparison.check(quantity, legacy, modern, dtype=dtype)
    size = max([np.abs(value).max(initial=0.0) for value in legacy.values()], default=0.0)
    bounds = {found.reason: found.bound * max(1.0, size)}
    if not quantity.startswith("weights"):  # which are the same, however they are trained
        bounds["relative to the largest value"] = _SHARE[dtype] * size
    if twin:  # not where it holds nothing, as the slots of plain gradient descent
        own = difference(*(cast(of, "float64") for of in (legacy, twin))).max_abs
        if np.isfinite(own):
            bounds[_OWN] = ROUNDINGS * own * _PER_DTYPE[dtype]
    reason = max(bounds, key=bounds.__getitem__)
    return found._replace(bound=float(bounds[reason]), reason=reason)
