"""What a loss is computed of: outputs of a network, labels, and weights of the single losses.

A comparison of some values does not show what a loss does at others: only what is known to be
linear in the single losses is accepted, and no other way from the outputs to the loss.
"""

from collections.abc import Iterable
from typing import Any, NamedTuple

from tf1port.tf1.graph.dependencies import SIZES, behind
from tf1port.tf1.graph.index import ADD, VARIABLES, Graph, is_backward
from tf1port.tf1.graph.linear_losses import (
    CASTING,
    FILLED,
    RESHAPING,
    are_linear,
    filled,
    mask_of,
    way,
)

_STOPS = {"StopGradient", "PreventGradient"}
# Kinds by the op that compares outputs with labels, which are its first two inputs.
_KINDS = {
    "SparseSoftmaxCrossEntropyWithLogits": "sparse softmax",
    "SoftmaxCrossEntropyWithLogits": "softmax",
    "SquaredDifference": "squares",
}
# tf.nn.sigmoid_cross_entropy_with_logits of logits x and labels y, since TF 0.11 and before it.
_LOGISTIC = {
    "Add(Sub(Select(GreaterEqual(x,0),x,0),Mul(x,y)),"
    "Log1p(Exp(Select(GreaterEqual(x,0),Neg(x),x))))",
    "Add(Sub(Relu(x),Mul(x,y)),Log1p(Exp(Neg(Abs(x)))))",
    "Add(Sub(Relu(x),Mul(x,y)),Log(Add(1,Exp(Neg(Abs(x))))))",
}
_LOGISTIC_OPS = ADD | {"Sub", "Select", "SelectV2", "GreaterEqual", "Mul", "Log1p", "Log", "Exp"}
_LOGISTIC_OPS |= {"Neg", "Relu", "Abs"}


class LossForm(NamedTuple):
    """The kind of a loss, and tensors that it is computed of.

    kind: "sparse softmax", "softmax", "logistic" or "squares". predictions: an output of the
    network. labels: as they are fed, but for their shape and type. weights: of the single losses;
    None: there are none.
    """

    kind: str
    predictions: str
    labels: str
    weights: str | None


class _Comparison(NamedTuple):
    """Outputs that are compared with labels.

    nodes: those that compare, and those that bring the outputs there.
    """

    kind: str
    predictions: str
    labels: str
    nodes: set[str]


def find_form(graph: Graph, loss: str, outputs: set[str]) -> LossForm | None:
    """The form of a loss; None: it compares nothing with labels, or more than once, or does more.

    Args:
        graph: the forward graph. loss: a tensor. outputs: tensors of the network's outputs.
    """
    cut = {tensor.rpartition(":")[0] for tensor in outputs}
    names, _ = behind(graph, [loss], cut=cut)
    found = {name: each for name in names - cut if (each := _compared(graph, name, outputs))}
    if len(found) != 1:
        return None
    ((name, compared),) = found.items()
    after = _dependents(graph, [f"{name}:0"], names)
    ports = [tensor for each in cut for tensor in graph.outputs(graph.nodes[each])]
    before = _dependents(graph, ports, names - cut) - after
    own = compared.predictions.rpartition(":")[0]
    if before - compared.nodes or _has_own_gradient(graph.nodes[own]):
        return None
    if any(_is_changed(graph, each) for each in before | after):
        return None
    form = LossForm(*compared[:3], _weights(graph, name, after))
    linear = are_linear(graph, f"{name}:0", after, weights=form.weights, apart=cut | before)
    return form if linear and not _needs_more(graph, loss, cut, form) else None


def _dependents(graph: Graph, tensors: Iterable[str], names: set[str]) -> set[str]:
    """The nodes among `names` whose values depend on tensors: not on their sizes alone."""
    found: set[str] = set()
    waiting = [*tensors]
    while waiting:
        users = graph.consumers(waiting.pop())
        new = {user.name for user in users if user.op not in SIZES | FILLED} & names - found
        found |= new
        waiting += [tensor for name in new for tensor in graph.outputs(graph.nodes[name])]
    return found


def _is_changed(graph: Graph, name: str) -> bool:
    """Whether training computes another value of a node, as dropout, or has a gradient of its own.

    A node of a function that was lowered is not known to be as the program has it.
    """
    given = graph.given.get(name)
    return given is None or given.op != graph.nodes[name].op or _has_own_gradient(given)


def _has_own_gradient(node: Any) -> bool:
    """Whether a node has no gradient, or another one than its op: tf.custom_gradient and others."""
    return node.op in _STOPS or "_gradient_op_type" in node.attr


