"""Both sides see the same bytes: in every batch of every epoch, and in every test.

The checks of the ladder take their batches from the plan; here they are those of the pipelines.
"""

import dataclasses
import hashlib
from itertools import pairwise

import numpy as np
import pytest

from legacy_tf1 import input_pipeline as legacy_pipeline
from legacy_tf1 import training as legacy_training
from modern_tf2 import input_pipeline as modern_pipeline
from modern_tf2 import training as modern_training
from shared import batches, datasets, runs
from shared.config import CONFIGS, DenseConfig, WindowRNNConfig, for_dataset

DIGITS = datasets.load_digits()
EPOCHS = 3
SIDES = {
    "legacy": (legacy_pipeline, legacy_training),
    "modern": (modern_pipeline, modern_training),
}


def small(config):
    """A config on the digits whose epochs are short."""
    return dataclasses.replace(for_dataset(config, DIGITS), batch_size=100, epochs=EPOCHS)


def digest(pair):
    """A digest of all that a batch consists of: names, dtypes, shapes and bytes."""
    images, labels = pair
    arrays = images if isinstance(images, dict) else {"images": images}
    sha = hashlib.sha256()
    for name, array in sorted({**arrays, "labels": labels}.items()):
        array = np.asarray(array)
        sha.update(f"{name} {array.dtype} {array.shape} ".encode() + array.tobytes())
    return sha.hexdigest()


def planned(plan, split, config):
    return [digest(batches.batch(split, plan, i, config=config)) for i in range(len(plan))]


@pytest.mark.parametrize("model", CONFIGS)
def test_every_batch_of_every_epoch_has_the_bytes_of_the_plan(model):
    config = small(CONFIGS[model]())
    epochs = []
    for epoch in range(EPOCHS):
        expected = planned(batches.train_plan(config, epoch), DIGITS.full_train, config)
        options = {"epoch": epoch, "skip": 0, "count": config.steps_per_epoch}
        for pipeline, _ in SIDES.values():
            epoch_batches = pipeline.train_batches(DIGITS.full_train, config, **options)
            assert [digest(pair) for pair in epoch_batches] == expected
        epochs.append(expected)
    assert all(one != other for one, other in pairwise(epochs))


@pytest.mark.parametrize("model", CONFIGS)
def test_every_batch_of_a_test_has_the_bytes_of_the_plan(model):
    config = small(CONFIGS[model]())
    expected = planned(batches.test_plan(config), DIGITS.test, config)
    for pipeline, _ in SIDES.values():
        assert [digest(pair) for pair in pipeline.test_batches(DIGITS.test, config)] == expected


@pytest.mark.parametrize(
    "config", [DenseConfig(), pytest.param(WindowRNNConfig(steps=600), marks=pytest.mark.slow)]
)
@pytest.mark.parametrize("side", SIDES)
def test_a_training_is_fed_the_plan_of_each_epoch(side, config, tmp_path, monkeypatch):
    config = small(config)
    pipeline, training = SIDES[side]
    plain, trained_on = pipeline.train_batches, []

    def recorded(split, config, **options):
        trained_on.extend(digest(pair) for pair in plain(split, config, **options))
        return plain(split, config, **options)

    monkeypatch.setattr(pipeline, "train_batches", recorded)
    run = runs.create_run(str(tmp_path / "run"), side, config=config, dataset="digits")
    assert training.train(run, DIGITS)["finished"]
    split = training.train_split(config, DIGITS)
    expected = [
        one
        for epoch in range(EPOCHS)
        for one in planned(batches.train_plan(config, epoch), split, config)
    ]
    assert len(trained_on) == config.total_steps
    assert trained_on == expected[: config.total_steps]
