"""Whether a training step updates the moving averages of batch normalizations.

TF1 makes the ops of these updates and leaves it to the program to run them (UPDATE_OPS): a step
that does not wait for them trains the weights alone.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Mapping

from tf1port.tf1.graph.further_writes import APPLY
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.writes import writes


def not_updated(graph: Graph, averages: Collection[str], learning: Collection[str]) -> list[str]:
    """The moving averages that nothing updates which a training step of the graph runs.

    Args:
        graph: the forward graph. averages: the names of variables.
        learning: the variables that optimizers train; the step runs the updates of all of them,
            of some if there are several steps.
    """
    whole, users = graph.whole, _users(graph.whole)
    applies = [
        node.name
        for node in whole.nodes.values()
        if APPLY.match(node.op) and whole.variable(whole.inputs(node)[0]) in learning
    ]
    if not applies:
        return []
    after = [_following(users, [name]) for name in applies]
    steps = set.intersection(*after) or set.union(*after)
    updates: dict[str, list[str]] = {name: [] for name in averages}
    for write in writes(whole):
        updates.setdefault(graph.joined_name(write.variable), []).append(write.node.name)
    return [name for name in averages if steps.isdisjoint(_following(users, updates[name]))]


def _users(whole: Graph) -> dict[str, list[str]]:
    """The nodes that wait for each node, for its value or its end."""
    users: dict[str, list[str]] = {}
    for node in whole.nodes.values():
        for tensor in node.input:
            users.setdefault(tensor.removeprefix("^").partition(":")[0], []).append(node.name)
    return users


def _following(users: Mapping[str, list[str]], names: Iterable[str]) -> set[str]:
    """Some nodes and all that run after them."""
    queue = deque(names)
    seen = {*queue}
    while queue:
        new = {*users.get(queue.popleft(), ())} - seen
        seen |= new
        queue.extend(new)
    return seen
