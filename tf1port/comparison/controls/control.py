"""What a negative control is."""

from collections.abc import Callable
from typing import Any, NamedTuple

WINDOW, LSTM, NESTED, DENSE, CONV = "window-rnn", "row-lstm", "nested-rnn", "dense", "conv"
ALL = (WINDOW, LSTM, NESTED, DENSE, CONV)
RECURRENT = (WINDOW, LSTM, NESTED)
ADAM, SGD = (WINDOW, NESTED), (LSTM, DENSE, CONV)


class Control(NamedTuple):
    """A wrong port.

    make: called like ModernSide, makes such a side.
    rung: the number of the first rung that fails (tf1port/comparison/ladder/rungs.py).
    cause: how what the diagnosis says must begin; None where it cannot know.
    over_steps, over_examples: the mistake is one between time steps, or between the examples of a
        batch, of which there must be two.
    """

    name: str
    what: str
    models: tuple[str, ...]
    make: Callable[..., Any]
    rung: int
    cause: str | None
    over_steps: bool = False
    over_examples: bool = False
