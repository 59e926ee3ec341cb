"""How a graph clips gradients before its optimizer applies them, as Keras' optimizers can."""

import re
from typing import NamedTuple

from tf1port.tf1.graph.index import ADD, Graph, scalar
from tf1port.tf1.graph.layer_ops import GATHERS

# From a factor of tf.clip_by_global_norm back to the L2Losses of its norm.
_NORM = ADD | {"Select", "SelectV2", "IsFinite", "Sub", "Mul", "Minimum", "RealDiv", "Sqrt", "Sum"}
_NORM |= {"Pack", "Identity", "Div"}  # of 2016, which had no RealDiv
# From the norm of tf.clip_by_norm back to its sum of squares.
_ROOT = {"Sqrt", "Select", "SelectV2", "Greater", "OnesLike", "Identity"}
_SUM = re.compile(r"AddN(_\d+)?|concat(_\d+)?")  # of the gradients by several ways
_SCOPE = re.compile(r"gradients(_\d+)?")


class Clipping(NamedTuple):
    """How one gradient is clipped.

    gradient: its tensor before clipping. option: the name of the option of a Keras optimizer; None
    where nothing is clipped. limit: its value. norm_tensors: the tensors whose global norm it is,
    for "global_clipnorm".
    """

    gradient: str
    option: str | None = None
    limit: float = 0.0
    norm_tensors: frozenset[str] = frozenset()


def find_clipping(graph: Graph, tensor):
    """The Clipping of the gradient that an optimizer applies; None: it is changed in another way.

    Args:
        tensor: the input "grad" of the optimizer's op.
    """
    tensor = _same(graph, tensor)
    if _is_gradient(graph, tensor):
        return Clipping(tensor)
    node = graph.node(tensor)
    reader = _READERS.get(node.op) if node is not None else None
    clipping = reader(graph, node) if reader else None
    if clipping is None or not _is_gradient(graph, clipping.gradient) or clipping.limit <= 0:
        return None
    return clipping


def looked_up(graph: Graph, variables):
    """Those of some variables, by name, of which the graph takes single rows."""
    return [name for name in variables if graph.uses(name, GATHERS)]


def clip_options(clippings, recurrent, *, notes):
    """The option of a Keras optimizer that clips alike: {} for no clipping, None if there is none.

    Args:
        clippings: of the gradients of a model's variables, or of rows of them.
        recurrent: it has cells.
        notes: a list; lines on what Keras does differently are appended.
    """
    kinds = {None if clipping is None else clipping[1:] for clipping in clippings}
    if len(kinds) > 1 or None in kinds:
        notes.append(
            "the graph changes gradients before it applies them, in a way that Keras' optimizers "
            "do not support: it is not converted, training goes on differently"
        )
        return None
    clipping = clippings[0]
    if clipping.option == "clipnorm" and recurrent:
        notes.append(
            f"each gradient is clipped by its own norm, {clipping.limit:g}: in Keras, kernel and "
            "recurrent kernel separately, which are one in TF1: training goes on a bit differently"
        )
    own = {each.gradient for each in clippings}
    if clipping.norm_tensors and clipping.norm_tensors != own:
        notes.append(
            f"gradients are clipped by their global norm, {clipping.limit:g}, among them those of "
            "variables that are not in the model: training goes on a little differently"
        )
    return {clipping.option: clipping.limit} if clipping.option else {}


def _by_global_norm(graph, node):
    """tf.clip_by_global_norm: g · limit · min(1 / norm, 1 / limit)."""
    gradient, factor = graph.inputs(node)
    behind = graph.behind(factor, through=_NORM)
    nodes = [candidate for candidate in map(graph.node, behind) if candidate is not None]
    halves = [candidate for candidate in nodes if candidate.op == "L2Loss"]
    limits = [
        scalar(graph.constant(tensor))
        for candidate in nodes
        if candidate.op == "Mul"
        and "Minimum" in (_op(graph, name) for name in graph.inputs(candidate))
        for tensor in graph.inputs(candidate)
        if _op(graph, tensor) != "Minimum"
    ]
    if not halves or len(limits) != 1 or limits[0] is None:
        return None
    tensors = frozenset(_same(graph, graph.inputs(half)[0]) for half in halves)
    return Clipping(_same(graph, gradient), "global_clipnorm", limits[0], tensors)


