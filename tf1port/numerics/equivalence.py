"""Whether two samples have the same mean but for a margin: two one-sided tests (TOST).

Absence of a difference is what is to be shown, so that it is the null hypothesis that the means lie
apart by the margin or more; too few or too scattered values do not pass as agreement.
"""

from typing import NamedTuple

import numpy as np
from scipy import stats

_NODES = 300  # of the quadrature, for each variance


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


def power(scatter, count, *, margin, alpha):
    """The share of equal pairs of samples that pass, of `count` normal values each.

    scatter: the standard deviation of both samples. The other pairs are false alarms: too few
    values, or too scattered ones, show nothing. By quadrature over both samples' variances, to
    three digits.
    """
    if scatter == 0:
        return 1.0
    middles = (np.arange(_NODES) + 0.5) / _NODES
    squares = scatter**2 * stats.chi2.ppf(middles, count - 1) / (count - 1) / count
    first, second = np.meshgrid(squares, squares)  # the estimated variances of the two means
    freedom = (first + second) ** 2 * (count - 1) / (first**2 + second**2)
    reach = stats.t.ppf(1 - alpha, freedom) * np.sqrt(first + second)
    spread = scatter * np.sqrt(2 / count)  # of the difference of the means
    passed = 2 * stats.norm.cdf((margin - reach) / spread) - 1
    return float(np.maximum(passed, 0).mean())


def needed(scatter, *, margin, alpha, least=0.95):
    """The smallest count of values of each side with which equal ones pass `least` of the time."""

    def enough(count):
        return power(scatter, count, margin=margin, alpha=alpha) >= least

    few, many = 1, 2
    while not enough(many):
        few, many = many, 2 * many
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if enough(middle) else (middle, many)
    return many


def scatter_of(first, second):
    """The standard deviation that two samples have in common, each about its own mean."""
    return float(np.sqrt((np.var(first, ddof=1) + np.var(second, ddof=1)) / 2))


def _error(first, second):
    """Standard error of the difference of two means, and its degrees of freedom."""
    squares = [values.var(ddof=1) / len(values) for values in (first, second)]
    error = sum(squares)
    if error == 0:
        return 0.0, np.inf
    terms = (s**2 / (len(v) - 1) for s, v in zip(squares, (first, second), strict=True))
    return float(np.sqrt(error)), float(error**2 / sum(terms))
