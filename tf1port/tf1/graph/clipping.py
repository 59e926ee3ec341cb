"""How a graph clips gradients before its optimizer applies them, as Keras' optimizers can."""

from typing import NamedTuple

import numpy as np

from tf1port.tf1.graph.gradient_names import is_gradient
from tf1port.tf1.graph.index import ADD, Graph, scalar
from tf1port.tf1.graph.layer_ops import GATHERS

_DIVISIONS = {"RealDiv", "Div"}  # "Div" of 2016, which had no RealDiv
_SELECTIONS = {"Select", "SelectV2"}


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
    if is_gradient(graph, tensor):
        return Clipping(tensor)
    node = graph.node(tensor)
    reader = _READERS.get(node.op) if node is not None else None
    clipping = reader(graph, node) if reader else None
    if clipping is None or not is_gradient(graph, clipping.gradient) or clipping.limit <= 0:
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
    """tf.clip_by_global_norm: g · limit · min(1 / norm, 1 / limit).

    Nothing else is read: a norm that is scaled, or has a floor, clips at another limit.
    """
    gradient, factor = graph.inputs(node)
    gradient = _same(graph, gradient)
    scaled, of_finite = _where_finite(graph, factor)
    limit, norm = _limit(graph, scaled)
    tensors = [_same(graph, tensor) for tensor in _squared(graph, norm)]
    if of_finite not in {None, norm} or gradient not in tensors:
        return None
    if len(set(tensors)) < len(tensors) or not all(is_gradient(graph, each) for each in tensors):
        return None
    return Clipping(gradient, "global_clipnorm", limit, frozenset(tensors))


def _where_finite(graph, factor):
    """A factor before it is made NaN where the norm is not finite, and the norm.

    TF 1.13 to 1.15 select it; TF 2 adds norm - norm; in earlier versions it stays: None.
    """
    chosen = _inputs(graph, factor, _SELECTIONS)
    finite = _inputs(graph, chosen[0], {"IsFinite"}) if chosen else []
    if finite and np.isnan(_number(graph, chosen[2]) or 0.0):
        return chosen[1], finite[0]
    added = _inputs(graph, factor, ADD)
    gap = _inputs(graph, added[1], {"Sub"}) if added else []
    return (added[0], gap[0]) if gap and gap[0] == gap[1] else (factor, None)


def _limit(graph, scaled):
    """The limit and the norm of limit · min(1 / norm, 1 / limit); None, None for another form."""
    product = _inputs(graph, scaled, {"Mul"})
    least = _inputs(graph, product[1], {"Minimum"}) if product else []
    inverse = _inputs(graph, least[0], _DIVISIONS) if least else []
    limit = _number(graph, product[0]) if inverse else None
    if not limit or _number(graph, inverse[0]) != 1 or not _is_inverse(graph, least[1], limit):
        return None, None
    return limit, inverse[1]


def _is_inverse(graph, tensor, limit):
    """Whether a tensor is 1 / limit: a division, or in 2016 a number."""
    division = _inputs(graph, tensor, _DIVISIONS)
    if division:
        return [_number(graph, each) for each in division] == [1, limit]
    number = _number(graph, tensor)
    return number is not None and np.isclose(number, 1 / limit, rtol=1e-6, atol=0.0)


def _squared(graph, norm):
    """The tensors whose global norm a tensor is, as tf.global_norm has it; none for another form.

    That is the root of 2 · the sum of their L2Losses.
    """
    root = _inputs(graph, norm, {"Sqrt"}) if norm else []
    product = _inputs(graph, root[0], {"Mul"}) if root else []
    total = _inputs(graph, product[0], {"Sum"}) if product else []
    if not total or _number(graph, product[1]) != 2:
        return []
    halves = _inputs(graph, total[0], {"Pack"})
    axes = graph.constant(total[1])
    if not (_is_range(graph, total[1], {total[0]}) if axes is None else scalar(axes) == 0):
        return []
    losses = [_inputs(graph, half, {"L2Loss"}) for half in halves]
    return [tensor for (tensor,) in losses] if all(losses) else []


