"""Wrong ports of the models but the window RNN, as changes of their named weights."""

from typing import Callable, NamedTuple

import numpy as np


class Control(NamedTuple):
    """A wrong port: `change` of the weights, and the `hidden` groups, in which it is not seen."""

    change: Callable
    hidden: frozenset = frozenset()


def gates_exchanged(weights):
    """The LSTM's forget gate taken for its candidate: TF1's order i, j, f, o read as Keras'."""
    found = dict(weights)
    for name in ("lstm/kernel", "lstm/recurrent_kernel", "lstm/bias"):
        i, f, c, o = np.split(weights[name], 4, axis=-1)
        found[name] = np.concatenate([i, c, f, o], axis=-1)
    return found


def forget_bias_dropped(weights):
    """The bias as TF1 stores it, to which its graph adds one for the forget gate."""
    bias = weights["lstm/bias"].copy()
    bias[len(bias) // 4 : len(bias) // 2] -= 1
    return dict(weights, **{"lstm/bias": bias})


def statistics_left_behind(weights):
    """The normalization's statistics as a new model has them."""
    mean, variance = ("normalization/moving_" + name for name in ("mean", "variance"))
    changes = {mean: np.zeros_like(weights[mean]), variance: np.ones_like(weights[variance])}
    return dict(weights, **changes)


def profile_not_read(weights):
    """The nested RNN's second stream taken for zeros."""
    pixels, profile = _streams(weights)
    address, hidden = (weights["rnn/%s/kernel" % name].copy() for name in ("address", "hidden"))
    address[:profile] = 0
    hidden[pixels : pixels + profile] = 0
    return dict(weights, **{"rnn/address/kernel": address, "rnn/hidden/kernel": hidden})


def streams_exchanged(weights):
    """The profile stacked before the pixels."""
    pixels, profile = _streams(weights)
    first, second, rest = np.split(weights["rnn/hidden/kernel"], [pixels, pixels + profile])
    return dict(weights, **{"rnn/hidden/kernel": np.concatenate([second, first, rest])})


def memory_not_read(weights):
    """The nested RNN's memory written to, but never read."""
    kernel = weights["rnn/hidden/kernel"].copy()
    kernel[-len(weights["rnn/write/bias"]) :] = 0
    return dict(weights, **{"rnn/hidden/kernel": kernel})


def hidden_bias_dropped(weights):
    """No bias in the dense model's hidden layer."""
    return dict(weights, **{"hidden/bias": np.zeros_like(weights["hidden/bias"])})


def pixels_by_column(weights):
    """An image flattened column by column."""
    kernel = weights["hidden/kernel"]
    side = round(len(kernel) ** 0.5)
    moved = kernel.reshape(side, side, -1).transpose(1, 0, 2).reshape(kernel.shape)
    return dict(weights, **{"hidden/kernel": moved})


def kernels_transposed(weights):
    """Height and width of the convolutions' kernels exchanged."""
    names = [name for name in weights if name.startswith("conv_") and name.endswith("/kernel")]
    return dict(weights, **{name: weights[name].transpose(1, 0, 2, 3) for name in names})


def flattened_by_channel(weights):
    """The last feature maps flattened one after the other, as a graph in NCHW does."""
    kernel, channels = weights["logits/kernel"], len(weights["conv_1/bias"])
    moved = kernel.reshape(channels, -1, kernel.shape[1]).transpose(1, 0, 2).reshape(kernel.shape)
    return dict(weights, **{"logits/kernel": moved})


CONTROLS = {
    ("row-lstm", gates_exchanged.__name__): Control(gates_exchanged),
    ("row-lstm", forget_bias_dropped.__name__): Control(forget_bias_dropped),
    # Training takes the batch's statistics.
    ("row-lstm", statistics_left_behind.__name__): Control(
        statistics_left_behind, frozenset({"loss", "gradients", "losses, 50"})
    ),
    ("nested-rnn", profile_not_read.__name__): Control(profile_not_read),
    ("nested-rnn", streams_exchanged.__name__): Control(streams_exchanged),
    ("nested-rnn", memory_not_read.__name__): Control(memory_not_read),
    ("dense", hidden_bias_dropped.__name__): Control(hidden_bias_dropped),
    ("dense", pixels_by_column.__name__): Control(pixels_by_column),
    ("conv", kernels_transposed.__name__): Control(kernels_transposed),
    # The layers before are right.
    ("conv", flattened_by_channel.__name__): Control(flattened_by_channel, frozenset({"outputs"})),
}


def _streams(weights):
    """How many pixels and how many numbers of a profile a row has."""
    units = len(weights["rnn/hidden/bias"])
    return len(weights["rnn/write/kernel"]), len(weights["rnn/address/kernel"]) - units
