"""Inputs repeated for every sequence length, to compare states at each of them."""

import keras
import numpy as np

from tf1port.comparison.sides.protocol import NotApplicable, NotOffered


def repeated(images, *, examples=16, shortest=0):
    """Repeats the first examples once for every length: final states then cover every step.

    Args:
        images: [B, T, F], or a dict of such arrays.
        examples: n, how many are repeated; fewer if the batch is smaller.
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
    inputs = keras.tree.map_structure(
        lambda array: np.concatenate([array[:examples]] * len(lengths)), images
    )
    return inputs, np.repeat(lengths, min(examples, count))


def is_finite(array):
    """Whether all of an array is finite: a mean over no steps is not."""
    return bool(np.all(np.isfinite(array)))


def check_finite(arrays):
    """Raises NotOffered where one of a graph's arrays by name has a NaN or an infinity."""
    broken = [name for name, array in arrays.items() if not is_finite(array)]
    if broken:
        raise NotOffered(f"the graph's own {broken[0]} is not finite")


def states(outputs):
    """The final states alone, named `layer/state`, of a side's outputs."""
    return {name: value for name, value in outputs.items() if "/" in name}
