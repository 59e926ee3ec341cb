"""Mistakes in a live Keras model made good for a while: context managers, which put all back."""

from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from tf1port.numerics.precision import floatx


@contextmanager
def attributes(layers, **values):
    """Other values of attributes of some layers or cells."""
    before = [(layer, {name: getattr(layer, name) for name in values}) for layer in layers]
    _set((layer, values) for layer in layers)
    try:
        yield
    finally:
        _set(before)


@contextmanager
def calling(layer, **options):
    """A layer that is called with other options than its model gives it."""
    own = layer.call
    layer.call = lambda *args, **given: own(*args, **{**given, **options})
    try:
        yield
    finally:
        if "call" in vars(layer):
            del layer.call


@contextmanager
def clipped(cells, bound):
    """LSTM cells whose state c stays within a bound."""
    names = ("_compute_carry_and_output", "_compute_carry_and_output_fused")
    for cell in cells:
        for name in names:
            setattr(cell, name, _clipping(getattr(cell, name), bound))
    try:
        yield
    finally:
        for cell in cells:
            for name in names:
                delattr(cell, name)


@contextmanager
def loss(side, other):
    """A side whose model is compiled with another loss."""
    own = side.model.loss
    _compile(side, other)
    try:
        yield
    finally:
        _compile(side, own)


@contextmanager
def zero_states(side):
    """A tf1port.comparison.sides.checkpoint.CheckpointSide whose cells start from zeros.

    Yields a dict that holds the states that they would start from, once it has run.
    """
    whole = side.whole
    found: dict[str, Any] = {}
    names = [name for one in side.cells.layers.values() for name in one.own_run.initial]
    tensors = [side.tensor(name) for name in dict.fromkeys(names)]
    own = whole.run

    def run(fetches, feed=None):
        found.update(zip(names, own(tensors, feed), strict=False))
        zeros = {t: np.zeros_like(found[n]) for n, t in zip(found, tensors, strict=True)}
        return own(fetches, {**(feed or {}), **zeros})

    whole.run = run
    try:
        yield found
    finally:
        del whole.run


def _compile(side, loss):
    with floatx(side.dtype):
        side.model.compile(optimizer=side.model.optimizer, loss=loss, metrics=[])


class Smoothed(keras.losses.Loss):
    """Sparse cross-entropy with labels that are smoothed by a share.

    Args:
        options: of keras.losses.SparseCategoricalCrossentropy.
    """

    def __init__(self, options, share, *, dtype):
        super().__init__(reduction=options["reduction"], dtype=dtype)
        self.from_logits, self.share = options["from_logits"], share

    def call(self, labels, made):
        labels = keras.ops.reshape(labels, keras.ops.shape(made)[:-1])
        rows = keras.ops.one_hot(labels, made.shape[-1], dtype=made.dtype)
        return keras.losses.categorical_crossentropy(
            rows, made, from_logits=self.from_logits, label_smoothing=self.share
        )


def _set(pairs):
    for layer, values in pairs:
        for name, value in values.items():
            setattr(layer, name, value)


def _clipping(compute, bound):
    def clipping(*arguments):
        state, gate = compute(*arguments)
        return keras.ops.clip(state, -bound, bound), gate

    return clipping
