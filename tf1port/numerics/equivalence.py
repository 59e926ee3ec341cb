"""Whether two samples have the same mean but for a margin: two one-sided tests (TOST).

Absence of a difference is what is to be shown, so that it is the null hypothesis that the means lie
apart by the margin or more; too few or too scattered values do not pass as agreement.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats


class Equivalence(NamedTuple):
    """difference: of the means, second less first; interval: of confidence 1 - 2 alpha; p: of both
    tests the larger one; equivalent: whether the interval lies within the margin."""

    difference: float
    interval: tuple[float, float]
    p: float
    equivalent: bool


def equivalence(first, second, *, margin, alpha):
    """Tests two independent samples of two values or more, of any variances (Welch)."""
    first, second = (np.asarray(values, np.float64) for values in (first, second))
    difference = float(second.mean() - first.mean())
    error, freedom = _error(first, second)
    if error == 0:
        inside = abs(difference) < margin
        return Equivalence(difference, (difference, difference), 0.0 if inside else 1.0, inside)
    reach = stats.t.ppf(1 - alpha, freedom) * error
    p = stats.t.sf((margin - abs(difference)) / error, freedom)
    interval = (float(difference - reach), float(difference + reach))
    return Equivalence(difference, interval, float(p), bool(p < alpha))


def _error(first, second):
    """Standard error of the difference of two means, and its degrees of freedom."""
    squares = [values.var(ddof=1) / len(values) for values in (first, second)]
    error = sum(squares)
    if error == 0:
        return 0.0, np.inf
    parts = (s**2 / (len(v) - 1) for s, v in zip(squares, (first, second), strict=True))
    return float(np.sqrt(error)), float(error**2 / sum(parts))
