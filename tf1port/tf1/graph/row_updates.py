"""How an optimizer trains single rows of a table: at which rate, and by which gradient.

TF1 updates a whole variable by one op, and the rows that a batch looked up by several plain ones.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from tf1port.tf1.graph.index import PASSING, Graph
from tf1port.tf1.graph.optimizers import KINDS, Applied, row_updates

_PLAIN_OPS = {
    "Adam": {"AssignSub", "AssignSubVariableOp"},
    "GradientDescent": {"ScatterSub", "ResourceScatterSub", "ResourceScatterAdd"},
}
_ARITHMETIC = PASSING | {"Mul", "RealDiv", "Div", "Sub", "Add", "AddV2", "Sqrt", "Cast", "Neg"}
_SCATTERS = {"ScatterAdd", "ResourceScatterAdd"}
_SUM = "UnsortedSegmentSum"  # of the gradients of one row that a batch looked up several times


def other_rows(graph: Graph, variables: Iterable[str], applied: Iterable[Applied]) -> str | None:
    """Why rows of tables are not trained as whole variables are; None: they are, or there are none.

    Args:
        variables: names, trained by whichever ops. applied: the updates of whole variables.
    """
    updates = [*applied]
    kinds = " or ".join(sorted({update.kind for update in updates})) or "nothing"
    for name in sorted(variables):
        for node in row_updates(graph, name):
            if not any(_is_of(graph, node, update) for update in updates):
                return f"{node.name} ({node.op}) trains {name} otherwise than {kinds} all else"
    return None


def gradients_of_rows(graph: Graph, variables: Iterable[str], kind: str) -> list[str]:
    """The gradients of rows that an optimizer applies to tables, as clipped as they are.

    kind: a key of tf1port.tf1.graph.optimizers.KINDS.
    """
    nodes = [node for name in variables for node in row_updates(graph, name)]
    return [tensor for node in nodes for tensor in _gradients(graph, node, kind)]


def _is_of(graph: Graph, node: Any, update: Applied) -> bool:
    """Whether an update of rows is one of an optimizer whose update of a variable is given."""
    at_once = {f"SparseApply{update.kind}", f"ResourceSparseApply{update.kind}"}
    if node.op not in _PLAIN_OPS.get(update.kind, at_once):
        return False
    # Each optimizer has tensors of its own: where they are the same, it is the same one.
    own = {"lr", "epsilon"} & update.arguments.keys()
    places = {_uncast(graph, tensor) for tensor in _operands(graph, node)}
    return all(_uncast(graph, update.arguments[name]) in places for name in own)


def _operands(graph: Graph, node: Any) -> list[str]:
    """The tensors that an update of rows is computed from by arithmetic alone."""
    values = graph.inputs(node)[1:]
    return [name for value in values for name in graph.behind(value, through=_ARITHMETIC)]


def _gradients(graph: Graph, node: Any, kind: str) -> list[str]:
    """The gradients of rows that an update is computed from, before they are summed by row."""
    if kind == "Adam":
        operands = _operands(graph, node)
        slots = {graph.variable(name) for name in operands} - {None}
        makers = [graph.node(name) for name in operands]
        scatters = [maker for maker in makers if maker is not None and maker.op in _SCATTERS]
        scatters += [user for slot in sorted(slots) for user in graph.uses(slot, _SCATTERS)]
        sums = {name for each in scatters for name in _sums(graph, graph.inputs(each)[2])}
    elif kind == "GradientDescent":
        return [_first_factor(graph, graph.inputs(node)[2])]
    else:
        place = KINDS[kind].arguments.split().index("grad")  # the same with rows
        sums = {*_sums(graph, graph.inputs(node)[place])}
    return sorted({graph.inputs(graph.node(name))[0] for name in sums})


def _sums(graph: Graph, tensor: str) -> list[str]:
    """The sums by row among the factors of a tensor."""
    factors = graph.behind(tensor, through=PASSING | {"Mul"})
    return [name for name in factors if getattr(graph.node(name), "op", None) == _SUM]


def _first_factor(graph: Graph, tensor: str) -> str:
    """The gradient in a product of a gradient, or what is its negative, and the rate."""
    node = graph.node(graph.origin(tensor))
    while node is not None and node.op in {"Mul", "Neg"} and _is_update(node):
        tensor = graph.inputs(node)[0]
        node = graph.node(graph.origin(tensor))
    return tensor


def _is_update(node: Any) -> bool:
    """Whether a node is in the scope of an optimizer's update."""
    return any(part.startswith("update_") for part in node.name.split("/"))


def _uncast(graph: Graph, tensor: str) -> str:
    node = graph.node(graph.origin(tensor))
    if node is not None and node.op == "Cast":
        tensor = graph.inputs(node)[0]
    return graph.origin(tensor)
