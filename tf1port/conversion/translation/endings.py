"""When a loop ends: after a number of steps, or earlier, when a condition on values says so.

A condition on values needs an upper bound on the number of steps. It is the limit of a counter
(t < limit), or follows from flags that stay true once they are, as `finished` of a decoder:
finished = finished or t + 1 >= lengths, and the loop goes on until all of them are true.
"""

from __future__ import annotations

from typing import NamedTuple

from tf1port.conversion.translation.frames import Frame, Variable
from tf1port.errors import UserError
from tf1port.tf1.graph.index import ADD

ENTERS = {"Enter", "RefEnter"}
_MIRRORED = {"Less": "Greater", "LessEqual": "GreaterEqual"}
_MIRRORED |= {mirror: op for op, mirror in _MIRRORED.items()}


class Bound(NamedTuple):
    """An upper bound on the number of steps: a tensor from outside of the loop plus a number.

    longest: the largest entry of the tensor, but at least one step.
    """

    tensor: str
    plus: int = 0
    longest: bool = False


class Ending(NamedTuple):
    """bounds: of which each holds. by_value: the loop may end before them."""

    bounds: list[Bound]
    by_value: bool


def find_ending(graph, frame: Frame) -> Ending:
    """When a loop ends.

    Raises:
        UserError: nothing in the graph bounds its number of steps.
    """
    counters = {variable.tested for variable in frame.counters}
    limits, bounds, by_value = [], [], []
    for tensor in _conjuncts(graph, frame.condition):
        limit = _limit(graph, frame, tensor, counters)
        if limit is not None:
            limits.append(limit)
            continue
        by_value.append(tensor)
        bounds += _of_flags(graph, frame, tensor)
    if not limits + bounds:
        node = graph.node(graph.origin(frame.condition))
        cause = "nothing" if node is None else f"{node.name} ({node.op})"
        raise UserError(
            f"the loop {frame.name} ends when {cause} says so: after how many steps at most is"
            " not known"
        )
    return Ending(limits + bounds, bool(by_value))


def _conjuncts(graph, condition: str) -> list[str]:
    """The tensors that must all be true for a condition to be."""
    return _terms(graph, condition, "LogicalAnd")


def _terms(graph, tensor: str, op: str) -> list[str]:
    """The operands of a tree of one binary op."""
    terms, queue = [], [tensor]
    while queue:
        name = graph.origin(queue.pop())
        node = graph.node(name)
        if node is not None and node.op == op:
            queue += graph.inputs(node)
        else:
            terms.append(name)
    return terms


def _comparison(graph, tensor: str):
    """A comparison as (its op, its left tensor, its right tensor), either way around."""
    node = graph.node(tensor)
    if node is None or node.op not in _MIRRORED:
        return []
    left, right = graph.inputs(node)
    return [(node.op, left, right), (_MIRRORED[node.op], right, left)]


def _limit(graph, frame: Frame, tensor: str, counters) -> Bound | None:
    """The bound of `counter < limit`; None where a tensor is no such comparison."""
    for op, left, right in _comparison(graph, tensor):
        is_counter = graph.origin(left) in counters and op in ("Less", "LessEqual")
        if is_counter and is_invariant(graph, frame, right):
            return Bound(right, 0 if op == "Less" else 1)
    return None


def _of_flags(graph, frame: Frame, tensor: str) -> list[Bound]:
    """The bounds that follow from flags of which one at least must be false."""
    variable = _flags(graph, frame, tensor)
    if variable is None:
        return []
    bounds = []
    for term in _terms(graph, variable.new, "LogicalOr"):
        for op, left, right in _comparison(graph, term):
            ahead = _ahead(graph, frame, left)
            if ahead is None or not is_invariant(graph, frame, right):
                continue
            if op in ("Greater", "GreaterEqual"):
                bounds.append(Bound(right, (2 if op == "Greater" else 1) - ahead, longest=True))
    return bounds


def _flags(graph, frame: Frame, tensor: str) -> Variable | None:
    """The loop variable of `not all(flags)` or `any(not flags)`, where a tensor is that."""
    ops = []
    node = graph.node(tensor)
    while node is not None and node.op in ("LogicalNot", "All", "Any"):
        ops.append(node.op)
        tensor = graph.origin(graph.inputs(node)[0])
        node = graph.node(tensor)
    found = [variable for variable in frame.states if variable.tested == tensor]
    if not found or ops not in (["LogicalNot"], ["LogicalNot", "All"], ["Any", "LogicalNot"]):
        return None
    shape = graph.shape(found[0].initial)
    rank = None if shape is None else len(shape)
    return found[0] if rank == len(ops) - 1 else None


def _ahead(graph, frame: Frame, tensor: str) -> int | None:
    """The number that is added to the counter of the steps; None: a tensor is no such sum."""
    bodies = {variable.body for variable in frame.counters}
    tensor = graph.origin(tensor)
    if tensor in bodies:
        return 0
    node = graph.node(tensor)
    if node is None or node.op not in ADD:
        return None
    left, right = graph.inputs(node)
    for counter, number in ((left, right), (right, left)):
        constant = graph.constant(number)
        if graph.origin(counter) in bodies and constant is not None and not constant.ndim:
            return int(constant)
    return None


def is_invariant(graph, frame: Frame, tensor: str) -> bool:
    """Whether a tensor of a loop is the same at each of its steps."""
    changing = {t for variable in variables(frame) for t in (variable.tested, variable.body)}
    queue, visited = [tensor], set()
    while queue:
        name = queue.pop()
        node = graph.node(name)
        if name in changing:
            return False
        if name in visited or node is None or enters(node, frame):
            continue
        visited.add(name)
        queue += graph.inputs(node)
    return True


def variables(frame: Frame) -> list[Variable]:
    """All variables of a loop."""
    return [*frame.counters, *frame.states, *(variable for variable, _ in frame.arrays.values())]


def enters(node, frame: Frame) -> bool:
    """Whether a node brings a tensor from outside into a loop."""
    return node.op in ENTERS and node.attr["frame_name"].s == frame.enters
