"""How far a port may differ: by the table of tolerances, and by the graph's own rounding."""

from collections.abc import Mapping

import numpy as np

from tf1port.comparison.sides.protocol import cast
from tf1port.numerics import comparison
from tf1port.numerics.comparison import Check
from tf1port.numerics.differences import difference

# A right port may differ by so many times the legacy side's rounding, measured in the other dtype.
ROUNDINGS = 8
_OWN = f"{ROUNDINGS} times the legacy side's own difference between its two dtypes"
_PER_DTYPE = {"float32": 1.0, "float64": 2.0**-29}  # relative to the rounding in float32
# Relative to the values: TF1's own sequence_loss divides by the weights of its examples plus 1e-12.
_SHARE = {"float32": 0.0, "float64": 4e-12}

Arrays = Mapping[str, np.ndarray]


def check(
    quantity: str, legacy: Arrays, modern: Arrays, twin: Arrays | None = None, *, dtype: str
) -> Check:
    """A Check whose bound grows with the values' size and with the legacy side's own rounding.

    A third party's cells may be chaotic and its losses sums: two right computations differ by about
    as much as one of them differs between float32 and float64.

    Args:
        twin: the arrays of the legacy side in the other dtype.
    """
    result = comparison.check(quantity, legacy, modern, dtype=dtype)
    size = max([np.abs(value).max(initial=0.0) for value in legacy.values()], default=0.0)
    bounds = {result.reason: result.bound * max(1.0, size)}
    if not quantity.startswith("weights"):  # weights at the start do not depend on training
        bounds["relative to the largest value"] = _SHARE[dtype] * size
    if twin:  # not where it is empty, as the slots of plain gradient descent
        own = difference(*(cast(of, "float64") for of in (legacy, twin))).max_abs
        if np.isfinite(own):
            bounds[_OWN] = ROUNDINGS * own * _PER_DTYPE[dtype]
    reason = max(bounds, key=bounds.__getitem__)
    return result._replace(bound=float(bounds[reason]), reason=reason)
