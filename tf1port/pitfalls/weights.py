"""Known mistakes in converting weights, as changes of named weights. Needs NumPy alone.

Each function takes named weights (shared/weights.py) and returns new ones of the same names and
shapes; its argument is not changed. Unknown names are returned unchanged, so that gradients and
slots are accepted as well.
"""

import itertools
from typing import Any, Callable, NamedTuple, Tuple

import numpy as np

from tf1port.pitfalls import catalogue
from tf1port.pitfalls.catalogue import Pitfall

GATES = "ifco"  # in the order of shared/weights.py


class Change(NamedTuple):
    """A mistake: its pitfall, the models that can have it, the change of their weights.

    moves: the change only moves values, so that it can be undone. words: its description, where
    the pitfall's name is not enough.
    """

    pitfall: Pitfall
    models: Tuple[str, ...]
    apply: Callable[[Any], Any]
    moves: bool = True
    words: str = ""

    @property
    def cause(self):
        """The mistake in a few words."""
        return self.words or self.pitfall.name


def gates_reordered(weights, *, order):
    """The LSTM's gates in another order: `order` has indices into GATES."""
    reordered = dict(weights)
    for name in _starting(weights, "lstm/"):
        gates = np.split(weights[name], 4, axis=-1)
        reordered[name] = np.concatenate([gates[place] for place in order], axis=-1)
    return reordered


def gates_exchanged(weights):
    """The LSTM's forget gate and candidate exchanged: TF1's order i, j, f, o read as Keras'."""
    return gates_reordered(weights, order=(0, 2, 1, 3))


def forget_bias_added(weights, *, amount):
    """The forget gate's bias increased by a constant."""
    changed = dict(weights)
    for name in {"lstm/bias"} & set(weights):
        changed[name] = weights[name].copy()
        units = len(changed[name]) // 4
        changed[name][units : 2 * units] += amount
    return changed


def forget_bias_dropped(weights):
    """The bias as TF1 stores it, to which its graph adds one for the forget gate."""
    return forget_bias_added(weights, amount=-1)


def statistics_not_loaded(weights):
    """The normalization's statistics with their initial values."""
    starts = {"moving_mean": np.zeros_like, "moving_variance": np.ones_like}
    changed = dict(weights)
    for name, value in weights.items():
        role = name.rpartition("/")[2]
        changed[name] = starts[role](value) if role in starts else value
    return changed


def biases_dropped(weights):
    """Kernels without their biases."""
    return {k: np.zeros_like(v) if k.endswith("bias") else v for k, v in weights.items()}


def hidden_bias_dropped(weights):
    """No bias in the dense model's hidden layer."""
    return dict(weights, **{"hidden/bias": np.zeros_like(weights["hidden/bias"])})


def kernel_rows_exchanged(weights):
    """The rows of the state in the joint kernel [x; h] exchanged with the input's."""
    exchanged = dict(weights)
    for name in _recurrent_kernels(weights):
        inputs = name.replace("recurrent_kernel", "kernel")
        rows = np.concatenate([weights[name], weights[inputs]])
        exchanged[inputs], exchanged[name] = np.split(rows, [len(weights[inputs])])
    return exchanged


