"""Two one-sided tests: against SciPy's, and what they take for agreement and what not."""

import numpy as np
import pytest
from scipy import stats

from tf1port.comparison.ladder import bands, outcome
from tf1port.comparison.report.bands import _equivalence
from tf1port.numerics.equivalence import equivalence, needed, power, scatter_of
from tf1port.numerics.outcome import DIFFERENT, EQUAL

LIMITS = {"margin": 0.01, "alpha": 0.05}


def sample(mean, scatter, count, *, seed):
    return np.random.RandomState(seed).normal(mean, scatter, count)


@pytest.mark.parametrize("difference", [0.0, 0.004, -0.007, 0.02])
def test_it_is_two_one_sided_tests(difference):
    first = sample(0.94, 0.005, 9, seed=1)
    second = sample(0.94 + difference, 0.008, 12, seed=2)
    result = equivalence(first, second, **LIMITS)
    above = stats.ttest_ind(second, first - 0.01, equal_var=False, alternative="greater")
    below = stats.ttest_ind(second, first + 0.01, equal_var=False, alternative="less")
    assert result.p == pytest.approx(max(above.pvalue, below.pvalue), rel=1e-9)
    both = stats.ttest_ind(second, first, equal_var=False).confidence_interval(0.90)
    assert result.interval == pytest.approx(tuple(both), rel=1e-9)
    assert result.difference == pytest.approx(second.mean() - first.mean())
    assert result.equivalent is (max(map(abs, result.interval)) < 0.01)


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


@pytest.mark.parametrize(("scatter", "count"), [(0.006, 5), (0.004, 5), (0.006, 11), (0.01, 8)])
def test_the_power_is_how_often_equal_sides_pass(scatter, count):
    passes = [
        equivalence(
            sample(0.94, scatter, count, seed=2 * n),
            sample(0.94, scatter, count, seed=2 * n + 1),
            **LIMITS,
        ).equivalent
        for n in range(1000)
    ]
    assert power(scatter, count, **LIMITS) == pytest.approx(np.mean(passes), abs=0.04)


def test_five_that_scatter_by_six_thousandths_are_too_few():
    """Nearly every other comparison of equal sides fails."""
    assert power(0.006, 5, **LIMITS) == pytest.approx(0.53, abs=0.01)
    assert needed(0.006, **LIMITS) == 11
    assert power(0.006, 11, **LIMITS) >= 0.95 > power(0.006, 10, **LIMITS)


def test_without_scatter_equal_sides_always_pass():
    assert power(0.0, 2, **LIMITS) == 1.0
    assert needed(0.0, **LIMITS) == 2
    assert scatter_of([0.5, 0.7], [0.2, 0.4]) == pytest.approx(np.std([0.5, 0.7], ddof=1))


# Check 9 of a report: what fails the two tests fails the report.

SPREAD = np.array([-1.5, -0.5, 0.0, 0.5, 1.5])
SIDES = {
    "equal": (0.94 + 0.002 * SPREAD, 0.94 + 0.002 * SPREAD, True, ""),
    "apart by a hundredth": (0.94 + 0.002 * SPREAD, 0.93 + 0.002 * SPREAD, False, ""),
    "apart upwards": (0.94 + 0.002 * SPREAD, 0.95 + 0.002 * SPREAD, False, ""),
    "too scattered": (
        0.94 + 0.008 * SPREAD,
        0.94 + 0.008 * SPREAD,
        False,
        "; equal sides that scatter by 0.0089 pass 11% of the time, 95% with 22 trainings each",
    ),
}


@pytest.mark.parametrize("name", SIDES)
def test_sides_that_are_not_equivalent_fail_the_report(name):
    legacy, modern, equal, weakness = SIDES[name]
    accuracies = {"legacy": legacy.tolist(), "modern": modern.tolist()}
    result = bands.judged(accuracies, margin=LIMITS["margin"])
    entry = bands.compared(result)
    assert result["equivalent"] == entry["passed"] == equal
    assert entry["place"].partition(";")[2] == weakness.removeprefix(";")
    assert outcome.outcome([entry]) == (EQUAL if equal else DIFFERENT)
    assert outcome.counts([entry])["different"] == (not equal)


def test_the_report_states_the_power():
    legacy, modern, *_ = SIDES["too scattered"]
    accuracies = {"legacy": legacy.tolist(), "modern": modern.tolist()}
    result = {**bands.judged(accuracies, margin=LIMITS["margin"]), "band": None}
    rows = _equivalence(result).rows
    assert ["equal sides would pass", "11% of the time"] in rows
    assert ["standard deviation", "0.00894"] in rows
