"""Hyper-parameters: one frozen dataclass per model, the same object for both sides."""

import abc
import dataclasses
import math
from dataclasses import dataclass, fields
from typing import ClassVar, Optional, Tuple

from shared import profiles
from shared.errors import UserError

MAX_STEPS = 10**8  # of a run: the records of all its steps take 0.8 GB
LARGEST = {"units": 4096, "layers": 64}  # what the command line accepts

# What computes a recurrent layer. Each model has some of them, its config's `kernels`.
KERNELS = ("auto", "generic", "fused-cpu", "unrolled", "fused")


@dataclass(frozen=True)
class Config(abc.ABC):
    """The hyper-parameters of every model.

    Raises:
        UserError: a value is out of its range.
    """

    model: ClassVar[str]  # its name on the command line
    split: ClassVar[str] = "full_train"  # the split of a Dataset that it is trained on
    optimizer: ClassVar[str] = "sgd"  # "adam" or "sgd"
    kernels: ClassVar[Tuple[str, ...]] = ()  # what can compute its recurrent layer, default first
    float32_horizon: ClassVar[int] = 200  # steps that two float32 trainings stay together (SGD)
    digits_epochs: ClassVar[int] = 60  # on scikit-learn's digits, 40 times fewer than MNIST's

    rows: int = 28  # time steps in a whole image
    features: int = 28  # pixels per row
    classes: int = 10
    batch_size: int = 64  # examples per training step
    learning_rate: float = 0.01
    epochs: int = 1
    steps: Optional[int] = None  # stop after this many training steps in all; None: all epochs
    seed: int = 0  # of the initial weights and of the batch plan
    train_examples: int = 60_000  # images in the training split
    test_examples: int = 10_000  # images in the test split
    log_every: int = 500  # training steps between two log lines
    summary_every: int = 100  # training steps between two TensorBoard points

    def __post_init__(self):
        _check_types(self)
        check_positive(self, "epochs", "batch_size", "learning_rate")
        if self.steps is not None:
            check_positive(self, "steps")
        for name, largest in LARGEST.items():
            if hasattr(self, name):
                check_range("--" + name, getattr(self, name), 1, largest)
        kernel = getattr(self, "kernel", None)
        if kernel is not None and kernel not in self.kernels:
            choice = ", ".join(self.kernels)
            raise UserError("--kernel is %s: choose one of %s" % (kernel, choice))
        check_range("--seed", self.seed, 0, 2**32 - 1)
        check_range("--batch-size", self.batch_size, 1, self.train_examples)
        if self.total_steps > MAX_STEPS:
            raise UserError(
                "%d steps are too many: give fewer --epochs or --steps" % self.total_steps
            )

    @property
    def window(self):
        """Consecutive rows that the model sees."""
        return self.rows

    @property
    def input_shape(self):
        """Shape of one example as the model's input."""
        return (self.window, self.features)

    @property
    def input_shapes(self):
        """Shapes of one example's inputs, by name; one is called `inputs`."""
        return {"inputs": self.input_shape}

    @property
    def steps_per_epoch(self):
        """Training steps in an epoch: whole batches only."""
        return self.train_examples // self.batch_size

    @property
    def test_batch_size(self):
        """Examples per test step: a divisor of both datasets' test splits: none is left out."""
        return 100

    @property
    def test_steps(self):
        """Batches in one pass over the test split."""
        return self.test_examples // self.test_batch_size

    @property
    def total_steps(self):
        """Training steps in the whole run."""
        whole = self.epochs * self.steps_per_epoch
        return whole if self.steps is None else min(whole, self.steps)

    @abc.abstractmethod
    def weight_shapes(self):
        """Names and shapes of the weights, as in a weights file (see shared/weights.py)."""


