"""The training ops of a graph: its losses, its train op, the clipping of its gradients."""

import re
from typing import Any

from tf1port.tf1.graph.clipping import find_clipping
from tf1port.tf1.graph.dependencies import behind
from tf1port.tf1.graph.summed_losses import differentiated

# Not the stateless ones, which draw the same numbers of the same seed.
_RANDOM = re.compile(
    r"Random\w+|TruncatedNormal|ParameterizedTruncatedNormal|Multinomial|SampleDistortedBoundingBox"
    r"|Stateful(Random|Standard|Truncated|Uniform)\w+|\w+CandidateSampler"
)
_COUNTING = {"AssignAdd", "AssignAddVariableOp"}


class NoTraining(Exception):
    """A graph cannot be trained here, or its gradients are not available; the message says why."""


def find_loss(whole):
    """The tensor whose gradients are computed, by the first call of tf.gradients.

    Raises:
        NoTraining: there is none, or none is the sum of the terms that gradients are of.
    """
    losses = [*differentiated(whole)]
    if not losses:
        raise NoTraining("no loss is found that its gradients start from")
    if losses[0] is None:
        raise NoTraining(
            "the loss was not found: its gradients are of several terms, which no tensor is the "
            "sum of"
        )
    return losses[0]


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
    """The nodes of a GraphDef, those of backpropagation included, without any other index."""

    def __init__(self, graph_def):
        self.nodes = {node.name: node for node in graph_def.node}
        self._consumers: dict[str, list[Any]] = {}
        for node in graph_def.node:
            for name in {name.removesuffix(":0") for name in node.input}:
                self._consumers.setdefault(name, []).append(node)

    def consumers(self, tensor):
        """The nodes that a tensor is an input of."""
        return self._consumers.get(tensor.removesuffix(":0"), [])


def losses_of(graph_def):
    """The tensors whose gradients a GraphDef computes, each once."""
    return find_losses(_Nodes(graph_def))


def sole_loss(graph_def):
    """The one tensor whose gradients a GraphDef computes; None: several, or one is not found."""
    losses = {*differentiated(_Nodes(graph_def))}
    return losses.pop() if len(losses) == 1 else None


def find_losses(whole):
    """The tensors that calls of tf.gradients are of, each once, without those not found."""
    return [name for name in dict.fromkeys(differentiated(whole)) if name is not None]


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
