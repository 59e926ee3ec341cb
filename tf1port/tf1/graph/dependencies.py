"""What tensors depend on: the nodes behind them, and the fed tensors among those; what follows."""

from collections import deque
from collections.abc import Iterable
from typing import NamedTuple

from tf1port.tf1.graph.trust import is_source
from tf1port.tf1.graph.unrolls import MOVING

PLACEHOLDERS = {"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"}
SIZES = {"Shape", "ShapeN", "Size", "Rank"}


def is_fed(op):
    """Whether an op is a placeholder, or the source of a queue's or a dataset's data."""
    return op in PLACEHOLDERS or is_source(op)


class Entry(NamedTuple):
    """A tensor of the graph that is an input of the model.

    fed: whether it is a fed tensor, rather than computed from one.
    """

    tensor: str
    fed: bool


def entry(graph, tensor):
    """The Entry of a tensor: the one that it is reshaped or reordered from, fed or computed."""
    queue, seen, origins = deque([tensor]), {tensor}, set()
    while queue:
        name = queue.popleft()
        node = graph.node(name)
        if node is None or node.op not in MOVING | {"Cast"}:
            origins.add(name)
            continue
        for source in data_of(graph, node):
            if source not in seen:
                seen.add(source)
                queue.append(source)
    if len(origins) != 1:
        return Entry(tensor, False)
    (origin,) = origins
    node = graph.node(origin)
    return Entry(origin, node is not None and is_fed(node.op))


def data_of(graph, node):
    """The data inputs of a node that reshapes or reorders, without axes, shapes and indices."""
    joining = {"Concat", "ConcatV2", "Pack", "Split", "SplitV"}
    return graph.operands(node) if node.op in joining else graph.inputs(node)[:1]


def behind(graph, tensors, *, cut):
    """The names of the nodes that tensors depend on, and the fed tensors among those.

    Args:
        cut: names of nodes where the search stops.
    """
    nodes, sources = set(), set()
    queue = deque(tensors)
    while queue:
        name = queue.popleft()
        node = graph.node(name)
        if node is None:
            continue
        if is_fed(node.op) and node.name not in cut:
            sources.add(name)
        if node.name in nodes:
            continue
        nodes.add(node.name)
        if not is_fed(node.op) and node.name not in cut and node.op not in SIZES:
            queue.extend(graph.inputs(node))
    return nodes, sources


def following(whole, names: Iterable[str]) -> set[str]:
    """Some nodes and all that run after them, by the names of nodes.

    But for summaries: one of a value after the step and of another one makes these no step.

    Args:
        whole: a graph with the nodes of backpropagation.
    """
    after, waiting = whole.once(_followers), [*names]
    seen = {*waiting}
    while waiting:
        further = [name for name in after.get(waiting.pop(), ()) if name not in seen]
        seen.update(further)
        waiting += further
    return seen


def _followers(whole) -> dict[str, list[str]]:
    """The nodes that wait for each node, for its value or its end, but for summaries."""
    after: dict[str, list[str]] = {}
    for node in whole.nodes.values():
        for tensor in node.input if "Summary" not in node.op else ():
            after.setdefault(tensor.removeprefix("^").partition(":")[0], []).append(node.name)
    return after