@dataclass(frozen=True)
class WindowRNNConfig(Config):
    """A stack of basic RNN cells over a random window of an image's rows."""

    model: ClassVar[str] = "window-rnn"
    split: ClassVar[str] = "train"
    optimizer: ClassVar[str] = "adam"
    kernels: ClassVar[Tuple[str, ...]] = ("auto", "fused")

    batch_size: int = 128
    learning_rate: float = 1e-3  # Adam's alpha
    epochs: int = 2
    train_examples: int = 55_000
    window: int = 19  # consecutive rows that the model sees, 1..rows
    units: int = 31  # per cell
    layers: int = 3  # stacked cells
    kernel: str = "auto"  # what computes the cells in modern_tf2: one of `kernels`
    beta_1: float = 0.9  # Adam's decay of the first moment
    beta_2: float = 0.999  # Adam's decay of the second moment
    epsilon: float = 1e-8  # TF1's default; Keras has 1e-7

    def __post_init__(self):
        _check_types(self)  # before the others, as the number of steps follows from it
        check_range("--window", self.window, 1, self.rows)
        super().__post_init__()
        smallest = min(self.train_examples, self.test_examples)
        check_range("--batch-size", self.batch_size, 1, smallest)

    @property
    def steps_per_epoch(self):
        """Training steps in an epoch: every window of every image once, on average."""
        return self.train_examples * self.starts // self.batch_size

    @property
    def test_batch_size(self):
        """Examples per test step."""
        return self.batch_size

    @property
    def test_steps(self):
        """Batches in one pass over the test split, counted in the same way."""
        return self.test_examples * self.starts // self.test_batch_size

    @property
    def starts(self):
        """Rows at which a window can start."""
        return self.rows - self.window + 1

    def weight_shapes(self):
        """Names and shapes of the weights, as in a weights file (see shared/weights.py)."""
        shapes: dict[str, tuple[int, ...]] = {}
        inputs = self.features
        for layer in range(self.layers):
            shapes["cell_%d/kernel" % layer] = (inputs, self.units)
            shapes["cell_%d/recurrent_kernel" % layer] = (self.units, self.units)
            shapes["cell_%d/bias" % layer] = (self.units,)
            inputs = self.units
        shapes["logits/kernel"] = (self.units, self.classes)
        shapes["logits/bias"] = (self.classes,)
        return shapes


@dataclass(frozen=True)
class RowLSTMConfig(Config):
    """One LSTM over all rows of an image, then batch normalization and a dense layer."""

    model: ClassVar[str] = "row-lstm"
    kernels: ClassVar[Tuple[str, ...]] = ("auto", "generic", "fused-cpu", "unrolled")

    units: int = 64
    kernel: str = "auto"  # what computes the LSTM: one of `kernels`
    forget_bias: float = 1.0  # TF1 adds it in the graph, Keras starts the bias with it
    momentum: float = 0.99  # of the moving mean and variance
    epsilon: float = 1e-3  # added to the variance

    def __post_init__(self):
        super().__post_init__()
        if self.forget_bias not in (0.0, 1.0):
            raise UserError("forget_bias is %s: Keras starts it at 0 or 1" % self.forget_bias)

    def weight_shapes(self):
        """Names and shapes of the weights, as in a weights file (see shared/weights.py)."""
        shapes: dict[str, tuple[int, ...]] = {
            "lstm/kernel": (self.features, 4 * self.units),
            "lstm/recurrent_kernel": (self.units, 4 * self.units),
            "lstm/bias": (4 * self.units,),
        }
        for name in ("gamma", "beta", "moving_mean", "moving_variance"):
            shapes["normalization/" + name] = (self.units,)
        shapes["logits/kernel"] = (self.units, self.classes)
        shapes["logits/bias"] = (self.classes,)
        return shapes


FORMATS = ("nhwc", "nchw")


@dataclass(frozen=True)
class DenseConfig(Config):
    """A dense layer over all pixels of an image, then the logits."""

    model: ClassVar[str] = "dense"

    learning_rate: float = 0.2
    units: int = 128  # in the hidden layer

    @property
    def input_shape(self):
        """Shape of one example as the model's input: (input,)."""
        return (self.rows * self.features,)

    def weight_shapes(self):
        """Names and shapes of the weights, as in a weights file (see shared/weights.py)."""
        return {
            "hidden/kernel": (self.rows * self.features, self.units),
            "hidden/bias": (self.units,),
            "logits/kernel": (self.units, self.classes),
            "logits/bias": (self.classes,),
        }


