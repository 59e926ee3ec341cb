"""Which variables of a graph are drawn anew for a second comparison, and their random values.

Biases of zero, scales of one and states that nothing trained hide an op that a port lacks.
"""

from collections.abc import Collection, Iterable
from typing import Any, NamedTuple

import numpy as np

from tf1port.conversion.original_graph import perturbed
from tf1port.tf1.graph.index import VARIABLES
from tf1port.tf1.graph.pruning import behind

_POSITIVE = "moving_variance"


class Redrawn(NamedTuple):
    """The variables that some tensors depend on, by name.

    Attributes:
        drawn: those that get other values.
        hiding: those that keep theirs although these may hide an op: zeros or ones alone.
        kept: the others that keep theirs, which may be constants of the port.
    """

    drawn: list[str]
    hiding: list[str]
    kept: list[str]


def find(
    graph: Any,
    targets: Iterable[str],
    checkpoint: Any,
    *,
    fed: Collection[str],
    mapped: Collection[str],
    trained: Any,
) -> Redrawn:
    """The float variables of a checkpoint that tensors depend on.

    Those of a map and those that are trained are drawn; any other one may be a constant that the
    port has in its code.

    Args:
        graph: tf1port.tf1.graph.index.Graph. targets: names of tensors.
        fed: full names of tensors whose values are fed.
        mapped: names of variables. trained: a function from a name to whether training changes it.
    """
    nodes = behind(graph.nodes, targets, cut=set(fed), controls=False)
    names = sorted(name for name, node in nodes.items() if _is_float(name, node, checkpoint))
    drawn = [name for name in names if name in mapped or trained(name)]
    others = [name for name in names if name not in drawn]
    hiding = [name for name in others if _hides(checkpoint.read(name))]
    return Redrawn(drawn, hiding, [name for name in others if name not in hiding])


def values(names: Iterable[str], checkpoint: Any, *, positive: Collection[str], seed: int) -> Any:
    """Random values {name: array} of about the checkpoint's scale, in its dtypes.

    positive: names of variables that are never below zero.
    """
    stream = np.random.default_rng(seed)
    drawn = {}
    for name in names:
        value = checkpoint.read(name)
        role = _POSITIVE if name in positive or "variance" in name else ""
        drawn[name] = perturbed(value, stream, role=role).astype(value.dtype)
    return drawn


def _is_float(name, node, checkpoint):
    known = node.op in VARIABLES and name in checkpoint.shapes
    return known and checkpoint.dtypes[name].kind == "f"


def _hides(value):
    """Whether all of an array is 0 or all of it is 1: an op with it then changes nothing."""
    return bool(np.all(value == 0) or np.all(value == 1))
