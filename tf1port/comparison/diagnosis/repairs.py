"""Corrects mistakes in a live Keras model within a context; each is undone at its end."""

from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from tf1port.numerics.precision import floatx


@contextmanager
def attributes(layers, **values):
    """Sets attributes of some layers or cells."""
    before = [(layer, {name: getattr(layer, name) for name in values}) for layer in layers]
    _set((layer, values) for layer in layers)
    try:
        yield
    finally:
        _set(before)


@contextmanager
def calling(layer, **options):
    """Calls a layer with other keyword arguments than its model passes."""
    own = layer.call
    layer.call = lambda *args, **kwargs: own(*args, **{**kwargs, **options})
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
def loss(side, replacement):
    """Compiles a side's model with another loss."""
    own = side.model.loss
    _compile(side, replacement)
    try:
        yield
    finally:
        _compile(side, own)


@contextmanager
def zero_states(side):
    """Runs the cells of a CheckpointSide from initial states of zeros.

    Yields a dict that holds the graph's own initial states by tensor name, once it has run.
    """
    whole = side.whole
    initial: dict[str, Any] = {}
    names = [name for layer in side.cells.layers.values() for name in layer.own_run.initial]
    tensors = [side.tensor(name) for name in dict.fromkeys(names)]
    own = whole.run

    def run(fetches, feed=None):
        initial.update(zip(names, own(tensors, feed), strict=False))
        zeros = {t: np.zeros_like(initial[n]) for n, t in zip(initial, tensors, strict=True)}
        return own(fetches, {**(feed or {}), **zeros})

    whole.run = run
    try:
        yield initial
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

    def call(self, labels, predictions):
        labels = keras.ops.reshape(labels, keras.ops.shape(predictions)[:-1])
        rows = keras.ops.one_hot(labels, predictions.shape[-1], dtype=predictions.dtype)
        return keras.losses.categorical_crossentropy(
            rows, predictions, from_logits=self.from_logits, label_smoothing=self.share
        )


class Weighted(keras.losses.Loss):
    """The sum of the sparse cross-entropies of all steps, each with a weight; of no mask.

    Args:
        options: of keras.losses.SparseCategoricalCrossentropy.
        weights: [B, T], of the one batch that it is called with.
    """

    def __init__(self, options, weights, *, dtype):
        super().__init__(dtype=dtype)
        self.from_logits, self.weights = options["from_logits"], weights.astype(dtype)

    def __call__(self, labels, predictions, sample_weight=None):
        losses = keras.losses.sparse_categorical_crossentropy(
            labels, predictions, from_logits=self.from_logits
        )
        return keras.ops.sum(losses * self.weights)


def _set(pairs):
    for layer, values in pairs:
        for name, value in values.items():
            setattr(layer, name, value)


def _clipping(compute, bound):
    def clipping(*arguments):
        state, gate = compute(*arguments)
        return keras.ops.clip(state, -bound, bound), gate

    return clipping