@dataclass(frozen=True)
class ConvConfig(Config):
    """Two convolutions with max pooling, then the logits."""

    model: ClassVar[str] = "conv"
    float32_horizon: ClassVar[int] = 5  # then a rounding error flips a ReLU or a max pooling

    learning_rate: float = 0.1
    data_format: str = "nhwc"  # layout of a batch: one of FORMATS
    filters_0: int = 16  # of the first convolution
    filters_1: int = 32  # of the second
    size_0: int = 5  # pixels, height and width of the first convolution's kernel
    size_1: int = 3  # pixels, of the second's
    pool: int = 2  # pixels, height and width of a pooling window, and its stride

    def __post_init__(self):
        super().__post_init__()
        if self.data_format not in FORMATS:
            raise UserError(
                "--data-format is %s: choose one of %s" % (self.data_format, ", ".join(FORMATS))
            )

    @property
    def input_shape(self):
        """Shape of one example as the model's input: with one channel, last or first."""
        image = (self.rows, self.features)
        return (*image, 1) if self.data_format == "nhwc" else (1, *image)

    @property
    def convolutions(self):
        """Filters and kernel size of each convolution."""
        return ((self.filters_0, self.size_0), (self.filters_1, self.size_1))

    @property
    def last_shape(self):
        """(height, width, channel) of the feature maps that are flattened for the logits."""
        height, width = self.rows, self.features
        for _, size in self.convolutions:
            height, width = ((n - size + 1) // self.pool for n in (height, width))
        return (height, width, self.filters_1)

    def weight_shapes(self):
        """Names and shapes of the weights, as in a weights file (see shared/weights.py).

        They are the same in both layouts: kernels are [height, width, input, filter], and the rows
        of the logits' kernel go by height, width, channel.
        """
        shapes: dict[str, tuple[int, ...]] = {}
        channels = 1
        for layer, (filters, size) in enumerate(self.convolutions):
            shapes["conv_%d/kernel" % layer] = (size, size, channels, filters)
            shapes["conv_%d/bias" % layer] = (filters,)
            channels = filters
        height, width, _ = self.last_shape
        shapes["logits/kernel"] = (height * width * channels, self.classes)
        shapes["logits/bias"] = (self.classes,)
        return shapes


@dataclass(frozen=True)
class NestedRNNConfig(Config):
    """A recurrent cell that reads rows with their profiles and has a memory next to its state."""

    model: ClassVar[str] = "nested-rnn"
    optimizer: ClassVar[str] = "adam"

    learning_rate: float = 1.5e-3  # Adam's alpha
    beta_1: float = 0.9  # Adam's decay of the first moment
    beta_2: float = 0.999  # Adam's decay of the second moment
    epsilon: float = 1e-8  # TF1's default; Keras has 1e-7
    profile: int = len(profiles.NAMES)  # numbers in a row's profile
    units: int = 64  # of the hidden state
    slots: int = 8  # rows of the memory
    width: int = 16  # numbers in a slot
    decay: float = 0.95  # factor of the memory per time step
    leak: float = 0.3  # share of the hidden state that a time step replaces

    @property
    def input_shapes(self):
        """Shapes of one example's streams, by name."""
        return {
            "pixels": self.input_shape,
            "profile": (self.window, self.profile),
        }

    def weight_shapes(self):
        """Names and shapes of the weights, as in a weights file.

        One kernel per equation of the cell: its rows are those of the inputs that are stacked.
        """
        stacked = self.features + self.profile + self.units + self.width
        return {
            "rnn/address/kernel": (self.profile + self.units, self.slots),
            "rnn/address/bias": (self.slots,),
            "rnn/write/kernel": (self.features, self.width),
            "rnn/write/bias": (self.width,),
            "rnn/hidden/kernel": (stacked, self.units),
            "rnn/hidden/bias": (self.units,),
            "logits/kernel": (self.units, self.classes),
            "logits/bias": (self.classes,),
        }


CONFIGS = {
    config.model: config
    for config in (WindowRNNConfig, RowLSTMConfig, NestedRNNConfig, DenseConfig, ConvConfig)
}


def train_split(config, dataset):
    """The split of the dataset that the config's model is trained on."""
    return getattr(dataset, config.split)


def for_dataset(config, dataset):
    """The same config with the sizes of the dataset's splits filled in."""
    return dataclasses.replace(
        config,
        train_examples=len(train_split(config, dataset).images),
        test_examples=len(dataset.test.images),
    )


def _check_types(config):
    """Raises UserError unless all values are of their fields' types: a file may hold others."""
    for field in fields(config):
        value, kind = getattr(config, field.name), type(field.default)
        whole = isinstance(value, int) and not isinstance(value, bool)
        fits = {
            int: whole,
            float: whole or isinstance(value, float),
            str: isinstance(value, str),
            type(None): whole or value is None,
        }
        if not fits[kind]:
            name = field.name.replace("_", "-")
            wanted = {float: "number", str: "word"}.get(kind, "whole number")
            raise UserError("--%s is %s: give a %s" % (name, value, wanted))


def check_range(flag, value, low, high):
    """Raises UserError unless low <= value <= high."""
    if not low <= value <= high:
        raise UserError("%s is %s: give a value from %s to %s" % (flag, value, low, high))


def check_positive(config, *names):
    """Raises UserError unless every named field is finite and above zero."""
    for name in names:
        value = getattr(config, name)
        if not 0 < value < math.inf:
            flag = "--" + name.replace("_", "-")
            raise UserError("%s is %s: give a finite value above 0" % (flag, value))
