"""How an optimizer trains single rows of a table: by which numbers, and by which gradient.

TF1 updates a whole variable by one op, and the rows that a batch looked up by several plain ones.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from typing import Any

from tf1port.tf1.graph.index import PASSING, Graph, scalar
from tf1port.tf1.graph.optimizers import KINDS, Applied, row_updates

_ARITHMETIC = PASSING | {"Mul", "RealDiv", "Div", "Sub", "Add", "AddV2", "Sqrt", "Cast", "Neg"}
_SCATTERS = {"ScatterAdd", "ResourceScatterAdd"}
_ASSIGNMENTS = {"Assign", "AssignVariableOp"}
_SUM = "UnsortedSegmentSum"  # of the gradients of one row that a batch looked up several times


def other_rows(graph: Graph, variables: Iterable[str], applied: Iterable[Applied]) -> str | None:
    """Why rows of tables are not trained as whole variables are; None: they are, or there are none.

    Args:
        variables: names, trained by whichever ops. applied: the updates of whole variables.
    """
    updates = [*applied]
    for name in sorted(variables):
        nodes = row_updates(graph, name)
        if len(nodes) > 1:
            return f"{name} is trained by several ({', '.join(node.name for node in nodes)})"
        for node in nodes:
            if not updates:
                return f"it trains rows of {name} alone"
            if not any(_gradient(graph, node, update) for update in updates):
                return (
                    f"{node.name} ({node.op}) trains rows of {name}, and is no "
                    f"{updates[0].kind} with the options of the other variables"
                )
    return None


def gradients_of_rows(
    graph: Graph, variables: Iterable[str], applied: Sequence[Applied]
) -> list[str]:
    """The gradients of rows that an optimizer applies to tables, as clipped as they are.

    applied: its updates of whole variables, which `other_rows` found no other ones beside.
    """
    gradients: list[str] = []
    for node in (node for name in variables for node in row_updates(graph, name)):
        found = (_gradient(graph, node, update) for update in applied)
        gradients += itertools.islice((each for each in found if each is not None), 1)
    return gradients


def _gradient(graph: Graph, node: Any, update: Applied) -> str | None:
    """The gradient [rows, ...] that rows are updated by, before it is summed by row.

    None: not by the optimizer whose update of a whole variable is given.
    """
    if _scope(node.name) != _scope(update.node):
        return None
    own = _Options(graph, update)
    if update.kind == "Adam":
        return _by_adam(graph, node, own)
    if update.kind == "GradientDescent":
        return _by_descent(graph, node, own)
    return _at_once(graph, node, own, update.kind)


def _scope(name: str) -> str:
    """The scope that one call of an optimizer has its updates in."""
    return name.partition("/update_")[0]


class _Options:
    """The tensors of an optimizer's options, as its update of a whole variable has them."""

    def __init__(self, graph: Graph, update: Applied) -> None:
        self._graph = graph
        names = {*KINDS[update.kind].options, "beta1_power", "beta2_power"}
        arguments = update.arguments
        self._by_name = {n: graph.uncast(arguments[n]) for n in names & arguments.keys()}
        self.tensors = {*self._by_name.values()}

    def is_any(self, tensor: str) -> bool:
        """Whether a tensor is one of the options, or the 1 that others are subtracted from."""
        values = {1.0, *map(self._value, self.tensors)} - {None}
        return self._graph.uncast(tensor) in self.tensors or self._value(tensor) in values

    def are_among(self, tensors: Iterable[str], names: Iterable[str] | None = None) -> bool:
        """Whether the options (of some names) are among tensors, themselves or by their value."""
        found = {self._graph.uncast(tensor) for tensor in tensors}
        values = {self._value(tensor) for tensor in found} - {None}
        wanted = [self._by_name[name] for name in (names or self._by_name)]
        return all(one in found or self._value(one) in values for one in wanted)

    def _value(self, tensor: str) -> float | None:
        return scalar(self._graph.constant(self._graph.uncast(tensor)))


def _by_descent(graph: Graph, node: Any, own: _Options) -> str | None:
    """var[rows] -= gradient * rate, or += -gradient * rate of a resource."""
    if "Scatter" not in node.op:
        return None
    product = graph.node(graph.origin(graph.inputs(node)[2]))
    if product is None or product.op != "Mul":
        return None
    gradient, rate = graph.inputs(product)
    if node.op.endswith("Add"):
        negative = graph.node(graph.origin(gradient))
        if negative is None or negative.op != "Neg":
            return None
        gradient = graph.inputs(negative)[0]
    return gradient if own.are_among([rate], ["lr"]) else None


