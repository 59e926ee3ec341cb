"""Weights files: an npz of arrays under names that belong to neither side.

A basic RNN cell is h' = tanh(x kernel + h recurrent_kernel + bias), and a weights file names its
arrays after that equation: `cell_0/kernel [inputs, units]`, `cell_0/recurrent_kernel
[units, units]`, `cell_0/bias [units]`. Each side knows how its own variables store them.
"""

import zipfile

import numpy as np

from shared.errors import UserError
from shared.files import replacing


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
        with np.load(str(path), allow_pickle=False) as archive:
            weights = {name: archive[name] for name in archive.files}
    except FileNotFoundError:
        raise UserError("there is no weights file %s" % path) from None
    except (ValueError, OSError, EOFError, AttributeError, zipfile.BadZipFile):
        raise UserError("%s is no npz file of plain arrays: make one with np.savez" % path) from None
    check(weights, config, source=path)
    return weights


def check(weights, config, *, source):
    """Raises UserError unless names and shapes are those of the config and all values are finite."""
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
