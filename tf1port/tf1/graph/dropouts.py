"""Dropout in a graph: random numbers become a mask, by which a tensor is multiplied or selected."""

import re
from collections.abc import Callable
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf1

# Ops of dropout: its random numbers, their shift, the application of the mask.
RANDOM = re.compile("(Stateless)?RandomUniform(V2)?$")
_SHIFTING = {"Mul", "Add", "AddV2", "Sub"}
_APPLY = {"Mul", "Select", "SelectV2"}
_ARITHMETIC: dict[str, Callable[..., float]] = {
    "Sub": lambda a, b: a - b,
    "RealDiv": lambda a, b: a / b if b else float("inf"),
    "Div": lambda a, b: a / b if b else float("inf"),
    "Reciprocal": lambda value: 1 / value if value else float("inf"),
}
_OF_RATES = {*_ARITHMETIC, "Cast", "Identity", "Enter", "Switch", "Merge"}


class Dropout(NamedTuple):
    """A node of dropout, by name.

    identity: an Identity of its input. is_constant: its rate depends on constants alone.
    scaling: the name of the node that scales up its input; None where there is none.
    """

    name: str
    identity: Any
    is_constant: bool
    scaling: str | None


def find_dropouts(graph):
    """Yields the Dropouts of a graph.

    Dropout multiplies its scaled input, or selects from it, by a mask of random numbers that were
    compared with a rate, or shifted by it and floored.
    """
    random = {f"{name}:0" for name, node in graph.nodes.items() if RANDOM.match(node.op)}
    for mask in graph.ahead(random, through=_SHIFTING, ops={"Floor", "GreaterEqual"}):
        rates = _rates(graph, mask, random)
        is_constant = all(_number(graph, rate) is not None for rate in rates)
        for node in graph.ahead([f"{mask.name}:0"], through={"Cast"}, ops=_APPLY):
            data = graph.inputs(node)[1 if node.op.startswith("Select") else 0]
            scaling = graph.node(data)
            if scaling is None or not _scales_up(graph, scaling, rates):
                yield Dropout(node.name, identity(node, data), is_constant, None)
                continue
            data = graph.inputs(scaling)[0]
            yield Dropout(node.name, identity(node, data), is_constant, scaling.name)


def _rates(graph, mask, random):
    """The tensors of the rate by which random numbers become a mask."""
    behind = graph.behind(f"{mask.name}:0", through={"Floor", "GreaterEqual", "Add", "AddV2"})
    inner = {"Floor", "GreaterEqual", "Add", "AddV2", "Mul"}  # of the range of the random numbers
    makers = {name: graph.node(name) for name in behind if name not in random}
    return [name for name, node in makers.items() if node is not None and node.op not in inner]


def _scales_up(graph, node, rates):
    """Whether a node scales by the inverse of a dropout's keep rate, not by another factor."""
    if node.op not in {"Mul", "RealDiv", "Div"}:
        return False
    scale = graph.inputs(node)[1]
    of_scale = {graph.origin(name) for name in graph.behind(scale, through=_OF_RATES)}
    of_rates = {graph.origin(t) for r in rates for t in graph.behind(r, through=_OF_RATES)}
    if any(graph.constant(name) is None for name in of_scale & of_rates):
        return True
    scale_value, rate_values = _number(graph, scale), [_number(graph, rate) for rate in rates]
    if scale_value is None or None in rate_values or not rate_values:
        return False
    shares = [share for rate in rate_values for share in (rate, 1 - rate) if share > 0]
    scales = [1 / share if node.op == "Mul" else share for share in shares]
    return any(abs(scale_value - scale) <= 1e-6 * abs(scale_value) for scale in scales)


def _number(graph, tensor):
    """The value of a scalar computed from constants; None: it depends on other nodes."""
    node = graph.node(graph.origin(tensor))
    if node is None:
        return None
    value = graph.constant(tensor)
    if value is not None:
        return float(value) if value.size == 1 else None
    if node.op not in _ARITHMETIC:
        return None
    values = [_number(graph, name) for name in graph.inputs(node)]
    return None if None in values else _ARITHMETIC[node.op](*values)


def identity(node, tensor):
    """An Identity of a tensor in place of a node."""
    identity = tf1.NodeDef(name=node.name, op="Identity", input=[tensor])
    identity.attr["T"].CopyFrom(node.attr["T"])
    return identity
