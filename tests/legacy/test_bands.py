"""A whole training of the TF1 side ends where those on 1.15.5 ended."""

import os

import pytest

from legacy_tf1 import training
from shared import datasets
from tests.goldens import bands


@pytest.mark.slow
def test_training_ends_in_the_band():
    dataset = datasets.load("mnist" if os.environ.get("MNIST_DIR") else "digits")
    ending = bands.train_in_full(training.train, "legacy", "window-rnn", dataset=dataset, seed=0)
    outside = bands.outside(ending, bands.band("window-rnn", dataset.name))
    assert outside == {}, ending
