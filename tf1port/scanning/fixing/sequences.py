"""What dynamic_rnn does around its cell: time-major sequences, and lengths as a mask."""

from __future__ import annotations

import libcst as cst

from tf1port.scanning.fixing.source import NotRewritten, is_named, text_of

Given = dict[str, cst.BaseExpression]  # arguments by their names in TF1

LENGTHS, TIME_MAJOR = "sequence_length", "time_major"
LENGTHS_NOTE = (
    "P89: TF1's lengths end here; the mask of Keras goes on, to the layers and losses behind it"
)
TIME_MAJOR_NOTE = "P87: the first axis of a model's inputs is the batch: do not feed it time-major"


def time_major(given: Given) -> str:
    """When the sequences are [time, batch, feature]: "" for never, "True", or a name.

    Raises:
        NotRewritten: it is computed in the call.
    """
    value = given.get(TIME_MAJOR)
    if value is None or text_of(value) == "False":
        return ""
    if text_of(value) != "True" and not is_named(value):
        raise NotRewritten(f"{TIME_MAJOR} is {text_of(value)}")
    return text_of(value)


def exchanged(x: str, when: str) -> str:
    """The source of x with its first two axes exchanged; `when` as time_major returns it."""
    other = f"keras.ops.swapaxes({x}, 0, 1)"
    return {"": x, "True": other}.get(when, f"{other} if {when} else {x}")


def batch_major(given: Given) -> str:
    """The source of the inputs as [batch, time, feature].

    Raises:
        NotRewritten: they would be computed twice.
    """
    when = time_major(given)
    if (given.get(LENGTHS) or when not in ("", "True")) and not is_named(given["inputs"]):
        raise NotRewritten("its inputs have no name")
    return exchanged(text_of(given["inputs"]), when)


def mask(given: Given) -> str:
    """The source of the mask [batch, time] of lengths [batch], or of one number for all.

    It counts the steps of the inputs, whose number a tensor of Keras may not know.
    """
    x = batch_major(given)
    x = f"({x})" if " " in x else x
    steps = f'keras.ops.cumsum(keras.ops.ones_like({x}[:, :, 0], dtype="int32"), axis=1)'
    lengths = f"keras.ops.reshape({text_of(given[LENGTHS])}, [-1, 1])"
    return f"keras.ops.less_equal({steps}, {lengths})"