def recurrent_kernels_transposed(weights):
    """The square kernel of every gate transposed."""
    transposed = dict(weights)
    for name in _recurrent_kernels(weights):
        gates = np.split(weights[name], weights[name].shape[1] // len(weights[name]), axis=1)
        transposed[name] = np.concatenate([gate.T for gate in gates], axis=1)
    return transposed


def layers_exchanged(weights):
    """The second cell's weights exchanged with the third's."""
    if not _starting(weights, "cell_2/"):
        return dict(weights)
    return _renamed(weights, {"cell_1": "cell_2", "cell_2": "cell_1"})


def state_not_passed(weights):
    """Every step starts from a state of zeros."""
    names = _recurrent_kernels(weights)
    return {k: np.zeros_like(v) if k in names else v for k, v in weights.items()}


def logits_reshaped(weights):
    """The last kernel reshaped from [outputs, inputs] instead of transposed."""
    name = "logits/kernel"
    return {k: v.T.reshape(v.shape) if k == name else v for k, v in weights.items()}


def profile_not_read(weights):
    """The nested RNN's second stream read as zeros."""
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


def pixels_by_column(weights):
    """An image flattened column by column."""
    kernel = weights["hidden/kernel"]
    side = round(len(kernel) ** 0.5)
    moved = kernel.reshape(side, side, -1).transpose(1, 0, 2).reshape(kernel.shape)
    return dict(weights, **{"hidden/kernel": moved})


def kernels_transposed(weights):
    """Height and width of the convolutions' kernels exchanged."""
    return _convolutions(weights, lambda kernel: kernel.transpose(1, 0, 2, 3))


def kernels_reshaped(weights):
    """Convolution kernels [filter, input, height, width] reshaped to the other order."""
    return _convolutions(weights, lambda k: k.transpose(3, 2, 0, 1).reshape(k.shape))


def flattened_by_channel(weights):
    """The last feature maps flattened one after the other, as in an NCHW graph."""
    kernel, channels = weights["logits/kernel"], len(weights["conv_1/bias"])
    moved = kernel.reshape(channels, -1, kernel.shape[1]).transpose(1, 0, 2).reshape(kernel.shape)
    return dict(weights, **{"logits/kernel": moved})


def undone(change, weights):
    """The inverse of a change that only moves values."""
    places, end = {}, 0
    for name, value in weights.items():
        places[name] = np.arange(end, end + value.size).reshape(value.shape)
        end += value.size
    moved = change(places)
    flat = np.empty(end, next(iter(weights.values())).dtype)
    for name, value in weights.items():
        flat[moved[name]] = value
    return {name: flat[place] for name, place in places.items()}


def gates_cause(order):
    """The description of gates in another order."""
    return "gates in the order %s for i, f, c, o" % ", ".join(GATES[place] for place in order)


def _gates_change(order):
    def apply(weights):
        return gates_reordered(weights, order=order)

    return Change(catalogue.GATE_ORDER, ("row-lstm",), apply, words=gates_cause(order))


_ALL = ("window-rnn", "row-lstm", "nested-rnn", "dense", "conv")
_CELLS = ("window-rnn", "row-lstm")

CHANGES = (
    Change(catalogue.BIASES, _ALL, biases_dropped, False),
    Change(catalogue.STATISTICS, ("row-lstm",), statistics_not_loaded, False),
    Change(catalogue.FORGET_BIAS, ("row-lstm",), forget_bias_dropped, False),
    Change(catalogue.KERNEL_ROWS, _CELLS, kernel_rows_exchanged),
    Change(catalogue.TRANSPOSED, _CELLS, recurrent_kernels_transposed),
    Change(
        catalogue.LAYERS,
        ("window-rnn",),
        layers_exchanged,
        words="second and third layer exchanged",
    ),
    Change(catalogue.STATE_LOST, _CELLS, state_not_passed, False),
    Change(catalogue.RESHAPED, _ALL, logits_reshaped),
    Change(catalogue.STREAM_LOST, ("nested-rnn",), profile_not_read, False),
    Change(catalogue.STREAMS, ("nested-rnn",), streams_exchanged),
    Change(catalogue.MEMORY, ("nested-rnn",), memory_not_read, False),
    Change(catalogue.BY_COLUMN, ("dense",), pixels_by_column),
    Change(catalogue.HEIGHT_WIDTH, ("conv",), kernels_transposed),
    Change(catalogue.OIHW, ("conv",), kernels_reshaped),
    Change(catalogue.BY_CHANNEL, ("conv",), flattened_by_channel),
    *map(_gates_change, sorted(set(itertools.permutations(range(4))) - {(0, 1, 2, 3)})),
)


def of(model):
    """The changes that apply to a model."""
    return [change for change in CHANGES if model in change.models]


def _starting(weights, prefix):
    return [name for name in weights if name.startswith(prefix)]


def _recurrent_kernels(weights):
    return sorted(name for name in weights if name.endswith("/recurrent_kernel"))


def _renamed(weights, names):
    renamed = {}
    for name, value in weights.items():
        layer, _, rest = name.partition("/")
        renamed["%s/%s" % (names.get(layer, layer), rest)] = value
    return renamed


def _convolutions(weights, change):
    names = {k for k in weights if k.startswith("conv_") and k.endswith("/kernel")}
    return {k: change(v) if k in names else v for k, v in weights.items()}


def _streams(weights):
    """How many pixels and how many numbers of a profile a row has."""
    units = len(weights["rnn/hidden/bias"])
    return len(weights["rnn/write/kernel"]), len(weights["rnn/address/kernel"]) - units
