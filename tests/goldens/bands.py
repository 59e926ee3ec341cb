"""How whole trainings ended under TensorFlow 1.15, and where another one may therefore end.

Needs no TensorFlow but to record.
"""

import dataclasses
import os
import tempfile

import numpy as np

from shared import datasets, runs, versions
from shared.config import CONFIGS, for_dataset
from shared.files import write_json
from tests import goldens

COMMAND = "MNIST_DIR=... python -m tests.goldens.record --write --bands"
SEEDS = {"digits": tuple(range(5)), "mnist": tuple(range(8))}
# So many of the seeds are trained by a test.
TESTED = {"digits": 1, "mnist": 1}
LAST_STEPS = 500  # whose mean loss is recorded

# Where a training on MNIST is known to end. The mean of the tested seeds has to; a single one may
# leave it as far as the recorded ones do: under Adam the accuracy of one test goes up and down by a
# hundredth from epoch to epoch.
MNIST_BAND = {"accuracy": (0.930, 0.955), "loss": (0.17, 0.23)}


def band(model, dataset):
    """Where a training on "mnist" or "digits" may end: (low, high) of `accuracy` and of `loss`.

    It reaches from the smallest to the largest recorded value, and beyond either by their spread,
    which is the distance between the two; on MNIST it holds all of MNIST_BAND.
    """
    found = {}
    for quantity in ("accuracy", "loss"):
        values = [run[quantity] for run in load(model)[dataset]["runs"]]
        spread = max(values) - min(values)
        limits = [min(values) - spread, max(values) + spread]
        limits += MNIST_BAND[quantity] if dataset == "mnist" else ()
        found[quantity] = (min(limits), max(limits))
    return found


def check_trainings(train, side, model):
    """Trains in full with the first seeds, on MNIST where MNIST_DIR is set, else on the digits.

    Raises AssertionError where an ending, or on MNIST the mean of them, is not in its band.
    """
    dataset = datasets.load("mnist" if os.environ.get("MNIST_DIR") else "digits")
    seeds = SEEDS[dataset.name][: TESTED[dataset.name]]
    endings = [train_in_full(train, side, model, dataset=dataset, seed=seed) for seed in seeds]
    for ending in endings:
        assert outside(ending, band(model, dataset.name)) == {}, endings
    if dataset.name == "mnist":
        mean = {name: np.mean([ending[name] for ending in endings]) for name in MNIST_BAND}
        assert outside(mean, MNIST_BAND) == {}, endings


def outside(ending, limits):
    """The limits of a band for those quantities of an ending that are not within it."""
    return {
        quantity: (low, high)
        for quantity, (low, high) in limits.items()
        if not low <= ending[quantity] <= high
    }


def load(model):
    """The content of bands.json: per dataset the epochs, versions, command and runs."""
    return goldens.read_json(_path(model))


def train_in_full(train, side, model, *, dataset, seed):
    """Calls the `train` of a side in a temporary folder, with the epochs of the dataset.

    Returns:
        `accuracy`, of the last test, and `loss`, the mean of the last LAST_STEPS training steps.
    """
    config = dataclasses.replace(
        for_dataset(CONFIGS[model](), dataset), epochs=_epochs(model, dataset.name), seed=seed
    )
    with tempfile.TemporaryDirectory() as folder:
        run = runs.create_run(folder, side, config=config, dataset=dataset.name, overwrite=True)
        result = train(run, dataset)
        losses, _ = run.steps()
    loss = float(np.mean(losses[-LAST_STEPS:], dtype=np.float64))
    return {"accuracy": result["test"][-1]["accuracy"], "loss": loss}


def record_bands(model, target):
    """Writes bands.json into the folder `target`.

    Trains on the digits and, where MNIST_DIR is set, on MNIST; else keeps what the tree has of it.
    """
    found = load(model) if os.path.exists(_path(model)) else {}
    for name in SEEDS if os.environ.get("MNIST_DIR") else ("digits",):
        found[name] = _record(model, datasets.load(name))
    write_json(os.path.join(target, "bands.json"), found)


def _record(model, dataset):
    from legacy_tf1 import training

    endings = []
    for seed in SEEDS[dataset.name]:
        ending = train_in_full(training.train, "legacy", model, dataset=dataset, seed=seed)
        endings.append(dict(seed=seed, **ending))
    return {
        "epochs": _epochs(model, dataset.name),
        "versions": versions.installed("tensorflow"),
        "command": COMMAND,
        "runs": endings,
    }


def _epochs(model, dataset):
    return CONFIGS[model].digits_epochs if dataset == "digits" else CONFIGS[model].epochs


def _path(model):
    return os.path.join(goldens.folder(model), "bands.json")
