"""Arrays for the cases of ops."""

import zlib

import numpy as np


def normal(*shape):
    """Floats of a normal distribution, of one seed per shape."""
    return np.random.default_rng(zlib.crc32(repr(shape).encode())).normal(size=shape)


def positive(*shape):
    """Floats from 0.1 to 2."""
    return np.random.default_rng(len(shape)).uniform(0.1, 2.0, size=shape)


def integers(low, high, *shape, dtype="int32"):
    """Ints from low up to below high."""
    return np.random.default_rng(high).integers(low, high, size=shape).astype(dtype)


def bools(*shape):
    """About as many True as False."""
    return np.random.default_rng(7).random(shape) < 0.5


EDGES = np.array([-2.5, -1.5, -1.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.5, 6.5, 1e-3, -1e-3])
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -1.0, 1.0])