def _at_once(graph: Graph, node: Any, own: _Options, kind: str) -> str | None:
    """One op, with the arguments of the one for a whole variable and the rows."""
    if node.op.removeprefix("Resource") != f"SparseApply{kind}":
        return None
    inputs = graph.inputs(node)
    if not own.are_among(inputs):
        return None
    gradient = inputs[KINDS[kind].arguments.split().index("grad")]  # the same place in both
    return _before_sum(graph, gradient) or gradient


def _by_adam(graph: Graph, node: Any, own: _Options) -> str | None:
    """var -= rate * m / (sqrt(v) + epsilon), all rows; m and v decay, and are added to by row."""
    if not node.op.startswith("AssignSub"):
        return None
    operands = _leaves(graph, graph.inputs(node)[1], own)
    slots = {slot: tensor for tensor in operands if (slot := _slot(graph, tensor))}
    others = [tensor for tensor in operands if _slot(graph, tensor) is None]
    if not own.are_among(operands, ["lr", "epsilon"]) or not all(map(own.is_any, others)):
        return None
    gradients = {_of_slot(graph, slot, own) for slot in slots}
    if len(slots) != 2 or len(gradients) != 1 or None in gradients:
        return None
    return gradients.pop()


def _of_slot(graph: Graph, slot: str, own: _Options) -> str | None:
    """The gradient that a moment of Adam, which decays as a whole, is added to by rows."""
    scatters = _through_copies(graph, slot, _SCATTERS)
    if len(scatters) != 1 or not _decays(graph, slot, own):
        return None
    leaves = _leaves(graph, graph.inputs(scatters[0])[2], own)
    gradients = {tensor for tensor in leaves if not own.is_any(tensor)}
    return _before_sum(graph, gradients.pop()) if len(gradients) == 1 else None


def _decays(graph: Graph, slot: str, own: _Options) -> bool:
    """Whether a variable is set to itself times an option."""
    for node in graph.uses(slot, _ASSIGNMENTS):
        leaves = _leaves(graph, graph.inputs(node)[1], own)
        of_slot = [tensor for tensor in leaves if graph.variable(tensor) == slot]
        if of_slot and all(own.is_any(tensor) for tensor in leaves if tensor not in of_slot):
            return True
    return False


def _through_copies(graph: Graph, slot: str, ops: set[str]) -> list[Any]:
    """The nodes of some ops on a variable, also after it was assigned to: a reference goes on."""
    tensors = [f"{slot}:0", *(f"{node.name}:0" for node in graph.uses(slot, {"Assign"}))]
    found = graph.ahead(tensors, through=PASSING, ops=ops)
    return [
        node for node in found if _slot(graph, f"{node.name}:0") == slot or "Resource" in node.op
    ]


def _slot(graph: Graph, tensor: str) -> str | None:
    """The variable, no scalar, that a tensor is the value of, after an update or before."""
    node = graph.node(graph.origin(tensor))
    while node is not None and node.op in {"ScatterAdd", "Assign"}:
        tensor = graph.inputs(node)[0]
        node = graph.node(graph.origin(tensor))
    name = graph.variable(tensor)
    return name if name and graph.shape_of(name) else None


def _leaves(graph: Graph, tensor: str, own: _Options) -> list[str]:
    """The tensors that one is computed from by arithmetic, up to the options of an optimizer."""
    leaves, queue, seen = [], [tensor], {tensor}
    for name in queue:  # it grows
        node = graph.node(name)
        if node is None or node.op not in _ARITHMETIC or graph.uncast(name) in own.tensors:
            leaves.append(name)
            continue
        inputs = [other for other in graph.inputs(node) if other not in seen]
        seen.update(inputs)
        queue += inputs
    return leaves


def _before_sum(graph: Graph, tensor: str) -> str | None:
    """The gradients of rows that a tensor is the sum of, by row; None: it is no such sum."""
    node = graph.node(graph.origin(tensor))
    return graph.inputs(node)[0] if node is not None and node.op == _SUM else None
