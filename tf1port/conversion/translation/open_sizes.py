"""A graph whose placeholders take any number of rows and steps, where it fixes these."""

from __future__ import annotations

from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.dependencies import PLACEHOLDERS

Shapes = dict[str, tuple[int | None, ...]]


def opened(graph_def: Any) -> tuple[Any, Shapes]:
    """A GraphDef with open axes of rows and steps.

    Returns: the GraphDef, a copy where there is something to open; the shape that the graph itself
        takes, for each tensor that is open now.
    """
    fixed = {node.name: node for node in graph_def.node if _open_axes(node)}
    if not fixed:
        return graph_def, {}
    copy = tf1.GraphDef()
    copy.CopyFrom(graph_def)
    shapes = {f"{name}:0": _shape(node) for name, node in fixed.items()}
    numbers = {size for shape in shapes.values() for size in shape}
    for node in copy.node:
        has_note = "_output_shapes" in node.attr
        for shape in node.attr["_output_shapes"].list.shape if has_note else ():
            _forget(shape, numbers)
        for axis in _open_axes(node) if node.name in fixed else ():
            node.attr["shape"].shape.dim[axis].size = -1
    return copy, shapes


def _forget(shape: Any, numbers: set[int | None]) -> None:
    """Opens what a file notes of a tensor's shape, but for features: only their axis is the last.

    TensorFlow infers the rest once more. Of loops it would not know the rank without a note.
    """
    for place, dim in enumerate(shape.dim):
        if place < len(shape.dim) - 1 or dim.size in numbers:
            dim.size = -1


def _shape(node: Any) -> tuple[int | None, ...]:
    return tuple(None if dim.size < 0 else dim.size for dim in node.attr["shape"].shape.dim)


def _open_axes(node: Any) -> list[int]:
    """The axes of a placeholder that are of rows or of steps by its rank, and have a fixed size.

    Real numbers of two axes are features or states [B, U], of four images [B, H, W, C].
    """
    if node.op not in PLACEHOLDERS:
        return []
    shape, dtype = _shape(node), tf1.as_dtype(node.attr["dtype"].type)
    count = 1 if dtype.is_floating and len(shape) in (2, 4) else 2
    return [axis for axis, size in enumerate(shape[:count]) if size is not None]
