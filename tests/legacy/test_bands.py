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
    seeds = {name: tuple(run["seed"] for run in of["runs"]) for name, of in recorded.items()}
    assert seeds == bands.SEEDS
    assert {of["versions"]["tensorflow"] for of in recorded.values()} == {"1.15.5"}


@pytest.mark.parametrize("dataset", ["digits", "mnist"])
def test_band_is_the_recorded_range_and_its_spread_on_either_side(dataset):
    runs = bands.load(MODEL)[dataset]["runs"]
    for quantity, (low, high) in bands.band(MODEL, dataset).items():
        values = sorted(run[quantity] for run in runs)
        spread = values[-1] - values[0]
        known = bands.MNIST_BAND[quantity] if dataset == "mnist" else (low, high)
        assert low == pytest.approx(min(values[0] - spread, known[0]), rel=1e-12)
        assert high == pytest.approx(max(values[-1] + spread, known[1]), rel=1e-12)


def test_band_of_the_digits_is_not_wider_than_recorded():
    for quantity, (low, high) in bands.band(MODEL, "digits").items():
        values = [run[quantity] for run in bands.load(MODEL)["digits"]["runs"]]
        assert high - low == pytest.approx(3 * (max(values) - min(values)), rel=1e-12)


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
