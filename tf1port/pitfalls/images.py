"""Known mistakes in a model's inputs, as changes of its images. Needs NumPy alone."""

import numpy as np

from tf1port.pitfalls import catalogue
from tf1port.pitfalls.weights import Change


def backwards(images):
    """Time reversed: the last row first."""
    if isinstance(images, dict):
        return {name: rows[:, ::-1] for name, rows in images.items()}
    return images[:, ::-1]


def one_row_later(images):
    """Windows that start one row too late, with a black row at the end."""
    return np.concatenate([images[:, 1:], np.zeros_like(images[:, :1])], axis=1)


def unscaled(images):
    """Pixels from 0 to 255."""
    if isinstance(images, dict):
        return {**images, "pixels": images["pixels"] * 255}
    return images * 255


def columns_for_rows(images):
    """Images transposed."""
    return images.swapaxes(1, 2)


def streams_misaligned(images):
    """The profiles of a batch in another order of examples than its pixels."""
    return {**images, "profile": images["profile"][::-1]}


_RECURRENT = ("window-rnn", "row-lstm", "nested-rnn")

CHANGES = (
    Change(catalogue.BACKWARDS, _RECURRENT, backwards),
    Change(catalogue.WINDOW, ("window-rnn",), one_row_later, False),
    Change(catalogue.UNSCALED, (*_RECURRENT, "dense", "conv"), unscaled, False),
    Change(catalogue.IMAGES_TRANSPOSED, ("row-lstm", "conv"), columns_for_rows),
    Change(catalogue.OTHER_EXAMPLES, ("nested-rnn",), streams_misaligned),
)


def of(model):
    """The changes that apply to a model."""
    return [change for change in CHANGES if model in change.models]
