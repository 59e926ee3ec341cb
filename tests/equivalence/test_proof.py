"""What the ladder starts from."""

import numpy as np
import pytest

from equivalence import proof
from legacy_tf1 import training as legacy_training
from shared import datasets, runs, weights
from shared.config import DenseConfig, RowLSTMConfig, WindowRNNConfig, for_dataset


def test_equal_values_are_moved_apart_and_no_others():
    stream = np.random.RandomState(0)
    bias = np.repeat(np.array([0, 1, 0, 0], "float32"), 8)  # an LSTM's, forget bias in it
    drawn = {
        "kernel": stream.normal(size=(4, 5)).astype("float32"),
        "bias": np.zeros(5, "float32"),
        "lstm/bias": bias,
        "moving_variance": np.ones(7, "float32"),
    }
    before = {name: value.copy() for name, value in drawn.items()}
    varied = proof.without_constants(drawn, seed=3)
    assert (varied["kernel"] == drawn["kernel"]).all()
    for name in ("bias", "lstm/bias", "moving_variance"):
        assert len(np.unique(varied[name])) == drawn[name].size
        assert 0 < np.abs(varied[name] - drawn[name]).max() <= proof.DRAWN * (1 + 1e-5)
        assert varied[name].dtype == np.float32
    assert all((drawn[name] == before[name]).all() for name in drawn)
    again = proof.without_constants(drawn, seed=3)
    assert all((again[name] == varied[name]).all() for name in varied)


def test_a_fused_kernel_is_compared_in_float32_alone():
    config = RowLSTMConfig(kernel="fused-cpu")
    assert proof.dtypes(config) == ("float32",)
    entries = proof.left_out(config)
    assert [entry["number"] for entry in entries] == [1, 2, 3, 4, 5, 6, 7]
    assert {entry["dtype"] for entry in entries} == {"float64"}
    assert proof.left_out(WindowRNNConfig()) == []


@pytest.mark.slow
def test_initial_weights_are_those_of_a_legacy_training(tmp_path):
    digits = datasets.load("digits")
    for small in (DenseConfig(units=4, steps=1), WindowRNNConfig(units=4, steps=1)):
        config = for_dataset(small, digits)
        run = runs.create_run(tmp_path / config.model, "legacy", config=config, dataset="digits")
        run.quiet = True
        legacy_training.train(run, digits)
        trained_from = weights.load(run.file("initial_weights.npz"), config)
        initial = proof.initial_weights(config)
        assert set(initial) == set(trained_from)
        assert all((initial[name] == trained_from[name]).all() for name in initial)
