"""What TensorFlow 1.15.5 computed: recorded by record.py, read here without TensorFlow.

One folder per model, `window_rnn/` for window-rnn:

    golden.npz     weights, and per dtype: outputs, logits, loss, gradients, one step, losses
    golden.json    versions, seed, config, dataset, command, SHA-256 of golden.npz

The models in CHECKPOINTED have checkpoints too, and what is computed from the second one; for the
others golden.npz is enough:

    model.ckpt-0, model.ckpt-200    checkpoints of the float32 graph, with Adam's slots; one .meta

And window-rnn alone:

    bands.json     how whole trainings ended, per dataset and seed
"""

import json
import os

import numpy as np

from shared import batches, datasets
from shared.config import CONFIGS, for_dataset, train_split

# Sizes that keep the files small; window-rnn has those of a training.
SIZES = {
    "window-rnn": {},
    "row-lstm": {"units": 16, "kernel": "generic"},
    "nested-rnn": {"units": 16, "slots": 4, "width": 6},
    "dense": {"units": 4},
    "conv": {"filters_0": 2, "filters_1": 4},
}
MODELS = tuple(SIZES)
CHECKPOINTED = ("window-rnn", "row-lstm")

FOLDER = os.path.dirname(os.path.abspath(__file__))
DTYPES = ("float32", "float64")
STEPS = 200  # recorded from the initial weights, and the step of the second checkpoint
RESUMED_STEPS = 50  # recorded from the second checkpoint
EXAMPLES = 4  # of the batch, in the recorded outputs


def folder(model):
    """The folder of a model's goldens."""
    return os.path.join(FOLDER, model.replace("-", "_"))


def checkpoint(model, step):
    """The path that a Saver restores: step 0 or STEPS."""
    return os.path.join(folder(model), "model.ckpt-%d" % step)


def config_and_batches(model, count=STEPS + RESUMED_STEPS):
    """The config of the goldens and their first `count` batches.

    Returns:
        The config, for scikit-learn's digits, SIZES and seed 0, and a list of pairs of images and
        labels as shared.batches.batch has them, in the order in which a training sees them.
    """
    dataset = datasets.load_digits()
    config = for_dataset(CONFIGS[model](**SIZES[model]), dataset)
    split = train_split(config, dataset)
    found = []
    while len(found) < count:
        plan = batches.train_plan(config, len(found) // config.steps_per_epoch)
        for step in range(min(len(plan), count - len(found))):
            found.append(batches.batch(split, plan, step, config=config))
    return config, found


def load(model):
    """Every array of golden.npz by its name, such as `float64/gradients/cell_0/kernel`."""
    with np.load(os.path.join(folder(model), "golden.npz")) as archive:
        return {name: archive[name] for name in archive.files}


def under(arrays, prefix):
    """The arrays whose names begin with `prefix/`, by the rest of their names."""
    found = {
        name[len(prefix) + 1 :]: value
        for name, value in arrays.items()
        if name.startswith(prefix + "/")
    }
    if not found:
        raise KeyError(prefix)
    return found


def read_json(path):
    """The content of a JSON file."""
    with open(path, encoding="utf-8") as file:
        return json.load(file)
