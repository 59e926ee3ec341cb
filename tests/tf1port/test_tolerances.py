"""Each row of the table of tolerances fails at a gap that is just too large for it.

The gaps are written out once more: a bound that is loosened has to be loosened here as well, where
the reason is read. Rows of equal bounds stand together.
"""

import numpy as np
import pytest

from tf1port.numerics import comparison, tolerances

BOTH, SINGLE, DOUBLE = ("float32", "float64"), ("float32",), ("float64",)
# Bounds, the gap of 1.001 times which is too large, or any gap at all; by quantity the dtypes.
BOUNDS = {
    0.0: {
        "weights": BOTH,
        "optimizer": SINGLE,
        "options of layers": SINGLE,
        "constants of cells": SINGLE,
        "converted slots": BOTH,
        "accuracy": BOTH,
    },
    4.5e-16: {
        "weights with forget bias": DOUBLE,
        "momentum, round trip": DOUBLE,
    },
    1e-15: {
        "slots": DOUBLE,
    },
    1e-14: {
        "translated op": DOUBLE,
        "gradients": DOUBLE,
    },
    1e-12: {
        "known mistake, right port": DOUBLE,
        "outputs": DOUBLE,
        "outputs of lengths": DOUBLE,
        "cell outputs": DOUBLE,
        "cell states": DOUBLE,
        "cell gradients": DOUBLE,
        "logits": DOUBLE,
        "loss": DOUBLE,
        "losses of 50 SGD steps": DOUBLE,
        "weights after SGD": DOUBLE,
    },
    1e-11: {
        "losses of 50 steps, TF1's powers": DOUBLE,
        "resumed losses": DOUBLE,
        "resumed slots": DOUBLE,
    },
    1e-09: {
        "cell outputs of a sequence": DOUBLE,
        "cell states of a sequence": DOUBLE,
        "logits of a sequence": DOUBLE,
        "a sequence in parts, its states handed on": DOUBLE,
        "outputs, end to end": DOUBLE,
        "layers before the cells": DOUBLE,
        "gradients of a batch": DOUBLE,
        "losses of resumed steps": DOUBLE,
        "losses of 100 resumed steps": DOUBLE,
        "stepped weights": DOUBLE,
        "losses of 200 steps, TF1's powers": DOUBLE,
        "weights, TF1's powers": DOUBLE,
        "losses of 200 SGD steps": DOUBLE,
        "resumed weights": DOUBLE,
    },
    1e-07: {
        "slots": SINGLE,
    },
    2.4e-07: {
        "weights with forget bias": SINGLE,
        "momentum, round trip": SINGLE,
        "cell states of a step": SINGLE,
    },
    4e-7: {
        "weights of 100 steps of shards": SINGLE,
    },
    1e-06: {
        "cell outputs": SINGLE,
        "cell states": SINGLE,
        "translated op": SINGLE,
        "loss": SINGLE,
        "losses of 5 SGD steps": SINGLE,
    },
    2e-06: {
        "losses of 200 steps": DOUBLE,
        "losses of 50 SGD steps": SINGLE,
    },
    2.6e-06: {
        "gradients": SINGLE,
    },
    1e-05: {
        "known mistake, right port": SINGLE,
        "outputs": SINGLE,
        "outputs of lengths": SINGLE,
        "learning rate": SINGLE,
        "logits": SINGLE,
        "losses of 50 steps": SINGLE,
        "losses of 200 SGD steps": SINGLE,
        "weights after SGD": SINGLE,
        "resumed losses": SINGLE,
        "resumed slots": SINGLE,
    },
    2e-05: {
        "losses of 100 resumed steps": SINGLE,
    },
    5e-05: {
        "stepped weights": SINGLE,
        "resumed weights": SINGLE,
        "exported logits": SINGLE,
    },
    0.0001: {
        "outputs, end to end": SINGLE,
        "layers before the cells": SINGLE,
        "gradients of a batch": SINGLE,
        "losses of resumed steps": SINGLE,
        "cell outputs of a short sequence": SINGLE,
        "cell states of a short sequence": SINGLE,
        "logits of a short sequence": SINGLE,
    },
    0.0005: {
        "losses of 200 steps": SINGLE,
    },
    0.01: {
        "known mistake, measured again": SINGLE,
        "test accuracy": SINGLE,
    },
    0.0125: {
        "mean test accuracy": SINGLE,
    },
    0.015: {
        "final accuracy": SINGLE,
    },
    0.02: {
        "test accuracy, still rising": SINGLE,
    },
    0.03: {
        "final loss": SINGLE,
    },
}
ROWS = [
    pytest.param(quantity, dtype, bound, id=f"{quantity}-{dtype}")
    for bound, quantities in BOUNDS.items()
    for quantity, dtypes in quantities.items()
    for dtype in dtypes
]


def check(quantity, dtype, gap):
    sides = ({"a": np.zeros(3)}, {"a": np.array([0.0, -gap, 0.0])})
    return comparison.check(quantity, *sides, dtype=dtype)


@pytest.mark.parametrize(("quantity", "dtype", "bound"), ROWS)
def test_a_gap_just_too_large_fails(quantity, dtype, bound):
    assert check(quantity, dtype, bound).passed
    found = check(quantity, dtype, bound * 1.001 or np.nextafter(0, 1))
    assert not found.passed
    assert found.place == "a[1]"


def test_every_row_of_the_table_is_here_once():
    assert sorted((quantity, dtype) for quantity, dtype, _ in (row.values for row in ROWS)) == (
        sorted(tolerances.TABLE)
    )


@pytest.mark.parametrize("row", tolerances.TABLE, ids="-".join)
def test_every_row_says_what_was_seen_and_why_it_is_not_tighter(row):
    found = tolerances.TABLE[row]
    assert 0 <= found.observed <= found.bound
    assert found.reason
