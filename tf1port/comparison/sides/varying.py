"""Placeholders that no input of a model stands for, and values of their kinds to feed them with."""

from collections.abc import Collection, Iterable
from typing import Any

import numpy as np

from tf1port.tf1.graph.dependencies import behind


def find(graph: Any, targets: Iterable[str], known: Collection[str]) -> list[str]:
    """The full names of placeholders that tensors depend on in a prediction, but for known ones.

    What only dropout, or a switch for training, depends on is not among them.

    Args:
        graph: tf1port.tf1.graph.index.Graph, in inference mode.
        known: full names of tensors, where the search stops.
    """
    cut = {name.rpartition(":")[0] for name in known}
    _, sources = behind(graph, [graph.full(name) for name in targets], cut=cut)
    return sorted(sources - set(known))


def values(default: np.ndarray, *, steps: int, seed: int) -> list[np.ndarray]:
    """Other values than a placeholder's default, of its shape and dtype; none for text.

    Args:
        default: any shape. steps: the greatest length that an integer may stand for.
    """
    stream, shape, dtype = np.random.default_rng(seed), default.shape, default.dtype
    if dtype.kind == "b":
        return [~default]
    drawn: list[Any] = []
    if dtype.kind == "f":  # a rate, a weight; a number of any size
        drawn = [stream.uniform(0.2, 0.8, shape), default + stream.normal(0.5, 0.1, shape)]
    elif dtype.kind in "iu":  # an id, a length, a number of something
        drawn = [stream.integers(1, steps + 1, shape), stream.integers(2, size=shape)]
        drawn += [np.maximum(default - 1, 0), default + 1]
    else:
        return drawn
    others = [np.asarray(value, dtype) for value in drawn]
    return [value for value in others if not np.array_equal(value, default)]


def label(name: str, value: np.ndarray) -> str:
    """A placeholder with its value, for a place."""
    short = name.removesuffix(":0")
    text = np.array2string(value.ravel()[:3], precision=3, separator=", ")[1:-1].strip()
    return f"{short} = {text}{', …' if value.size > 3 else ''}"
