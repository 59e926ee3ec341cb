"""What a training step writes besides its optimizer's updates, or only under a condition.

A step may copy averages or slow weights into the weights, reset slots, or change a rate that is a
variable: none of it is an optimizer's of Keras. What a program runs in a step of its own, such as
the initializers, the Saver or an assignment of word vectors, is no part of the training.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from tf1port.tf1.graph.dependencies import following
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.writes import Write, writes

APPLY = re.compile("(Resource)?(Sparse)?Apply")
SETTING = {"Assign", "AssignVariableOp"}
WRITING = SETTING | {"AssignSub", "AssignAdd", "AssignSubVariableOp", "AssignAddVariableOp"}
WRITING |= {"ScatterSub", "ScatterAdd", "ScatterUpdate", "ResourceScatterSub"}
WRITING |= {"ResourceScatterAdd", "ResourceScatterUpdate"}

_OF_A_SLOT = 2  # it decays as a whole, and is added to by rows


def further_writes(
    graph: Graph,
    learning: Collection[str],
    kept: Collection[str] = (),
    *,
    rows: Mapping[str, list[Any]],
    is_counted: Callable[[Write], bool] = lambda write: False,
) -> str | None:
    """Why variables are not trained by their optimizer's updates alone; None: they are.

    Args:
        graph: the forward graph. learning: the model's trainable variables. kept: others that the
            updates or the model read, such as slots, a rate, or weights that are not trained.
        rows: the nodes that update single rows of a variable, by its name.
        is_counted: whether a Write is an optimizer's own besides its updates.
    """
    all_ = [
        each._replace(variable=graph.joined_name(each.variable)) for each in writes(graph.whole)
    ]
    updates = [each for each in all_ if APPLY.match(each.node.op) and not each.in_function]
    own = [each for each in updates if each.variable in learning]
    for each in own:
        if each.conditional:
            return f"{each.variable} is trained by {each.node.name} under a condition alone"
    several = _trained_twice(graph, learning)
    if several:
        return several
    of_rows = _of_rows(all_, {name: nodes for name, nodes in rows.items() if name in learning})
    accounted = {each.node.name for each in own} | {each.node.name for each in of_rows}
    names = {*learning, *kept, *(each.variable for each in of_rows)}
    further = [
        each
        for each in all_
        if each.variable in names and each.node.name not in accounted and not is_counted(each)
    ]
    after = following(graph.whole, accounted)
    for each in further:
        if not accounted or not after.isdisjoint(following(graph.whole, [each.node.name])):
            if each.in_function:
                return f"{each.variable} is changed by {each.node.name}, in a function"
            if accounted:
                return f"{each.variable} is changed by {each.node.name} besides"
    return None


def trained(graph: Graph) -> set[str]:
    """The variables that ops of optimizers update, under a condition or not."""
    found = writes(graph.whole)
    return {graph.joined_name(each.variable) for each in found if APPLY.match(each.node.op)}


def _trained_twice(graph: Graph, learning: Collection[str]) -> str | None:
    """A line on a variable, or a part of one, that several ops of optimizers update."""
    ops: dict[str, list[str]] = {}
    for each in writes(graph.whole):
        # The first input is what is trained, further ones are slots.
        first = graph.whole.inputs(each.node)[:1]
        if APPLY.match(each.node.op) and first and graph.whole.variable(first[0]) == each.variable:
            ops.setdefault(each.variable, []).append(each.node.op)
    for name, found in ops.items():
        if len(found) > 1 and graph.joined_name(name) in learning:
            kinds = sorted(APPLY.sub("", op) for op in found)
            return f"{name} is trained by several ({', '.join(kinds)})"
    return None


def _of_rows(all_: Iterable[Write], rows: Mapping[str, list[Any]]) -> list[Write]:
    """The Writes of updates of rows, those of the slots included.

    TF1 has them in a scope of the update. A program's own writes may be in it as well: then there
    are more of one variable than an optimizer makes.
    """
    tables = {node.name: name for name, nodes in rows.items() for node in nodes}
    scopes = {_scope(name) for name in tables}
    inside = [each for each in all_ if _scope(each.node.name) in scopes - {None}]
    inside = [each for each in inside if not each.conditional and not each.in_function]
    numbers = Counter(each.variable for each in inside)
    return [
        each
        for each in inside
        if each.node.name in tables
        or (each.variable not in rows and numbers[each.variable] <= _OF_A_SLOT)
    ]


def _scope(name: str) -> str | None:
    """The scope of the update that a node is in: up to the component update_VARIABLE."""
    before, found, rest = name.partition("/update_")
    return before + found + rest.rpartition("/")[0] if found else None
