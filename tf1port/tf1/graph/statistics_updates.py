"""Whether a training step updates the moving averages of batch normalizations.

TF1 makes the ops of these updates and leaves it to the program to run them (UPDATE_OPS): a step
that does not wait for them trains the weights alone.
"""

from __future__ import annotations

from collections.abc import Collection

from tf1port.tf1.graph.dependencies import following
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
    whole = graph.whole
    applies = [
        node.name
        for node in whole.nodes.values()
        if APPLY.match(node.op) and whole.variable(whole.inputs(node)[0]) in learning
    ]
    if not applies:
        return []
    after = [following(whole, [name]) for name in applies]
    steps = set.intersection(*after) or set.union(*after)
    updates: dict[str, list[str]] = {name: [] for name in averages}
    for write in writes(whole):
        updates.setdefault(graph.joined_name(write.variable), []).append(write.node.name)
    return [name for name in averages if steps.isdisjoint(following(whole, updates[name]))]
