"""Whether a loss is linear in single losses: means, sums, weights and masks of them alone.

A loss is at all values then what it is at those by which it is compared.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.dependencies import SIZES
from tf1port.tf1.graph.index import ADD, PASSING, Graph, scalar

FILLED = {"ZerosLike", "OnesLike"}  # of the size of a tensor, whatever its values are
RESHAPING = {"Identity", "Reshape", "Squeeze", "ExpandDims"}
CASTING = PASSING | RESHAPING | {"Cast"}
# Of their first input; what only checks or prints it is no other value.
_OF_ONE = RESHAPING | {"Transpose", "Sum", "Mean", "CheckNumerics", "Print", "EnsureShape"}
_SUMS = ADD | {"AddN", "Sub", "Neg", "Pack"}
_DIVISIONS = {"RealDiv", "Div", "DivNoNan"}
_CHOICES = {"Select", "SelectV2"}
# Of sizes and weights: counts, sums and means, which have no other form at other values.
_COUNTS = RESHAPING | _SUMS | _DIVISIONS | {"Cast", "Sum", "Mean", "Prod", "Mul", "Const"}
_COUNTS |= {"StridedSlice", "Slice", "Concat", "ConcatV2", "Range", "Fill"}


def are_linear(
    graph: Graph, losses: str, after: set[str], *, weights: str | None, apart: set[str]
) -> bool:
    """Whether all nodes that depend on single losses are linear in them, with the same factors.

    Args:
        losses: the tensor of single losses. after: the nodes that depend on it. weights: the
            tensor of their weights, or the mask. apart: nodes that depend on outputs otherwise.
    """
    apart = apart | {losses.rpartition(":")[0]}
    for node in (graph.nodes[name] for name in after):
        inputs = graph.inputs(node)
        of_losses = [name == losses or name.rpartition(":")[0] in after for name in inputs]
        aside = [name for name, known in zip(inputs, of_losses, strict=True) if not known]
        if any(name.rpartition(":")[0] in apart for name in aside):
            return False
        if not _is_linear(graph, node, of_losses, weights):
            return False
    return True


def _is_linear(graph: Graph, node: Any, of_losses: list[bool], weights: str | None) -> bool:
    """Whether a node is linear in losses. of_losses: which inputs are some."""
    inputs = graph.inputs(node)
    if node.op in _SUMS:
        return True
    if node.op == "Mul":
        other = inputs[of_losses[0]]
        return sum(of_losses) == 1 and _is_count(graph, other, weights)
    if node.op in _CHOICES:
        return of_losses == [False, True, False] and _is_safe(graph, inputs, weights)
    if not of_losses[0] or (any(of_losses[1:]) and node.op != "Print"):
        return False
    if node.op in _DIVISIONS:
        return _is_count(graph, inputs[1], weights)
    if node.op in {"Gather", "GatherV2"}:
        return weights is not None and mask_of(graph, inputs[1]) == weights
    return node.op in _OF_ONE or (node.op == "Cast" and _is_float(node))


def _is_float(node: Any) -> bool:
    return tf1.as_dtype(node.attr["DstT"].type).is_floating


def _is_safe(graph: Graph, inputs: list[str], weights: str | None) -> bool:
    """Whether a choice is that of tf.losses before TF 1.13: 0 where nothing is counted.

    A division by the count, or by 1 where it is 0, is chosen where the count is above 0.
    """
    condition, division = map(graph.node, inputs[:2])
    if condition is None or condition.op != "Greater" or filled(graph, inputs[2]) != 0:
        return False
    count, least = graph.inputs(condition)
    divisor = graph.node(graph.inputs(division)[1]) if division.op in _DIVISIONS else None
    safe = divisor is not None and divisor.op in _CHOICES and graph.inputs(divisor)[2] == count
    return safe and filled(graph, least) == 0 and _is_count(graph, count, weights)


def _is_count(graph: Graph, tensor: str, weights: str | None) -> bool:
    """Whether a tensor is computed of weights, sizes and numbers alone, by sums and the like."""
    queue = [tensor]
    for name in queue:  # it grows
        node = graph.node(name)
        if name == weights or (node is not None and node.op in SIZES | FILLED):
            continue
        if node is None or not (node.op in _COUNTS or _is_presence(graph, node)):
            return False
        queue += [further for further in graph.inputs(node) if further not in queue]
    return True


def _is_presence(graph: Graph, node: Any) -> bool:
    """Whether a node tells what is 0 from what is not, or keeps a count from being 0."""
    inputs = graph.inputs(node)
    if node.op in {"Equal", "NotEqual"}:
        return filled(graph, inputs[1]) == 0
    if node.op == "Maximum":  # only an empty mask reaches it
        return any(0 < (scalar(graph.constant(name)) or 0.0) <= 1 for name in inputs)
    if node.op in _CHOICES:
        condition = graph.node(inputs[0])
        ends = filled(graph, inputs[1]), filled(graph, inputs[2])
        if condition is not None and condition.op == "Equal":
            return ends == (0, 1) or (ends[0] == 1 and inputs[2] == graph.inputs(condition)[0])
    return False


def mask_of(graph: Graph, indices: str) -> str | None:
    """The mask of which these are the places, as tf.boolean_mask has it; else None."""
    where = graph.node(way(graph, indices, CASTING)[-1])
    if where is None or where.op != "Where":
        return None
    return way(graph, graph.inputs(where)[0], CASTING)[-1]


def way(graph: Graph, tensor: str, through: set[str], ends: Collection[str] = ()) -> list[str]:
    """A tensor and those behind it by way of some ops, up to the first of `ends`."""
    tensors = [tensor]
    while tensors[-1] not in ends:
        node = graph.node(tensors[-1])
        if node is None or node.op not in through:
            break
        tensors.append(graph.inputs(node)[0])
    return tensors


def filled(graph: Graph, tensor: str) -> float | None:
    """The number that all elements of a tensor are, as of tf.zeros_like; None: not known."""
    node = graph.node(tensor)
    if node is not None and node.op in FILLED:
        return float(node.op == "OnesLike")
    if node is not None and node.op == "Fill":
        tensor = graph.inputs(node)[1]
    values = graph.constant(tensor)
    if values is None or not np.size(values) or values.dtype.kind not in "fiu":
        return None
    first = float(values.reshape(-1)[0])
    return first if bool((values == first).all()) else None
