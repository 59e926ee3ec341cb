"""Known mistakes in what a model is fed, as changes of its images. Needs NumPy alone."""

import numpy as np


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


def streams_of_other_images(images):
    """The profiles of a batch in another order than its pixels."""
    return {**images, "profile": images["profile"][::-1]}


# By cause: the models that can suffer from it, and the change.
CHANGES = {
    "rows read backwards": (("window-rnn", "row-lstm", "nested-rnn"), backwards),
    "windows one row late": (("window-rnn",), one_row_later),
    "pixels from 0 to 255": (("window-rnn", "row-lstm", "nested-rnn", "dense", "conv"), unscaled),
    "images transposed": (("row-lstm", "conv"), columns_for_rows),
    "profiles of other images": (("nested-rnn",), streams_of_other_images),
}


def of(model):
    """The changes that a model can suffer from, by cause."""
    return {cause: change for cause, (models, change) in CHANGES.items() if model in models}
