"""Which tensors of a graph are the outputs of a model: the inputs of its loss, or its last ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from tf1port.conversion.translation.frames import initial_of
from tf1port.conversion.translation.recurrences import RunOutput
from tf1port.conversion.translation.results import (
    ASIDE,
    FLOW,
    SAME,
    UPDATE,
    before_moving,
    depending_on_variables,
    downstream_of,
    is_inner,
    is_looped,
    is_pattern,
    is_result,
    nodes_behind,
    penalty_nodes,
)
from tf1port.errors import UserError
from tf1port.tf1.graph.dependencies import PLACEHOLDERS, behind, is_fed
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.losses import is_loss
from tf1port.tf1.graph.pruning import node_name
from tf1port.tf1.graph.training_ops import NoTraining, find_loss, losses_of


def find_outputs(
    graph: Graph, run_outputs: dict[str, RunOutput], *, through_loops: bool = True
) -> list[str]:
    """The inputs of a loss that depend on variables; without a loss, the graph's last tensors.

    Further outputs are what is computed from the same inputs, such as predictions, and the final
    states of cells whose initial states are fed, as a caller feeds them back.

    through_loops: also those that are computed by further loops, as of a decoder.
    """
    dependent = depending_on_variables(graph)
    losses = [node for node in graph.nodes.values() if _variable_inputs(graph, node, dependent)]
    losses = [n for n in losses if not is_looped(n.name) and is_loss(graph, n, dependent)]
    downstream = downstream_of(graph, [t for node in losses for t in graph.outputs(node)])
    names: dict[str, None] = {}
    for node in losses:
        if node.name not in downstream:
            names.update(
                dict.fromkeys(
                    _source(graph, t, dependent) for t in _variable_inputs(graph, node, dependent)
                )
            )
    names = {name: None for name in names if graph.variable(name) is None}
    if not names:
        return _below_loss(graph, run_outputs, dependent) or _last(graph, dependent)
    of_loss = downstream | {node.name for node in losses}
    following = _following(graph, behind(graph, names, cut=())[0] & dependent, through_loops)
    names |= dict.fromkeys(_beside(graph, run_outputs, dependent, of_loss, names, following))
    return [*names, *(name for name in _states(graph, run_outputs) if name not in names)]


def _below_loss(graph: Graph, run_outputs: dict[str, RunOutput], dependent: set[str]) -> list[str]:
    """The outputs below a loss of no known form: the last tensors that do not depend on labels.

    Labels are the placeholders that lead to no cell. What is computed of such tensors alone is no
    further output: of logits and their softmax, the logits.
    """
    try:
        loss = find_loss(graph.whole)
    except (NoTraining, UserError):
        return []
    upstream, _ = behind(graph, [loss], cut=())
    cell_inputs = [name for output in run_outputs.values() for name in output.recurrence.inputs]
    cell_feeds = {node_name(name) for name in behind(graph, cell_inputs, cut=())[1]}
    labels = [
        node for node in graph.nodes.values() if is_fed(node.op) and node.name not in cell_feeds
    ]
    on_labels = downstream_of(graph, [name for node in labels for name in graph.outputs(node)])
    candidates = set()
    for name in upstream & dependent - on_labels:
        for tensor in graph.outputs(graph.nodes[name]):
            users = {user.name for user in graph.consumers(tensor)}
            source = _source(graph, tensor, dependent)
            if users & on_labels & upstream and graph.variable(source) is None:
                candidates.add(source)
    if not behind(graph, candidates, cut=())[1]:
        return []  # what is fed leads to no known cell: nothing tells labels and inputs apart
    return sorted(name for name in candidates if not _follows(graph, name, candidates - {name}))


def _follows(graph: Graph, tensor: str, given: set[str]) -> bool:
    """Whether a tensor is computed from some given ones and constants alone."""
    queue, visited = deque(graph.inputs(graph.nodes[node_name(tensor)])), set()
    while queue:
        name = queue.popleft()
        node = graph.node(name)
        if name in given or name in visited or node is None:
            continue
        visited.add(name)
        if is_fed(node.op) or graph.variable(name) is not None:
            return False
        queue.extend(graph.inputs(node))
    return True


def _beside(
    graph: Graph, run_outputs, dependent: set[str], of_loss: set[str], outputs, following: set[str]
) -> list[str]:
    """Further tensors that are computed from the inputs of the outputs, and from no other feed.

    following: the names of the nodes that are computed from what the outputs are.
    """
    computed, sources = behind(graph, outputs, cut=())
    model_feeds = {node_name(name) for name in sources}
    foreign = [
        node for node in graph.nodes.values() if is_fed(node.op) and node.name not in model_feeds
    ]
    excluded = downstream_of(graph, [tensor for node in foreign for tensor in graph.outputs(node)])
    excluded |= _gradient_nodes(graph) | of_loss | computed | penalty_nodes(graph)
    excluded |= _for_losses_alone(graph)
    live = nodes_behind(graph, [name for name in dependent if is_result(graph, name)])
    free = (following & dependent & live) - excluded
    outputs_moved = {node_name(_source(graph, name, dependent)) for name in outputs} | {
        node_name(n) for n in run_outputs
    }
    outputs_moved |= {node_name(before_moving(graph, name)) for name in outputs}
    tensors = []
    for name in sorted(name for name in free if not is_inner(graph, name)):
        node = graph.nodes[name]
        users = {user.name for tensor in graph.outputs(node) for user in graph.consumers(tensor)}
        is_moved = node_name(before_moving(graph, f"{name}:0")) in outputs_moved
        if not (users & free or is_moved or is_pattern(graph, node)):
            tensors.append(f"{name}:0")
    return tensors


def _for_losses_alone(graph: Graph) -> set[str]:
    """The names of the losses, and of the nodes that lead to nothing else, as an entropy's."""
    found = {node_name(name) for name in losses_of(graph.graph_def)} & graph.nodes.keys()
    queue = deque(found)
    while queue:
        for tensor in graph.inputs(graph.nodes[queue.popleft()]):
            node = graph.node(tensor)
            if node is None or node.name in found:
                continue
            users = [user for name in graph.outputs(node) for user in graph.consumers(name)]
            if all(user.name in found or user.op in ASIDE - FLOW for user in users):
                found.add(node.name)
                queue.append(node.name)
    return found


