"""Weights files: an npz of arrays with names that are independent of both sides.

A basic RNN cell is h' = tanh(x kernel + h recurrent_kernel + bias), and a weights file names its
arrays after that equation: `cell_0/kernel [inputs, units]`, `cell_0/recurrent_kernel
[units, units]`, `cell_0/bias [units]`. An LSTM has four such equations side by side, for the input
gate, forget gate, candidate and output gate in this order: `lstm/kernel [inputs, 4 * units]` and so
on; its bias is all that is added, TF1's forget_bias included. The nested RNN's names are those of
its equations in legacy_tf1/nested_rnn.py. Each side knows how its own variables
store them.
"""

import numpy as np

from shared.errors import UserError
from shared.files import read_npz, replacing


def save(path, weights):
    """Writes named arrays to an npz file."""
    with replacing(path) as beside, open(beside, "wb") as file:
        np.savez(file, **weights)


def load(path, config):
    """Reads a weights file for this config: a dict of float arrays.

    Raises:
        UserError: the file is missing, is no npz, or does not fit the config.
    """
    try:
        weights = read_npz(path)
    except FileNotFoundError:
        raise UserError("there is no weights file %s" % path) from None
    except (OSError, ValueError):
        raise UserError("%s is no npz file of plain arrays: use np.savez" % path) from None
    check(weights, config, source=path)
    return weights


def check(weights, config, *, source):
    """Raises UserError unless names and shapes are the config's and all values finite."""
    expected = config.weight_shapes()
    for name in sorted(set(expected) - set(weights)):
        raise UserError("%s has no array %s, which %s needs" % (source, name, config.model))
    for name in sorted(set(weights) - set(expected)):
        raise UserError("%s has an array %s, unknown to %s" % (source, name, config.model))
    for name, shape in expected.items():
        array = weights[name]
        if array.shape != shape:
            raise UserError("%s: %s is %s, not %s" % (source, name, array.shape, shape))
        if array.dtype.kind != "f" or not np.isfinite(array).all():
            raise UserError("%s: %s must hold finite floating-point numbers" % (source, name))
