"""Whole trainings of the row LSTM: the kernels of both sides from one start."""

import dataclasses
import os

import pytest

from legacy_tf1 import training as legacy_training
from modern_tf2 import training as modern_training
from shared import datasets, runs, weights
from shared.config import RowLSTMConfig, for_dataset

pytestmark = pytest.mark.slow

EPOCHS = 3
# Validation accuracy on MNIST after one epoch and after EPOCHS, from Keras' initializers.
FIRST_BAND, LAST_AT_LEAST = (0.74, 0.88), 0.90
KERNELS_APART = 0.02


@pytest.fixture(scope="module")
def dataset():
    return datasets.load("mnist" if os.environ.get("MNIST_DIR") else "digits")


def train(side, dataset, folder, *, kernel, initial=None):
    """Test accuracies of a training, one per epoch, and the weights that it started from."""
    config = for_dataset(RowLSTMConfig(kernel=kernel), dataset)
    epochs = EPOCHS if dataset.name == "mnist" else config.digits_epochs
    config = dataclasses.replace(config, epochs=epochs)
    run = runs.create_run(folder, side, config=config, dataset=dataset.name)
    module = {"legacy": legacy_training, "modern": modern_training}[side]
    result = module.train(run, dataset, initial_weights=initial)
    start = weights.load(run.file("initial_weights.npz"), config)
    return [test["accuracy"] for test in result["test"]], start


@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_kernels_train_alike_and_as_well_as_they_should(side, dataset, tmp_path):
    """Those of both sides; the others compute as "generic" does (test_row_lstm.py)."""
    initial, results = None, {}
    for kernel in RowLSTMConfig.kernels[1:3]:
        folder = tmp_path / kernel
        results[kernel], start = train(side, dataset, folder, kernel=kernel, initial=initial)
        initial = initial or start
    for epoch in zip(*results.values(), strict=True):
        if dataset.name == "mnist":
            assert max(epoch) - min(epoch) <= KERNELS_APART, results
    last = [accuracies[-1] for accuracies in results.values()]
    assert max(last) - min(last) <= KERNELS_APART, results
    assert min(last) >= LAST_AT_LEAST, results
    if dataset.name == "mnist":
        for accuracies in results.values():
            assert FIRST_BAND[0] <= accuracies[0] <= FIRST_BAND[1], results
