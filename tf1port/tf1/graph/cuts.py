"""Equal pieces of a tensor [B, count U], as graphs cut them out: by a split, or each by a slice."""

from typing import NamedTuple

import numpy as np

from tf1port.tf1.graph.index import Graph


class Cut(NamedTuple):
    """The tensor that a piece is cut from, and U where slices alone give it."""

    source: str
    width: int | None = None


def piece(graph: Graph, tensor: str, index: int, count: int) -> Cut | None:
    """The Cut that a tensor is piece number `index` of `count` of; None: it is none."""
    name, _, port = tensor.rpartition(":")
    node = graph.nodes[name]
    if node.op in {"Split", "SplitV"}:
        return _split(graph, node, count) if int(port) == index else None
    bounds = _columns(graph, node)
    if bounds is None:
        return None
    start, stop = bounds
    last = index == count - 1 > 0
    width = stop - start if stop is not None else start // index if last else 0
    fits = width > 0 and start == index * width
    return Cut(graph.inputs(node)[0], width) if fits else None


def is_last_axis(graph: Graph, tensor: str) -> bool:
    """Whether a tensor is the constant 1 or -1, of one element."""
    axis = graph.constant(tensor)
    return axis is not None and np.size(axis) == 1 and bool(np.isin(axis, (1, -1)).all())


def _split(graph, node, count):
    """The value of a split into `count` equal pieces."""
    inputs = graph.inputs(node)
    if node.op == "Split":
        axis, source = inputs
        equal = node.attr["num_split"].i == count
        return Cut(source) if equal and is_last_axis(graph, axis) else None
    source, sizes, axis = inputs
    sizes = graph.constant(sizes)
    equal = sizes is not None and len(sizes) == count and len(set(sizes.tolist())) == 1
    return Cut(source) if equal and is_last_axis(graph, axis) else None


def _columns(graph, node):
    """The first column of a slice of all rows, and the one after its last (None: to the end).

    None: it is no such slice.
    """
    bounds = [graph.constant(tensor) for tensor in graph.inputs(node)[1:]]
    if any(bound is None or len(bound) != 2 for bound in bounds):
        return None
    return _slice(*bounds) if node.op == "Slice" else _strided_slice(node, *bounds)


def _slice(begin, size):
    """The columns of a Slice of all rows; None: of other rows."""
    (row, start), (rows, columns) = begin, size
    if row != 0 or rows != -1 or start < 0:
        return None
    return int(start), None if columns == -1 else int(start + columns)


def _strided_slice(node, begin, end, strides):
    """The columns of a StridedSlice of all rows; None: of other rows, or with other options."""
    masks = {name: node.attr[f"{name}_mask"].i for name in _MASKS}
    plain = not any(masks[name] for name in _MASKS[2:]) and list(strides) == [1, 1]
    if not plain or not masks["begin"] & masks["end"] & 1:
        return None
    start = 0 if masks["begin"] & 2 else int(begin[1])
    stop = None if masks["end"] & 2 else int(end[1])
    return (start, stop) if start >= 0 and (stop is None or stop > 0) else None


_MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
