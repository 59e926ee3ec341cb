"""Known mistakes in the models but the window RNN, as changes of their named weights."""

from typing import Callable, NamedTuple

from tf1port.pitfalls.weights import (
    flattened_by_channel,
    forget_bias_dropped,
    gates_exchanged,
    hidden_bias_dropped,
    kernels_transposed,
    memory_not_read,
    pixels_by_column,
    profile_not_read,
    statistics_not_loaded,
    streams_exchanged,
)


class Control(NamedTuple):
    """A known mistake: `change` of the weights, and the `hidden` groups, which do not show it."""

    change: Callable
    hidden: frozenset = frozenset()


CONTROLS = {
    ("row-lstm", gates_exchanged.__name__): Control(gates_exchanged),
    ("row-lstm", forget_bias_dropped.__name__): Control(forget_bias_dropped),
    # Training takes the batch's statistics.
    ("row-lstm", statistics_not_loaded.__name__): Control(
        statistics_not_loaded, frozenset({"loss", "gradients", "losses, 50"})
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
