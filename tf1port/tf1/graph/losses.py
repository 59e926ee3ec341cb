"""Losses, recognised by what they compute of a network's outputs.

An op is a loss only if it cannot be an output: it compares outputs with labels, or is a mean of
squares.
"""

import functools
import re

from tf1port.tf1.graph.dependencies import SIZES, behind
from tf1port.tf1.graph.index import ADD, VARIABLES
from tf1port.tf1.graph.ranks import rank

_CROSS_ENTROPIES = {"SparseSoftmaxCrossEntropyWithLogits", "SoftmaxCrossEntropyWithLogits"}
_CROSS_ENTROPIES |= {"CTCLoss", "InTopK", "InTopKV2"}
_GAPS = {"Square", "Abs", "Pow", "Mul", "Minimum", "LessEqual", "Less"}  # Huber's loss, too
_MEANS = {"Mean", "Sum"}
# Ops beside the computation: summaries, assertions, sizes.
ASIDE = SIZES | {
    "NoOp",
    "HistogramSummary",
    "ScalarSummary",
    "MergeSummary",
    "Assert",
    "ZerosLike",
}


def is_loss(graph, node, inside):
    """Whether a node with outputs as inputs is the first op of a loss."""
    if node.op in _CROSS_ENTROPIES or _is_logistic(graph, node, inside):
        return True
    if node.op == "SquaredDifference":
        return _has_labels(graph, node, inside)
    after = _users(graph, node)
    if node.op == "Sub" and _has_labels(graph, node, inside):
        return bool(after) and all(user.op in _GAPS for user in after)
    if node.op in {"Sub", *ADD} and any(graph.constant(t) is not None for t in graph.inputs(node)):
        return bool(after) and all(user.op == "Square" and _averaged(graph, user) for user in after)
    return node.op == "Square" and _averaged(graph, node)


def _averaged(graph, node):
    """Whether a node's outputs are used by means over all elements alone."""
    users = _users(graph, node)
    return bool(users) and all(
        user.op in _MEANS and _is_number(graph, f"{user.name}:0") for user in users
    )


def _is_number(graph, tensor):
    """Whether a tensor has no axes."""
    known = rank(graph, tensor)
    return graph.shape(tensor) == [] if known is None else known == 0


def _is_logistic(graph, node, inside):
    """Whether a node is of a logistic loss, which has labels and a logarithm in a scope of its own.

    max(x, 0) - x labels + log(1 + exp(-abs(x))), as tf.nn.sigmoid_cross_entropy_with_logits has it.
    """
    scope = node.name.rpartition("/")[0] + "/"
    if scope not in _scopes_of_logarithms(graph):
        return False
    products_ = [user for name in graph.inputs(node) for user in graph.consumers(name, {"Mul"})]
    own = [user for user in products_ if user.name.startswith(scope)]
    return any(_has_labels(graph, user, inside) for user in own)


@functools.lru_cache(maxsize=1)  # of the current graph
def _scopes_of_logarithms(graph):
    """The scopes in which something is named Log1p, each with a "/" at its end."""
    names = (name for name in graph.nodes if "/Log1p" in name)
    return {name[: place.start()] for name in names for place in re.finditer("(?<=/)Log1p", name)}


def _has_labels(graph, node, inside):
    """Whether a node depends on fed tensors, and not on variables, beside the network's nodes."""
    nodes, sources = behind(graph, graph.inputs(node), cut=inside)
    return bool(sources) and not any(graph.nodes[n].op in VARIABLES for n in nodes - inside)


def _users(graph, node):
    """The forward nodes that compute with a node's outputs."""
    users = [user for name in graph.outputs(node) for user in graph.consumers(name)]
    return [user for user in users if user.op not in ASIDE]
