"""Split off from equivalence/lengths.py."""

import keras
import numpy as np

from tf1port.comparison.sides.protocol import NotApplicable


def sweep(images, *, examples=16, shortest=0):
    """The first images once for every length: by them the whole course of the states is seen.

    Args:
        images: [B, T, F], or a dict of such arrays.
        examples: n, of which there may be fewer in the batch.
        shortest: the least length.

    Returns:
        The images [(T + 1) * n, T, F], and their lengths [(T + 1) * n] int32: n times 0, n times 1
        and so on up to T; fewer where the shortest is above 0.

    Raises:
        NotApplicable: there are no time steps.
    """
    first = keras.tree.flatten(images)[0]
    if first.ndim < 2:
        raise NotApplicable("the inputs have no time steps")
    count, steps = first.shape[:2]
    lengths = np.arange(shortest, steps + 1, dtype=np.int32)
    repeated = keras.tree.map_structure(
        lambda array: np.concatenate([array[:examples]] * len(lengths)), images
    )
    return repeated, np.repeat(lengths, min(examples, count))


def is_finite(array):
    """Whether an array holds numbers alone: a mean over no steps is none."""
    return bool(np.all(np.isfinite(array)))


def states(outputs):
    """The final states alone, `layer/state`, of what a side computes over different lengths."""
    return {name: value for name, value in outputs.items() if "/" in name}
