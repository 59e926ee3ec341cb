"""What a training step writes besides its optimizer's updates, or only under a condition.

A step may copy averages or slow weights into the weights, reset slots, or change a rate that is a
variable: none of it is an optimizer's of Keras. What a program runs in a step of its own, such as
the initializers, the Saver or an assignment of word vectors, is no part of the training.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from typing import Any

from tf1port.tf1.graph.index import VARIABLES, Graph
from tf1port.tf1.graph.pruning import functions_of

APPLY = re.compile("(Resource)?(Sparse)?Apply")
SETTING = {"Assign", "AssignVariableOp"}
WRITING = SETTING | {"AssignSub", "AssignAdd", "AssignSubVariableOp", "AssignAddVariableOp"}
WRITING |= {"ScatterSub", "ScatterAdd", "ScatterUpdate", "ResourceScatterSub"}
WRITING |= {"ResourceScatterAdd", "ResourceScatterUpdate"}

_COPYING = {"Identity", "Enter"}
_BRANCHING = {"Switch", "RefSwitch"}


def further_writes(
    graph: Graph, learning: Collection[str], kept: Collection[str] = ()
) -> str | None:
    """Why variables are not trained by their optimizer's updates alone; None: they are.

    Args:
        graph: the forward graph. learning: the model's trainable variables. kept: others that the
            updates read, such as slots and a rate.
    """
    whole = graph.whole
    updates = [*_writes(graph, APPLY.match)]
    own = [(node, name, branch) for node, name, branch in updates if name in learning]
    for node, name, branch in own:
        if branch:
            return f"{name} is trained by {node.name} under a condition alone"
    writes = [*_writes(graph, WRITING.__contains__)]
    of_rows = [node for node, name, _ in writes if _is_of_update(node, learning)]
    step = [node.name for node, _, _ in own] + [node.name for node in of_rows]
    if not step:
        return _in_a_function(whole, learning)
    names, after = {*learning, *kept}, _following(whole, step)
    for node, name, _ in writes:
        if name not in names or _is_of_update(node, learning):
            continue
        if not after.isdisjoint(_following(whole, [node.name])):
            return f"{name} is changed by {node.name} besides"
    return _in_a_function(whole, names)


def trained(graph: Graph) -> set[str]:
    """The variables that ops of optimizers update, under a condition or not."""
    return {name for _, name, _ in _writes(graph, APPLY.match) if name is not None}


def _writes(graph: Graph, is_of: Any) -> Iterator[tuple[Any, str | None, bool]]:
    """The nodes of some ops, the variable that each writes, and whether it is in a branch."""
    whole = graph.whole
    for node in whole.nodes.values():
        if is_of(node.op):
            name, branch = _target(whole, whole.inputs(node)[0])
            yield node, name and graph.joined_name(name), branch


def _target(whole: Graph, tensor: str) -> tuple[str | None, bool]:
    """The name of the variable that a tensor refers to, and whether it is in a tf.cond."""
    branch, seen = False, set()
    while tensor not in seen:
        seen.add(tensor)
        node = whole.node(tensor)
        if node is None:
            return None, branch
        if node.op in VARIABLES:
            return node.name, branch
        if node.op not in _COPYING | _BRANCHING:
            return None, branch
        branch |= node.op in _BRANCHING
        tensor = whole.inputs(node)[0]
    return None, branch


def _is_of_update(node: Any, learning: Collection[str]) -> bool:
    """Whether a node is of an optimizer's update of rows: TF1 names it after the variable."""
    if "update_" not in node.name:
        return False
    return any(f"/update_{name}/" in f"/{node.name}/" for name in learning)


def _following(whole: Graph, names: Iterable[str]) -> set[str]:
    """Some nodes and all that run after them, by the names of nodes."""
    after, waiting = whole.once(_followers), [*names]
    seen = {*waiting}
    while waiting:
        further = [name for name in after.get(waiting.pop(), ()) if name not in seen]
        seen.update(further)
        waiting += further
    return seen


def _followers(whole: Graph) -> dict[str, list[str]]:
    """The nodes that wait for each node, for its value or its end."""
    after: dict[str, list[str]] = {}
    for node in whole.nodes.values():
        for tensor in node.input:
            after.setdefault(tensor.removeprefix("^").partition(":")[0], []).append(node.name)
    return after


def _in_a_function(whole: Graph, names: Collection[str]) -> str | None:
    """A line on a function of the graph that writes variables; None where none does."""
    library = whole.graph_def.library
    for node in whole.nodes.values() if library.function else ():
        taken = {_target(whole, tensor)[0] for tensor in whole.inputs(node)}
        written = [name for name in sorted(names) if name in taken]
        if written and any(map(_has_writes, functions_of([node], library))):
            return f"{written[0]} is changed by {node.name}, in a function"
    return None


def _has_writes(function: Any) -> bool:
    return any(APPLY.match(node.op) or node.op in WRITING for node in function.node_def)
