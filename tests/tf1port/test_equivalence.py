"""Two one-sided tests: against SciPy's, and what they take for agreement and what not."""

import numpy as np
import pytest
from scipy import stats

from tf1port.numerics.equivalence import equivalence

LIMITS = {"margin": 0.01, "alpha": 0.05}


def sample(mean, scatter, count, *, seed):
    return np.random.RandomState(seed).normal(mean, scatter, count)


@pytest.mark.parametrize("difference", [0.0, 0.004, -0.007, 0.02])
def test_it_is_two_one_sided_tests(difference):
    first = sample(0.94, 0.005, 9, seed=1)
    second = sample(0.94 + difference, 0.008, 12, seed=2)
    found = equivalence(first, second, **LIMITS)
    above = stats.ttest_ind(second, first - 0.01, equal_var=False, alternative="greater")
    below = stats.ttest_ind(second, first + 0.01, equal_var=False, alternative="less")
    assert found.p == pytest.approx(max(above.pvalue, below.pvalue), rel=1e-9)
    both = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.90)
    assert found.interval == pytest.approx(tuple(both), rel=1e-9)
    assert found.difference == pytest.approx(second.mean() - first.mean())
    assert found.equivalent is (max(map(abs, found.interval)) < 0.01)


def test_means_apart_by_the_margin_are_not_equivalent():
    first, second = sample(0.94, 1e-4, 20, seed=1), sample(0.95, 1e-4, 20, seed=2)
    assert not equivalence(first, second, **LIMITS).equivalent
    assert equivalence(first, second, margin=0.011, alpha=0.05).equivalent


def test_equal_means_of_few_or_scattered_values_are_not_shown_to_be_equivalent():
    first, second = [0.93, 0.95], [0.95, 0.93]
    assert not equivalence(first, second, **LIMITS).equivalent
    assert equivalence(first * 20, second * 20, **LIMITS).equivalent


def test_values_without_scatter():
    assert equivalence([0.5, 0.5], [0.5, 0.5], **LIMITS) == (0.0, (0.0, 0.0), 0.0, True)
    assert not equivalence([0.5, 0.5], [0.52, 0.52], **LIMITS).equivalent


def test_a_side_that_trains_worse_is_found_in_95_of_100_cases():
    """At the margin itself the test passes in alpha of all cases, wherever it is drawn from."""
    passes = [
        equivalence(
            sample(0.94, 0.004, 16, seed=2 * n), sample(0.93, 0.004, 16, seed=2 * n + 1), **LIMITS
        ).equivalent
        for n in range(400)
    ]
    assert 0.005 < np.mean(passes) < 0.2
