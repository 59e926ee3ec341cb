"""What a loss is computed of: outputs of a network, labels, and weights of the single losses."""

from typing import Any, NamedTuple

from tf1port.tf1.graph.dependencies import behind
from tf1port.tf1.graph.index import PASSING, VARIABLES, Graph

_RESHAPING = PASSING | {"Reshape", "Squeeze", "ExpandDims"}
_CASTING = _RESHAPING | {"Cast"}
# Kinds by the op that compares outputs with labels, which are its first two inputs.
_KINDS = {
    "SparseSoftmaxCrossEntropyWithLogits": "sparse softmax",
    "SoftmaxCrossEntropyWithLogits": "softmax",
    "SquaredDifference": "squares",
}
_LOGISTIC = "logistic"
# What leaves most values as they are: a comparison of a few values would not see it.
_PIECEWISE = {"Minimum", "Maximum", "ClipByValue", "Relu", "Relu6", "Abs", "Sign", "Round"}
_PIECEWISE |= {"Floor", "Ceil", "TopK", "TopKV2", "Merge", "RefMerge", "If", "StatelessIf"}
_CHOICES = {"Select", "SelectV2"}
_FACTORS = _CHOICES | {"Mul", "RealDiv", "Div", "DivNoNan", "Pow"}


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


def find_form(graph: Graph, loss: str, outputs: set[str]) -> LossForm | None:
    """The form of a loss; None: it compares nothing with labels, or more than once.

    Args:
        graph: the forward graph. loss: a tensor. outputs: tensors of the network's outputs.
    """
    cut = {tensor.rpartition(":")[0] for tensor in outputs}
    names, _ = behind(graph, [loss], cut=cut)
    forms = {name: form for name in names - cut if (form := _form(graph, name, outputs))}
    if len(forms) != 1:
        return None
    ((name, form),) = forms.items()
    # What surrounds a logistic comparison is of the same loss, in a scope that TF1 makes for it.
    own = name.rpartition("/")[0] + "/" if form.kind == _LOGISTIC else None
    return form if _is_everywhere(graph, name, names, own) else None


def _is_everywhere(graph: Graph, name: str, names: set[str], own: str | None) -> bool:
    """Whether a loss has one form for all values of a comparison, and at every step.

    A loss that is cut off above a number, or has a weight that is a variable, is not.

    Args:
        name: the node that compares. names: those that the loss depends on. own: the scope of
            the comparison, if it is more than one node.
    """
    after, waiting = {name}, [name]
    while waiting:
        for tensor in graph.outputs(graph.nodes[waiting.pop()]):
            users = {user.name for user in graph.consumers(tensor)} & names - after
            after |= users
            waiting += users
    further = [graph.nodes[other] for other in after if other != name]
    return all(
        _is_smooth(graph, node, after)
        for node in further
        if own is None or not node.name.startswith(own)
    )


def _is_smooth(graph: Graph, node: Any, after: set[str]) -> bool:
    """Whether a node treats all losses alike, at every step. after: the nodes of losses."""
    aside = [tensor for tensor in graph.inputs(node) if tensor.rpartition(":")[0] not in after]
    if node.op in _PIECEWISE or (node.op in _CHOICES and graph.inputs(node)[0] not in aside):
        return False
    return node.op not in _FACTORS or not any(_is_of_variables(graph, name) for name in aside)


def _is_of_variables(graph: Graph, tensor: str) -> bool:
    names, _ = behind(graph, [tensor], cut=())
    return any(graph.nodes[name].op in VARIABLES for name in names)


def _form(graph: Graph, name: str, outputs: set[str]) -> LossForm | None:
    """The form of a loss whose comparison is one node; None: it is no such node."""
    node = graph.nodes[name]
    kind, operands = _KINDS.get(node.op, ""), graph.inputs(node)[:2]
    if node.op == "Square":
        inner = graph.node(graph.origin(graph.inputs(node)[0]))
        if inner is not None and inner.op == "Sub":
            kind, operands = "squares", graph.inputs(inner)
    if node.op == "Mul" and _is_logistic(graph, name):
        kind = _LOGISTIC
    if not kind:
        return None
    predictions = [_back(graph, tensor, _RESHAPING, outputs) for tensor in operands]
    known = [tensor in outputs for tensor in predictions]
    if sum(known) != 1:
        return None
    labels = _back(graph, operands[known[0]], _CASTING, set())
    start = graph.node(labels)
    if start is not None and start.op == "OneHot" and kind == "softmax":
        kind, labels = "sparse softmax", _back(graph, graph.inputs(start)[0], _CASTING, set())
    if graph.constant(labels) is not None:
        return None
    return LossForm(kind, predictions[not known[0]], labels, _weights(graph, name))


def _is_logistic(graph: Graph, name: str) -> bool:
    """Whether a product is that of labels and logits in tf.nn.sigmoid_cross_entropy_with_logits."""
    return f"{name.rpartition('/')[0]}/Log1p" in graph.nodes


def _weights(graph: Graph, name: str) -> str | None:
    """What single losses are multiplied by, or the mask by which some are kept.

    None: nothing, or one number.
    """
    queue = [f"{name}:0"]
    for tensor in queue:  # it grows
        for user in graph.consumers(tensor):
            if user.op == "Mul":
                other = _back(graph, graph.other(user, tensor), _CASTING, set())
                return None if graph.shape(other) == [] else other
            if user.op in {"Gather", "GatherV2"}:
                where = graph.node(_back(graph, graph.inputs(user)[1], _CASTING, set()))
                masked = where is not None and where.op == "Where"
                return _back(graph, graph.inputs(where)[0], _CASTING, set()) if masked else None
            if user.op in _RESHAPING or user.name.startswith(f"{name.rpartition('/')[0]}/"):
                queue += [output for output in graph.outputs(user) if output not in queue]
    return None


def _back(graph: Graph, tensor: str, through: set[str], ends: set[str]) -> str:
    """The tensor behind some ops, or the first of `ends` on the way."""
    while tensor not in ends:
        node = graph.node(tensor)
        if node is None or node.op not in through:
            return tensor
        tensor = graph.inputs(node)[0]
    return tensor
