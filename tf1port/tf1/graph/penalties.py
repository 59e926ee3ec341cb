"""The terms of a loss that are of variables alone: their sums of squares, each with its factor."""

from collections.abc import Iterator
from typing import NamedTuple

from tf1port.tf1.graph.dependencies import behind
from tf1port.tf1.graph.index import ADD, Graph, scalar

_LONGEST = 10_000  # terms of a loss


class Penalties(NamedTuple):
    """The penalties of a loss.

    factors: of a variable's sum of squares, by the variable: half of what a program multiplies
    `tf.nn.l2_loss` by. others: the variables that the loss depends on in another way.
    """

    factors: dict[str, float]
    others: list[str]


def find_penalties(graph: Graph, loss: str, outputs: list[str], variables: set[str]) -> Penalties:
    """The Penalties of a loss.

    Args:
        graph: the forward graph. loss: a tensor. outputs: the tensors of the model's outputs.
        variables: the names of the model's.
    """
    factors: dict[str, float] = {}
    cut = {tensor.rpartition(":")[0] for tensor in outputs}
    rest = []
    for factor, tensor in _terms(graph, loss, 1.0):
        variable = _squared(graph, tensor)
        if variable in variables:
            half = 0.5 if graph.nodes[tensor.rpartition(":")[0]].op == "L2Loss" else 1.0
            factors[variable] = factors.get(variable, 0.0) + factor * half
        else:
            rest.append(tensor)
    nodes, _ = behind(graph, rest, cut=cut)
    others = sorted({name for name in map(graph.variable, _outputs_of(nodes)) if name} & variables)
    return Penalties({n: f for n, f in factors.items() if n not in others}, others)


def _terms(graph: Graph, tensor: str, factor: float) -> Iterator[tuple[float, str]]:
    """The tensors that a scalar is the sum of, each with its factor."""
    queue = [(factor, tensor)]
    for factor, tensor in queue:  # it grows
        tensor = graph.origin(tensor)
        node = graph.node(tensor)
        if node is None or len(queue) > _LONGEST:
            yield factor, tensor
            continue
        inputs = graph.inputs(node)
        constants = [scalar(graph.constant(name)) for name in inputs]
        if node.op in ADD | {"AddN"}:
            queue += [(factor, name) for name in inputs]
        elif node.op == "Mul" and sum(value is not None for value in constants) == 1:
            number = next(value for value in constants if value is not None)
            queue.append((factor * number, inputs[constants[0] is not None]))
        elif node.op == "Sum" and _packed(graph, inputs[0]):
            queue += [(factor, name) for name in _packed(graph, inputs[0])]
        else:
            yield factor, tensor


def _packed(graph: Graph, tensor: str) -> list[str]:
    """The scalars that a vector consists of; none where it is no such one."""
    node = graph.node(graph.origin(tensor))
    if node is None or node.op != "Pack" or graph.shape(tensor) != [len(graph.inputs(node))]:
        return []
    return graph.inputs(node)


def _squared(graph: Graph, tensor: str) -> str | None:
    """The variable of which a tensor is the sum of squares, or half of it; None: it is not."""
    node = graph.node(tensor)
    if node is not None and node.op == "L2Loss":
        return graph.variable(graph.inputs(node)[0])
    if node is None or node.op != "Sum" or graph.shape(tensor) != []:
        return None
    inner = graph.node(graph.origin(graph.inputs(node)[0]))
    if inner is None or inner.op not in {"Square", "Mul"}:
        return None
    variables = {graph.variable(name) for name in graph.inputs(inner)}
    return variables.pop() if len(variables) == 1 else None


def _outputs_of(nodes: set[str]) -> list[str]:
    return [f"{name}:0" for name in nodes]