def _following(graph: Graph, names: Iterable[str], through_loops: bool) -> set[str]:
    """The names of all nodes downstream of some, without those of updates."""
    following: set[str] = set()
    queue = deque(name for name in names if through_loops or not is_looped(name))
    while queue:
        for tensor in graph.outputs(graph.nodes[queue.popleft()]):
            for user in graph.consumers(tensor):
                looped = is_looped(user.name)
                aside = user.op in ASIDE or UPDATE.match(user.op)
                if user.name not in following and (through_loops if looped else not aside):
                    following.add(user.name)
                    queue.append(user.name)
    return following


def _gradient_nodes(graph: Graph) -> set[str]:
    """The names of the nodes of gradients and of what depends on them: those of optimizers."""
    undefined = [
        n for n in graph.nodes.values() if any(graph.node(t) is None for t in graph.inputs(n))
    ]
    names = {node.name for node in undefined}
    return names | downstream_of(graph, [t for node in undefined for t in graph.outputs(node)])


def _variable_inputs(graph: Graph, node, dependent: set[str]) -> list[str]:
    """The inputs of a node that depend on variables."""
    return [name for name in graph.inputs(node) if node_name(name) in dependent]


def _source(graph: Graph, tensor: str, dependent: set[str]) -> str:
    """Of a tensor and those that it is a reshape of, the one with the most axes."""
    candidates = [tensor]
    while (node := graph.node(tensor)) is not None and node.op in SAME:
        tensor = graph.inputs(node)[0]
        if node_name(tensor) not in dependent:
            break
        candidates.append(tensor)
    if len(candidates) == 1:
        return tensor if node_name(tensor) in dependent else candidates[0]
    return max(reversed(candidates), key=lambda name: len(graph.shape(name) or ()))


def _last(graph: Graph, dependent: set[str]) -> list[str]:
    """The tensors that depend on variables and on what is fed, and have no consumers."""
    of_optimizer = _gradient_nodes(graph)
    results = [name for name in dependent if name not in of_optimizer and is_result(graph, name)]
    results = [name for name in results if not is_looped(name, ("while",))]
    results = [name for name in results if behind(graph, [f"{name}:0"], cut=())[1]]
    return sorted(f"{name}:0" for name in results if graph.variable(f"{name}:0") is None)


def _states(graph: Graph, run_outputs: dict[str, RunOutput]) -> list[str]:
    """The final states of runs, and of loops of unknown cells, whose initial states are fed."""
    names = []
    for name, output in run_outputs.items():
        if output.kind in "hc" and _is_any_fed(graph, output.recurrence.run.initial):
            names.append(name)
    for node in graph.nodes.values():
        if node.op.endswith("Exit") and f"{node.name}:0" not in run_outputs:
            names += [f"{node.name}:0"] if _is_any_fed(graph, [initial_of(graph, node)]) else []
    return sorted(names)


def _is_any_fed(graph: Graph, tensors: Iterable[str]) -> bool:
    sources = [graph.node(graph.origin(tensor)) for tensor in tensors]
    return any(node is not None and node.op in PLACEHOLDERS for node in sources)
