"""max-abs with its place, dtype and shape, and nothing that slips through."""

import numpy as np
import pytest

from tf1port.numerics.differences import difference


def test_finds_the_worst_element_and_its_place():
    legacy = {"a": np.zeros((2, 3)), "b": np.zeros(4)}
    modern = {"a": np.zeros((2, 3)), "b": np.zeros(4)}
    modern["a"][1, 2] = -0.25
    modern["b"][3] = 0.125
    assert difference(legacy, modern) == (0.25, "a[1, 2]")


def test_equal_arrays_differ_by_nothing():
    arrays = {"a": np.arange(6.0).reshape(2, 3), "scalar": np.float64(3)}
    assert difference(arrays, arrays).max_abs == 0


@pytest.mark.parametrize(
    ("modern", "place"),
    [
        ({}, "only on one side: a"),
        ({"a": np.zeros(3), "b": np.zeros(1)}, "only on one side: b"),
        ({"a": np.zeros(3), **dict.fromkeys("dcb", 0)}, "only on one side: b, c, d"),
        (dict.fromkeys("edcb", 0), "only on one side: a, b, c and 2 more"),
        ({"a": np.zeros((3, 1))}, "a is (3,) and (3, 1)"),
        ({"a": np.zeros(3, np.float32)}, "a is float64 and float32"),
        ({"a": np.array([0, np.nan, 0])}, "a[1]"),
        ({"a": np.array([0, 0, np.inf])}, "a[2]"),
    ],
)
def test_what_cannot_be_subtracted_counts_as_infinite(modern, place):
    result = difference({"a": np.zeros(3)}, modern)
    assert result == (np.inf, place)


def test_a_nan_on_both_sides_is_no_agreement():
    assert difference({"a": np.array([np.nan])}, {"a": np.array([np.nan])}).max_abs == np.inf


def test_the_sign_of_a_difference_does_not_cancel():
    result = difference({"a": np.array([1.0, -1.0])}, {"a": np.array([-1.0, 1.0])})
    assert result.max_abs == 2
