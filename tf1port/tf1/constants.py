"""What the constants of a third-party graph take, before anybody makes arrays of them.

A constant of a few bytes can stand for any number of equal elements.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from typing import Any

from tf1port import limits
from tf1port.errors import UserError

_STRING = 7  # of the DataTypes


def check_size(graph_def: Any, path: str) -> None:
    """Raises UserError where the constants take far more memory than the file of the graph has."""
    most = max(limits.UNPACKED, limits.UNPACKED_TIMES * os.path.getsize(path))
    total = 0
    for node in _constants(graph_def):
        total += _bytes(node.attr["value"].tensor)
        if total > most:
            raise UserError(
                f"{path} has constants of more than {most / 1e9:.3g} GB (up to {node.name}): "
                "such a graph is not read"
            )


def _constants(graph_def: Any) -> Iterator[Any]:
    for nodes in (graph_def.node, *(function.node_def for function in graph_def.library.function)):
        yield from (node for node in nodes if node.op == "Const")


def _bytes(tensor: Any) -> int:
    import tensorflow as tf

    sizes = [max(axis.size, 0) for axis in tensor.tensor_shape.dim]
    try:
        return math.prod(sizes) * (8 if tensor.dtype == _STRING else tf.as_dtype(tensor.dtype).size)
    except (TypeError, ValueError):  # TensorFlow refuses a type that it does not know
        return 0
