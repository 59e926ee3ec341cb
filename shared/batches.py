"""The batch plan: which images and which rows each step sees, fixed before the first step.

Both sides consume the same plan, so that two runs see bit-identical batches. It is a function of
the seed and the config alone. `RandomState` is used because NumPy has frozen its stream: 1.18 and
2.x draw the same numbers from it, which `default_rng` does not promise.
"""

from typing import NamedTuple

import numpy as np

from shared import profiles

# As TF1's `read_data_sets` did: multiply in float32. A division would be another number where a
# graph optimizer turns it into this product, on one side only.
PIXEL_SCALE = np.float32(1 / 255)

_TRAIN, _TEST = 0, 1


class BatchPlan(NamedTuple):
    """The batches of some consecutive steps.

    indices: [steps, batch] int32, the image of each example.
    starts: [steps, batch] int32, the first row of each example's window.
    """

    indices: np.ndarray
    starts: np.ndarray

    def __len__(self):
        return len(self.indices)

    def skip(self, steps):
        """The plan without its first `steps` steps."""
        return BatchPlan(self.indices[steps:], self.starts[steps:])

    def take(self, steps):
        """The first `steps` steps of the plan."""
        return BatchPlan(self.indices[:steps], self.starts[:steps])

    def shard(self, number, workers):
        """The part of each batch that belongs to one of `workers`, of equal parts in their order.

        Raises ValueError where a batch has no such parts.
        """
        size, rest = divmod(self.indices.shape[1], workers)
        if rest or not 0 <= number < workers:
            raise ValueError("no shard %d of %d of a batch" % (number, workers))
        part = slice(number * size, (number + 1) * size)
        return BatchPlan(self.indices[:, part], self.starts[:, part])


def train_plan(config, epoch):
    """The batches of training epoch `epoch`, counted from 0: a [steps_per_epoch, batch] plan.

    For the window RNN each is a random contiguous block with a random window per image; for the
    other models the images come in a random order, and a last batch that is not full is left out.
    """
    stream = np.random.RandomState([config.seed, _TRAIN, epoch])
    if config.model == "window-rnn":
        return _blocks(stream, config, config.train_examples, config.batch_size)
    return _whole(stream.permutation(config.train_examples), config.batch_size)


def test_plan(config):
    """The batches of the test, the same after every epoch: a [test_steps, test batch] plan.

    For the window RNN they are drawn as in training; for the other models they are in order.
    """
    if config.model == "window-rnn":
        stream = np.random.RandomState([config.seed, _TEST])
        return _blocks(stream, config, config.test_examples, config.test_batch_size)
    return _whole(np.arange(config.test_examples), config.test_batch_size)


def window_rows(plan, step, *, config):
    """Row numbers [batch, window] of one step's windows, counting the rows of all images."""
    first = plan.indices[step] * config.rows + plan.starts[step]  # [B]
    return first[:, None] + np.arange(config.window, dtype=np.int32)  # [B, T]


def batch(split, plan, step, *, config, table=None):
    """One step's inputs and labels [batch] int64.

    Args:
        split: shared.datasets.Split.
        plan: BatchPlan; `step` counts from its beginning.
        config: the model's config.
        table: profile_table(split, config), computed once for many steps; None: the profiles are
            computed for this batch alone, to the same bytes.

    Returns:
        Images [batch, *input_shape] float32 in [0, 1], or for a model that reads profiles as well
        the dict {"pixels": those images, "profile": [batch, window, 3] float32}; and the labels.
    """
    rows = split.images.reshape(-1, config.features)  # [examples * rows, features] uint8
    numbers = window_rows(plan, step, config=config)
    profile = None if table is None else table[numbers]
    return _inputs(rows[numbers], config, profile=profile), split.labels[plan.indices[step]]


def windows(image, config):
    """Every window of an image [28, 28] uint8, as the inputs of a batch: see `batch`."""
    starts = np.arange(config.rows - config.window + 1)
    return _inputs(image[starts[:, None] + np.arange(config.window)], config)


def profile_table(split, config):
    """The profiles [examples * rows, 3] float32 of all rows; None for a model without profiles."""
    reads_profiles = "profile" in config.input_shapes
    return profiles.profiles(split.images.reshape(-1, config.features)) if reads_profiles else None


def _inputs(rows, config, *, profile=None):
    """Rows [batch, window, features] uint8 as the model's inputs."""
    images = rows.astype(np.float32) * PIXEL_SCALE
    images = images.reshape((-1, *config.input_shape))
    if "profile" not in config.input_shapes:
        return images
    return {"pixels": images, "profile": profiles.profiles(rows) if profile is None else profile}


def _blocks(stream, config, examples, size):
    """A random contiguous block of images per step, a random window per image."""
    steps = examples * config.starts // size
    offsets = stream.randint(0, examples - size + 1, size=steps, dtype=np.int32)
    starts = stream.randint(0, config.starts, size=(steps, size), dtype=np.int32)
    return BatchPlan(offsets[:, None] + np.arange(size, dtype=np.int32), starts)


def _whole(order, size):
    """Whole images in the order given, in full batches."""
    steps = len(order) // size
    indices = order[: steps * size].reshape(steps, size).astype(np.int32)
    return BatchPlan(indices, np.zeros_like(indices))
