"""The rank of a tensor from the ops that compute it, as far as these say it by themselves.

Graph.shape knows more, but imports all that a tensor depends on: of a long unrolled loop, much.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tf1port.tf1.graph.index import Graph

_OF_ONE = {"Identity", "BiasAdd", "Square", "Abs", "Neg", "Relu", "Sigmoid", "Softmax", "Sqrt"}
_OF_ONE |= {"Tanh", "Exp", "Log", "Log1p", "LogSoftmax", "Cast", "StopGradient", "Pow"}
_OF_TWO = {"Add", "AddV2", "Sub", "Mul", "RealDiv", "SquaredDifference", "Maximum", "Minimum"}
_FIXED = {"MatMul": 2, "SparseSoftmaxCrossEntropyWithLogits": 1, "SoftmaxCrossEntropyWithLogits": 1}
_REDUCING = {"Mean", "Sum", "Max", "Min", "Prod"}
_DEEPEST = 50  # ops on the way


def rank(graph: Graph, tensor: str, depth: int = _DEEPEST) -> int | None:
    """The rank of a tensor; None where the nearest ops do not say it.

    Args:
        depth: how many ops it may look back.
    """
    node = graph.node(tensor)
    if node is None or depth == 0 or not tensor.endswith(":0"):
        return None
    inputs = graph.inputs(node)
    if node.op in _FIXED:
        return _FIXED[node.op]
    if node.op == "Const":
        return len(node.attr["value"].tensor.tensor_shape.dim)
    if node.op in _REDUCING:
        return _reduced(graph, node, rank(graph, inputs[0], depth - 1))
    operands = inputs[: 1 if node.op in _OF_ONE else 2]
    if node.op not in _OF_ONE | _OF_TWO:
        return None
    ranks = [rank(graph, operand, depth - 1) for operand in operands]
    known = [one for one in ranks if one is not None]
    return max(known) if len(known) == len(ranks) else None


def _reduced(graph, node, before: int | None) -> int | None:
    """The rank of a reduction of something of a rank."""
    axes = graph.constant(graph.inputs(node)[1])
    if node.attr["keep_dims"].b:
        return before
    if before is None or axes is None:
        return None
    return before - len({int(axis) % before for axis in axes.flat}) if before else 0