def _needs_more(graph: Graph, loss: str, cut: set[str], form: LossForm) -> bool:
    """Whether a loss, its labels or weights depend on what an optimizer trains or a user feeds.

    A loss may depend on variables besides, which are its penalties, and on one number that has a
    default, as their factor; a gradient depends on outputs in ways that are not seen here.
    """
    fed = [tensor for tensor in (form.labels, form.weights) if tensor]
    rest, sources = behind(graph, [loss], cut=cut | {name.rpartition(":")[0] for name in fed})
    inputs = [tensor for name in rest for tensor in graph.inputs(graph.nodes[name])]
    numbers = {name for name in sources if _is_default_number(graph, name)}
    if sources - numbers or any(is_backward(tensor.rpartition(":")[0]) for tensor in inputs):
        return True
    return any(graph.nodes[name].op in VARIABLES for name in behind(graph, fed, cut=())[0])


def _is_default_number(graph: Graph, tensor: str) -> bool:
    node = graph.node(tensor)
    return node is not None and node.op == "PlaceholderWithDefault" and graph.shape(tensor) == []


def _compared(graph: Graph, name: str, outputs: set[str]) -> _Comparison | None:
    """The comparison whose values a node computes; None: it is no such node."""
    node = graph.nodes[name]
    kind, operands, nodes = _KINDS.get(node.op, ""), graph.inputs(node)[:2], {name}
    if node.op == "Square":
        inner = graph.node(graph.inputs(node)[0])
        if inner is not None and inner.op == "Sub":
            kind, operands, nodes = "squares", graph.inputs(inner), {name, inner.name}
    if node.op in ADD:
        kind, operands, nodes = _logistic(graph, name)
    if not kind:
        return None
    ways = [way(graph, tensor, RESHAPING, outputs) for tensor in operands]
    known = [tensors[-1] in outputs for tensors in ways]
    if sum(known) != 1:
        return None
    labels = way(graph, operands[known[0]], CASTING)[-1]
    start = graph.node(labels)
    if start is not None and start.op == "OneHot" and kind == "softmax":
        kind, labels = "sparse softmax", way(graph, graph.inputs(start)[0], CASTING)[-1]
    if graph.constant(labels) is not None:
        return None
    *passed, predictions = ways[not known[0]]
    nodes |= {tensor.rpartition(":")[0] for tensor in passed}
    return _Comparison(kind, predictions, labels, nodes)


def _logistic(graph: Graph, name: str) -> tuple[str, list[str], set[str]]:
    """The kind, operands and nodes of tf.nn.sigmoid_cross_entropy_with_logits; "": it is none."""
    gap = graph.node(graph.inputs(graph.nodes[name])[0])
    product = graph.node(graph.inputs(gap)[1]) if gap is not None and gap.op == "Sub" else None
    if product is None or product.op != "Mul":
        return "", [], set()
    operands = graph.inputs(product)
    own: set[str] = set()
    text = _sketch(graph, f"{name}:0", dict(zip(operands, "xy", strict=True)), own)
    return ("logistic", operands, own) if text in _LOGISTIC else ("", [], set())


def _sketch(graph: Graph, tensor: str, known: dict[str, str], own: set[str]) -> str:
    """What a tensor is computed of, as text. own: the names of the nodes are added to it."""
    if tensor in known:
        return known[tensor]
    number, node = filled(graph, tensor), graph.node(tensor)
    if number is not None:
        return f"{number:g}"
    if node is None or node.op not in _LOGISTIC_OPS:
        return "?"
    own.add(node.name)
    inputs = ",".join(_sketch(graph, name, known, own) for name in graph.inputs(node))
    return f"{node.op.removesuffix('V2')}({inputs})"


def _weights(graph: Graph, name: str, after: set[str]) -> str | None:
    """What single losses are multiplied by, or the mask by which some are kept.

    None: nothing, or one number.

    Args:
        name: the node that compares. after: those that depend on it.
    """
    queue = [f"{name}:0"]
    for tensor in queue:  # it grows
        for user in graph.consumers(tensor):
            if user.name not in after:
                continue
            if user.op == "Mul":
                other = way(graph, graph.other(user, tensor), CASTING)[-1]
                return None if graph.shape(other) == [] else other
            if user.op in {"Gather", "GatherV2"}:
                return mask_of(graph, graph.inputs(user)[1])
            if user.op in CASTING:
                queue += [output for output in graph.outputs(user) if output not in queue]
    return None
