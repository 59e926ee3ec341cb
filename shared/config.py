"""Hyper-parameters: one frozen dataclass per model, taken by both sides as the same object."""

import dataclasses
from dataclasses import dataclass
from typing import ClassVar, Optional

from shared.errors import UserError


@dataclass(frozen=True)
class WindowRNNConfig:
    """A stack of basic RNN cells over a random window of an image's rows.

    Raises:
        UserError: a value is out of its range.
    """

    model: ClassVar[str] = "window-rnn"

    rows: int = 28  # time steps in a whole image
    features: int = 28  # pixels per row
    window: int = 19  # consecutive rows that the model sees, 1..rows
    units: int = 31  # per cell
    layers: int = 3  # stacked cells
    classes: int = 10
    batch_size: int = 128  # examples
    learning_rate: float = 1e-3  # Adam's alpha
    beta_1: float = 0.9  # Adam's decay of the first moment
    beta_2: float = 0.999  # Adam's decay of the second moment
    epsilon: float = 1e-8  # TF1's default; Keras has 1e-7
    epochs: int = 2
    steps: Optional[int] = None  # stop after this many training steps in all; None: all epochs
    seed: int = 0  # of the initial weights and of the batch plan
    train_examples: int = 55_000  # images in the training split
    test_examples: int = 10_000  # images in the test split
    log_every: int = 500  # training steps between two log lines
    summary_every: int = 100  # training steps between two TensorBoard points

    def __post_init__(self):
        check_range("--window", self.window, 1, self.rows)
        check_positive(self, "epochs", "batch_size", "learning_rate")
        if self.steps is not None:
            check_positive(self, "steps")
        check_range("--seed", self.seed, 0, 2**32 - 1)
        smallest = min(self.train_examples, self.test_examples)
        check_range("--batch-size", self.batch_size, 1, smallest)

    @property
    def steps_per_epoch(self):
        """Training steps in an epoch: every window of every image once, on average."""
        return self.train_examples * self._starts // self.batch_size

    @property
    def test_steps(self):
        """Batches in one pass over the test split, counted in the same way."""
        return self.test_examples * self._starts // self.batch_size

    @property
    def total_steps(self):
        """Training steps in the whole run."""
        whole = self.epochs * self.steps_per_epoch
        return whole if self.steps is None else min(whole, self.steps)

    @property
    def _starts(self):
        return self.rows - self.window + 1

    def weight_shapes(self):
        """Names and shapes of the weights, as a weights file holds them (see shared/weights.py)."""
        shapes = {}
        inputs = self.features
        for layer in range(self.layers):
            shapes["cell_%d/kernel" % layer] = (inputs, self.units)
            shapes["cell_%d/recurrent_kernel" % layer] = (self.units, self.units)
            shapes["cell_%d/bias" % layer] = (self.units,)
            inputs = self.units
        shapes["logits/kernel"] = (self.units, self.classes)
        shapes["logits/bias"] = (self.classes,)
        return shapes


CONFIGS = {config.model: config for config in (WindowRNNConfig,)}

# Epochs on scikit-learn's digits, whose epoch is 40 times shorter than MNIST's.
DIGITS_EPOCHS = 60


def for_dataset(config, dataset):
    """The same config with the sizes of the dataset's splits filled in."""
    return dataclasses.replace(
        config,
        train_examples=len(dataset.train.images),
        test_examples=len(dataset.test.images),
    )


def check_range(flag, value, low, high):
    """Raises UserError unless low <= value <= high."""
    if not low <= value <= high:
        raise UserError("%s is %s: give a value from %s to %s" % (flag, value, low, high))


def check_positive(config, *names):
    """Raises UserError unless every named field is above zero."""
    for name in names:
        value = getattr(config, name)
        if not value > 0:
            flag = "--" + name.replace("_", "-")
            raise UserError("%s is %s: give a value above 0" % (flag, value))