def _by_norm(graph, node):
    """tf.clip_by_norm: g · limit / max(norm of g, limit)."""
    scaled, divisor = map(graph.node, graph.inputs(node))
    if scaled is None or divisor is None or (scaled.op, divisor.op) != ("Mul", "Maximum"):
        return None
    gradient, limit = graph.inputs(scaled)
    gradient = _same(graph, gradient)
    norm, least = graph.inputs(divisor)
    limits = {_number(graph, name) for name in (limit, least)}
    if len(limits) != 1 or None in limits or not _is_norm(graph, norm, gradient):
        return None
    return Clipping(gradient, "clipnorm", limits.pop())


def _is_norm(graph, tensor, gradient):
    """Whether a tensor is the root of the sum of all squares of a gradient."""
    rooted = _rooted(graph, tensor)
    total = _inputs(graph, rooted, {"Sum"}) if rooted else []
    square = graph.node(_same(graph, total[0])) if total else None
    if square is None or square.op not in {"Square", "Mul"}:
        return False
    if {_same(graph, name) for name in graph.inputs(square)} != {gradient}:
        return False
    return _are_all(graph, total[1], total[0], gradient)


def _rooted(graph, tensor):
    """What a tensor is the root of, or None.

    Since TF 1.13 it is chosen: root of (sum, or 1) where the sum is above 0, else the sum.
    """
    chosen = _inputs(graph, tensor, _SELECTIONS)
    root = _inputs(graph, chosen[1] if chosen else tensor, {"Sqrt"})
    if not chosen or not root:
        return root[0] if root else None
    above, _, total = chosen
    compared = _inputs(graph, above, {"Greater"})
    if _inputs(graph, root[0], _SELECTIONS)[:2] != [above, total] or compared[:1] != [total]:
        return None
    return total if _number(graph, compared[1]) == 0 else None


def _are_all(graph, axes, squares, gradient):
    """Whether these are all axes of a tensor: by their number, or a range over its rank."""
    values = graph.constant(axes)
    if values is None:
        return _is_range(graph, axes, {squares, gradient})
    shape = graph.whole.shape(gradient)
    return shape is not None and len({int(axis) for axis in values.reshape(-1)}) == len(shape)


def _is_range(graph, axes, tensors):
    """Whether axes are those from 0 to the rank of one of the tensors."""
    start, end, step = _inputs(graph, axes, {"Range"}) or [axes] * 3
    ranked = _inputs(graph, end, {"Rank"})
    return (
        bool(ranked)
        and ranked[0] in tensors
        and _number(graph, start) == 0
        and (_number(graph, step) == 1)
    )


def _by_value(graph, node):
    """tf.clip_by_value between limits of one size: one op, or a minimum and a maximum."""
    tensor, *limits = graph.inputs(node)
    if node.op == "Maximum":
        inner = graph.node(_same(graph, tensor))
        if inner is None or inner.op != "Minimum":
            return None
        tensor, upper = graph.inputs(inner)
        limits = [*limits, upper]
    lower, upper = (_number(graph, name) for name in limits)
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
    while _op(graph, tensor) == "Identity" and not is_gradient(graph, tensor):
        tensor = graph.inputs(graph.node(tensor))[0]
    return tensor


def _op(graph, tensor):
    node = graph.node(tensor)
    return None if node is None else node.op


def _inputs(graph, tensor, ops):
    """The inputs of the node of a tensor, if it is one of these ops; else none."""
    node = graph.node(graph.origin(tensor))
    return graph.inputs(node) if node is not None and node.op in ops else []


def _number(graph, tensor):
    """The number that a constant tensor is; None for any other."""
    return scalar(graph.constant(tensor))
