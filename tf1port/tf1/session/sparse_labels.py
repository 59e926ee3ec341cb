"""Labels that are fed as a sparse tensor, as tf.nn.ctc_loss takes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np

# The names of the placeholders of tf.sparse_placeholder; a loss may not use the shape.
_INDICES, _VALUES, _SHAPE = "indices", "values", "shape"


def sparse_labels(
    operations: Iterable[Any], *, rows: int, classes: int, stream: np.random.Generator
) -> dict[Any, np.ndarray]:
    """A random label for each row: arrays by tensor, for all placeholders that belong together.

    Args:
        operations: the placeholders of a graph.
        rows: how many rows a batch has.
        classes: how many classes the logits have; the last one is the blank of a CTC loss.
    """
    tensors = {operation.name: operation.outputs[0] for operation in operations}
    feed = {}
    for name in tensors:
        base, _, leaf = name.rpartition("/")
        values = tensors.get(f"{base}/{_VALUES}")
        if leaf != _INDICES or values is None:
            continue
        feed[tensors[name]] = np.array([[row, 0] for row in range(rows)], np.int64)
        labels = stream.integers(max(classes - 1, 1), size=rows)
        feed[values] = labels.astype(values.dtype.as_numpy_dtype)
        if f"{base}/{_SHAPE}" in tensors:
            feed[tensors[f"{base}/{_SHAPE}"]] = np.array([rows, 1], np.int64)
    return feed