def _by_norm(graph, node):
    """tf.clip_by_norm: g · limit / max(norm of g, limit)."""
    scaled, divisor = map(graph.node, graph.inputs(node))
    if scaled is None or divisor is None or (scaled.op, divisor.op) != ("Mul", "Maximum"):
        return None
    gradient, limit = graph.inputs(scaled)
    gradient = _same(graph, gradient)
    norm, least = graph.inputs(divisor)
    limits = {scalar(graph.constant(name)) for name in (limit, least)}
    if len(limits) != 1 or None in limits or not _is_norm(graph, norm, gradient):
        return None
    return Clipping(gradient, "clipnorm", limits.pop())


def _is_norm(graph, tensor, gradient):
    """Whether a tensor is the root of the sum of all squares of a gradient."""
    nodes = [node for node in map(graph.node, graph.behind(tensor, through=_ROOT)) if node]
    sums = [node for node in nodes if node.op == "Sum"]
    if len(sums) != 1 or not any(node.op == "Sqrt" for node in nodes):
        return False
    squares, axes = graph.inputs(sums[0])
    square = graph.node(_same(graph, squares))
    if square is None or square.op not in {"Square", "Mul"}:
        return False
    if {_same(graph, name) for name in graph.inputs(square)} != {gradient}:
        return False
    return _are_all(graph, axes, gradient)


def _are_all(graph, axes, tensor):
    """Whether these are all axes of a tensor: by their number, or a range over its rank."""
    values = graph.constant(axes)
    if values is None:
        node = graph.node(axes)
        return (
            node is not None and node.op == "Range" and _op(graph, graph.inputs(node)[1]) == "Rank"
        )
    shape = graph.whole.shape(tensor)
    return shape is not None and len({int(axis) for axis in values.reshape(-1)}) == len(shape)


def _by_value(graph, node):
    """tf.clip_by_value between limits of one size: one op, or a minimum and a maximum."""
    tensor, *limits = graph.inputs(node)
    if node.op == "Maximum":
        inner = graph.node(_same(graph, tensor))
        if inner is None or inner.op != "Minimum":
            return None
        tensor, upper = graph.inputs(inner)
        limits = [*limits, upper]
    lower, upper = (scalar(graph.constant(name)) for name in limits)
    if lower is None or upper is None or lower != -upper:
        return None
    return Clipping(_same(graph, tensor), "clipvalue", upper)


_READERS = {
    "Mul": _by_global_norm,
    "RealDiv": _by_norm,
    "Div": _by_norm,
    "ClipByValue": _by_value,
    "Maximum": _by_value,
}


def _same(graph, tensor):
    """The tensor behind Identities that are no part of backpropagation."""
    while _op(graph, tensor) == "Identity" and not _is_gradient(graph, tensor):
        tensor = graph.inputs(graph.node(tensor))[0]
    return tensor


def _op(graph, tensor):
    node = graph.node(tensor)
    return None if node is None else node.op


def _is_gradient(graph, tensor):
    """Whether tf.gradients made a tensor, and not a program in a scope of that name.

    It names a gradient after the op that it is of, in a scope of its own.
    """
    components = tensor.rpartition(":")[0].split("/")
    scopes = [n for n, component in enumerate(components) if _SCOPE.fullmatch(component)]
    if not scopes:
        return False
    name = "/".join(components[scopes[-1] + 1 :])
    ends = [match.start() for match in re.finditer(r"_grad(_\d+)?/", name)]
    return bool(_SUM.fullmatch(name)) or any(name[:end] in graph.whole.nodes for end in ends)
