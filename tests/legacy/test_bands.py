"""Whole trainings of the TF1 side end where those on 1.15.5 ended; and what the band sees."""

import pytest

from legacy_tf1 import training
from tests.goldens import bands

MODEL = "window-rnn"


@pytest.mark.slow
def test_trainings_end_in_the_band():
    bands.check_trainings(training.train, "legacy", MODEL)


def test_bands_were_recorded_on_1_15_5():
    recorded = bands.load(MODEL)
    assert {name: [run["seed"] for run in of["runs"]] for name, of in recorded.items()} == {
        "digits": [0, 1, 2, 3, 4],
        "mnist": [0, 1, 2],
    }
    assert {of["versions"]["tensorflow"] for of in recorded.values()} == {"1.15.5"}


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_band_is_the_recorded_range_and_its_spread_on_either_side(dataset):
    runs = bands.load(MODEL)[dataset]["runs"]
    for quantity, (low, high) in bands.band(MODEL, dataset).items():
        values = sorted(run[quantity] for run in runs)
        assert low < values[0] < values[-1] < high
        assert high - low == pytest.approx(3 * (values[-1] - values[0]), rel=1e-12)


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_an_ending_outside_is_named(dataset):
    limits = bands.band(MODEL, dataset)
    middle = {quantity: (low + high) / 2 for quantity, (low, high) in limits.items()}
    assert bands.outside(middle, limits) == {}
    # A model that has learnt nothing: a tenth is right, ln 10 nats are lost.
    assert set(bands.outside({"accuracy": 0.1, "loss": 2.3}, limits)) == {"accuracy", "loss"}
    for quantity, (low, high) in limits.items():
        for value in (low - 1e-6, high + 1e-6, float("nan")):
            found = bands.outside(dict(middle, **{quantity: value}), limits)
            assert found == {quantity: (low, high)}
