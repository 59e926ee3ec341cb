"""A whole training of the Keras 3 side ends where those of legacy_tf1 on 1.15.5 ended."""

import os

import pytest

from modern_tf2 import training
from shared import datasets
from tests.goldens import bands

MODEL = "window-rnn"


@pytest.mark.slow
def test_training_ends_in_the_band():
    dataset = datasets.load("mnist" if os.environ.get("MNIST_DIR") else "digits")
    ending = bands.train_in_full(training.train, "modern", MODEL, dataset=dataset, seed=0)
    assert bands.outside(ending, bands.band(MODEL, dataset.name)) == {}, ending
