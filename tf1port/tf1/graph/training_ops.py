"""The training ops of a graph: its losses, its train op, the clipping of its gradients."""

import re

from tf1port.tf1.graph.clipping import find_clipping
from tf1port.tf1.graph.dependencies import behind

# Not the stateless ones, which draw the same numbers of the same seed.
_RANDOM = re.compile(
    r"Random\w+|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial|SampleDistortedBoundingBox"
    r"|Stateful(Random|Standard|Truncated|Uniform)\w+|\w+CandidateSampler"
)
_COUNTING = {"AssignAdd", "AssignAddVariableOp"}


class NoTraining(Exception):
    """A graph cannot be trained here, or its gradients are not available; the message says why."""


def find_loss(whole):
    """The tensor whose gradients are computed: the first of find_losses."""
    loss = next(find_losses(whole), None)
    if loss is None:
        raise NoTraining("no loss is found that its gradients start from")
    return loss


def check_repeatable(graph, loss):
    """Refuses a loss that is another one in each run on the same batch.

    Args:
        graph: in inference mode, without dropout. loss: a tensor.

    Raises:
        NoTraining: an op upstream of it draws random numbers.
    """
    nodes, _ = behind(graph, [loss], cut=())
    drawing = sorted(name for name in nodes if _RANDOM.match(graph.nodes[name].op))
    if drawing:
        raise NoTraining(f"its loss differs from run to run, as {drawing[0]} draws random numbers")


class _Nodes:
    """The nodes of a GraphDef, those of backpropagation included, searched but once."""

    def __init__(self, graph_def):
        self.nodes = {node.name: node for node in graph_def.node}

    def consumers(self, tensor):
        """The nodes that a tensor is an input of."""
        names = {tensor, tensor.removesuffix(":0")}
        return [node for node in self.nodes.values() if not names.isdisjoint(node.input)]


def losses_of(graph_def):
    """The tensors whose gradients a GraphDef computes, each once."""
    return list(dict.fromkeys(find_losses(_Nodes(graph_def))))


def find_losses(whole):
    """Yields the tensor of each call of tf.gradients, by the op whose gradient is the first."""
    for node in whole.nodes.values():
        if re.fullmatch(r"(.*/)?gradients(_\d+)?/(Fill|grad_ys_0)", node.name):
            scope = node.name.rpartition("/")[0] + "/"
            users = whole.consumers(node.name + ":0")
            losses = [_differentiated(whole, user.name.removeprefix(scope)) for user in users]
            yield from (f"{name}:0" for name in losses if name is not None)


def _differentiated(whole, name):
    """The op whose gradient a node is part of, "loss" of "loss_grad/tuple/group"; or None."""
    ends = [match.start() for match in re.finditer("_grad/", name)]
    return next((name[:end] for end in reversed(ends) if name[:end] in whole.nodes), None)


def find_train_op(whole, applied):
    """The last op in the chain of control inputs that starts at the optimizer's update.

    The step counter may follow it through the tensor that it adds.
    """
    waiting: dict[str, list[str]] = {}
    for node in whole.nodes.values():
        for name in node.input:
            if name.startswith("^"):
                waiting.setdefault(name[1:], []).append(node.name)
    name = next(iter(applied.values())).node
    while True:
        counting = [node.name for node in whole.consumers(f"{name}:0", _COUNTING)]
        if name not in waiting and not counting:
            return name
        name = (waiting.get(name) or counting)[-1]


def clipping_of(whole, tensor):
    """The Clipping of the gradient that an optimizer applies; raises NoTraining if unknown."""
    clipping = find_clipping(whole, tensor)
    if clipping is None:
        raise NoTraining(
            f"{tensor} is applied, which is no gradient that is clipped in a known way"
        )
    return clipping
