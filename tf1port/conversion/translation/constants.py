"""The values of a graph's constant tensors: those that depend on no placeholder or variable."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from tf1port.errors import UserError
from tf1port.tf1.graph import sessions
from tf1port.tf1.graph.dependencies import PLACEHOLDERS
from tf1port.tf1.graph.importing import Imported
from tf1port.tf1.graph.index import VARIABLES, Graph
from tf1port.tf1.graph.op_defs import is_stateful, output_type

_SIZES = {"Shape", "Size", "Rank"}
_INT64 = 9  # of the DataTypes
_FLOATS = (1, 2)  # of the DataTypes: float32, float64
# Ops whose outputs are exact in any precision: they round nothing.
_EXACT = {"Const", "Fill", "Cast", "Pack", "Concat", "ConcatV2", "Reshape", "ExpandDims", "Squeeze"}
_EXACT |= {"Identity", "Transpose", "Tile", "Slice", "StridedSlice", "Split", "SplitV", "ZerosLike"}
_EXACT |= {"OnesLike", "Gather", "GatherV2", "Neg", "Abs", "Maximum", "Minimum", "Floor", "Unpack"}
_FLOW = {"Enter", "Exit", "Merge", "Switch", "NextIteration", "LoopCond"}
_FLOW |= {"If", "StatelessIf", "While", "StatelessWhile", "PartitionedCall", "Case"}


def constants(graph: Graph, tensors: Iterable[str]) -> dict[str, np.ndarray]:
    """The values of those tensors that are constant.

    Args:
        tensors: in topological order.
    """
    sizes: dict[str, np.ndarray] = {}
    values: dict[str, np.ndarray | None] = {}
    for tensor in tensors:
        node = graph.node(tensor)
        if node is None:
            continue
        if node.op in _SIZES:
            value = _size(node, graph.shape(graph.inputs(node)[0]))
            if value is not None:
                sizes[tensor] = value
                values[tensor] = value
        elif (value := _known_sizes(graph, node)) is not None:
            sizes[tensor] = values[tensor] = value
        elif node.op == "Const":
            values[tensor] = graph.constant(tensor)
        elif _computes(node.op) and all(graph.origin(t) in values for t in graph.inputs(node)):
            values[tensor] = None
    return {name: value for name, value in _run(graph, values, sizes).items() if value is not None}


def _computes(op: str) -> bool:
    """Whether the outputs of an op are a function of its inputs alone."""
    return op not in PLACEHOLDERS | VARIABLES | _FLOW and not is_stateful(op)


def _size(node, shape):
    """The output of Shape, Size or Rank; None where the sizes are not all known."""
    long = "out_type" in node.attr and node.attr["out_type"].type == _INT64
    dtype = np.int64 if long else np.int32
    if shape is None:
        return None
    if node.op == "Rank":
        return np.asarray(len(shape), np.int32)
    if None in shape:
        return None
    return np.asarray(shape if node.op == "Shape" else int(np.prod(shape)), dtype)


def _known_sizes(graph: Graph, node) -> np.ndarray | None:
    """The output of a StridedSlice of a Shape, where the selected sizes are known; else None."""
    shape = graph.node(graph.origin(graph.inputs(node)[0])) if node.op == "StridedSlice" else None
    if shape is None or shape.op != "Shape":
        return None
    sizes = graph.shape(graph.inputs(shape)[0])
    bounds = [graph.constant(name) for name in graph.inputs(node)[1:]]
    masks = {key: node.attr[f"{key}_mask"].i for key in ("begin", "end", "shrink_axis")}
    unsupported = node.attr["ellipsis_mask"].i or node.attr["new_axis_mask"].i
    if sizes is None or unsupported or any(bound is None or len(bound) != 1 for bound in bounds):
        return None
    begin, end, stride = (int(bound[0]) for bound in bounds)
    first, last = (None if masks["begin"] else begin), (None if masks["end"] else end)
    selected = sizes[begin] if masks["shrink_axis"] else sizes[first:last:stride]
    if selected is None or (isinstance(selected, list) and None in selected):
        return None
    return np.asarray(selected, np.int64 if shape.attr["out_type"].type == _INT64 else np.int32)


def _run(graph, values, sizes):
    unknown = [name for name, value in values.items() if value is None]
    if not unknown:
        return values
    try:
        # A constant inside a loop has control inputs of the loop, which it does not depend on.
        imported = Imported(graph, fed=sizes, controls=False)
        imported.add(unknown)
        tensors = {name: imported.tensor(name) for name in unknown}
        feed = {imported.tensor(name): value for name, value in sizes.items()}
        with sessions.session(imported.graph) as session:
            computed = sessions.run(session, tensors, feed)
    except (UserError, KeyError):
        return values
    return {**values, **computed}


def rounded(graph: Graph, tensors: Iterable[str]) -> set[str]:
    """Those constant tensors whose values are rounded, and so differ in float64.

    Args:
        tensors: in topological order.
    """
    result: set[str] = set()
    for tensor in tensors:
        node = graph.node(tensor)
        inputs = {graph.origin(name) for name in graph.inputs(node)}
        kind = output_type(node, int(tensor.rpartition(":")[2]))
        if inputs & result or (kind in _FLOATS and node.op not in _EXACT):
            result.add(tensor)
    return result
