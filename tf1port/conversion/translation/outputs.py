"""Which tensors of a graph are the outputs of a model: the inputs of its loss, or its last ones."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tf1port.conversion.translation.arrays import SCATTER
from tf1port.conversion.translation.frames import initial_of
from tf1port.conversion.translation.recurrences import RunOutput
from tf1port.errors import UserError
from tf1port.tf1.graph.dependencies import PLACEHOLDERS, behind, is_fed
from tf1port.tf1.graph.index import PASSING, VARIABLES, Graph
from tf1port.tf1.graph.inference import after_training, left_to_training
from tf1port.tf1.graph.losses import is_loss
from tf1port.tf1.graph.training_ops import NoTraining, find_loss, losses_of

_SAME = PASSING | {"Reshape", "Squeeze", "ExpandDims"}
_MOVING = {"Transpose", "ReverseV2", "ReverseSequence"}
_ASIDE = {"NoOp", "HistogramSummary", "ScalarSummary", "MergeSummary", "Assert", "SaveV2", "Save"}
_ASIDE |= {
    "Shape",
    "ShapeN",
    "Size",
    "Rank",
    "ZerosLike",
    "PrintV2",
    "Print",
    "IsVariableInitialized",
    "VarIsInitializedOp",
}
_ASIDE |= {"Assign", "AssignAdd", "AssignSub", "AssignVariableOp", "AssignAddVariableOp"}
_PATTERNS = {"ZerosLike", "OnesLike"}  # they take nothing of a tensor but its sizes
_GATHERED = re.compile("TensorArray(Gather|Concat|Pack)")  # what a loop gives as one tensor
_UPDATE = re.compile(
    f"(?!{_GATHERED.pattern})((Resource)?(Sparse)?Apply|TensorArray|(Resource)?Scatter|Stack|Enter$)"
)
_FLOW = {"Switch", "Merge", "NextIteration", "Exit"}
_ASIDE |= {"AssignSubVariableOp", "LoopCond", *_FLOW}


def find_outputs(
    graph: Graph, run_outputs: dict[str, RunOutput], *, through_loops: bool = True
) -> list[str]:
    """The inputs of a loss that depend on variables; without a loss, the graph's last tensors.

    Further outputs are what is computed from the same inputs, such as predictions, and the final
    states of cells whose initial states are fed, as a caller feeds them back.

    through_loops: also those that are computed by further loops, as of a decoder.
    """
    dependent = _depending_on_variables(graph)
    losses = [node for node in graph.nodes.values() if _variable_inputs(graph, node, dependent)]
    losses = [n for n in losses if not _is_looped(n.name) and is_loss(graph, n, dependent)]
    downstream = _ahead(graph, [t for node in losses for t in graph.outputs(node)])
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
    cell_feeds = {_node(name) for name in behind(graph, cell_inputs, cut=())[1]}
    labels = [
        node for node in graph.nodes.values() if is_fed(node.op) and node.name not in cell_feeds
    ]
    on_labels = _ahead(graph, [name for node in labels for name in graph.outputs(node)])
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
    queue, visited = deque(graph.inputs(graph.nodes[_node(tensor)])), set()
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
    model_feeds = {_node(name) for name in sources}
    foreign = [
        node for node in graph.nodes.values() if is_fed(node.op) and node.name not in model_feeds
    ]
    excluded = _ahead(graph, [tensor for node in foreign for tensor in graph.outputs(node)])
    excluded |= _gradient_nodes(graph) | of_loss | computed | _penalty_nodes(graph)
    live = _behind(graph, [name for name in dependent if _is_result(graph, name)])
    free = (following & dependent & live) - excluded
    outputs_moved = {_node(_source(graph, name, dependent)) for name in outputs} | {
        _node(n) for n in run_outputs
    }
    outputs_moved |= {_node(_before_moving(graph, name)) for name in outputs}
    tensors = []
    for name in sorted(name for name in free if not _is_inner(graph, name)):
        node = graph.nodes[name]
        users = {user.name for tensor in graph.outputs(node) for user in graph.consumers(tensor)}
        is_moved = _node(_before_moving(graph, f"{name}:0")) in outputs_moved
        if not (users & free or is_moved or _is_pattern(graph, node)):
            tensors.append(f"{name}:0")
    return tensors


def _is_pattern(graph: Graph, node) -> bool:
    """Whether a node is there for its sizes alone: one step of a sequence that a loop reads.

    A helper of seq2seq makes zeros of that size; where it is known it makes them without the step.
    """
    users = {user.op for tensor in graph.outputs(node) for user in graph.consumers(tensor)}
    if node.op != "StridedSlice" or users - _PATTERNS:
        return False
    sequence = graph.inputs(node)[0]
    return any(user.op == SCATTER for user in graph.consumers(sequence))


def _following(graph: Graph, names: Iterable[str], through_loops: bool) -> set[str]:
    """The names of all nodes downstream of some, without those of updates."""
    following: set[str] = set()
    queue = deque(name for name in names if through_loops or not _is_looped(name))
    while queue:
        for tensor in graph.outputs(graph.nodes[queue.popleft()]):
            for user in graph.consumers(tensor):
                looped = _is_looped(user.name)
                aside = user.op in _ASIDE or _UPDATE.match(user.op)
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
    return names | _ahead(graph, [t for node in undefined for t in graph.outputs(node)])


def _penalty_nodes(graph: Graph) -> set[str]:
    """The names of the nodes that a loss depends on, and that depend on nothing that is fed."""
    upstream = _behind(graph, [_node(name) for name in losses_of(graph.graph_def)])
    fed = [node for node in graph.nodes.values() if is_fed(node.op)]
    on_feeds = _ahead(graph, [tensor for node in fed for tensor in graph.outputs(node)])
    return upstream - on_feeds - {node.name for node in fed}


def _before_moving(graph: Graph, tensor: str) -> str:
    """The tensor before all transpositions, reversals and reshapes."""
    while (node := graph.node(tensor)) is not None and node.op in _SAME | _MOVING:
        tensor = graph.inputs(node)[0]
    return tensor


def _is_looped(name: str, scopes: tuple[str, ...] = ("while", "TensorArray")) -> bool:
    """Whether a node belongs to a loop or to its TensorArrays, by its name."""
    return any(scope.startswith(scopes) for scope in name.split("/"))


def _is_inner(graph: Graph, name: str) -> bool:
    """Whether a node is one of a loop, or of its TensorArrays but for what they give."""
    return _is_looped(name) and not _GATHERED.match(graph.nodes[name].op)


def left_out(
    graph: Graph, computed: set[str], run_outputs: Callable[[], Iterable[str]]
) -> list[str]:
    """The nodes that use what a model computes for something else than a loss.

    Of a loop, its results are named, but the outputs of a cell that nothing computes with.

    Args:
        computed: the names of the nodes upstream of the model's outputs.
        run_outputs: gives the outputs of known cells.
    """
    dependent = _depending_on_variables(graph)
    live = _behind(graph, [name for name in dependent if _is_result(graph, name)])
    known = computed | (graph.inference.scaling if graph.inference else set())
    known |= _penalty_nodes(graph)
    sources = [graph.nodes[name] for name in computed & dependent]
    queue, visited, consumers = deque(t for node in sources for t in graph.outputs(node)), set(), []
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name in known or node.name in visited or node.name not in live:
                continue
            visited.add(node.name)
            if node.op in _SAME | _MOVING | _FLOW:
                queue.extend(graph.outputs(node))
            elif _is_pattern(graph, node):
                continue
            elif node.op not in _ASIDE and not is_loss(graph, node, dependent):
                consumers.append(node.name)
    looped = [graph.nodes[name] for name in consumers if _is_looped(name)]
    results = _results_of(graph, looped) & live - known
    if results:
        of_cells = {_node(name) for name in run_outputs()}
        results = {n for n in results if _node(_before_moving(graph, f"{n}:0")) not in of_cells}
    return sorted({name for name in consumers if not _is_looped(name)} | results)


def _results_of(graph: Graph, nodes: Iterable[Any]) -> set[str]:
    """The names of the last nodes, none of a loop, that depend on some of a loop."""
    after = _ahead(graph, [tensor for node in nodes for tensor in graph.outputs(node)])
    return {name for name in after if not _is_inner(graph, name) and _is_result(graph, name)}


def _is_result(graph: Graph, name: str) -> bool:
    """Whether nothing computes with a node's outputs, and it is neither an update nor in a loop.

    What leads nowhere in inference alone, as the moments of a batch, is no result.
    """
    node = graph.nodes[name]
    if node.op in _ASIDE or _UPDATE.match(node.op) or name in graph.once(left_to_training):
        return False
    users = [user for tensor in graph.outputs(node) for user in graph.consumers(tensor)]
    return all(user.op in _ASIDE - _FLOW for user in users)


def _behind(graph: Graph, names: Iterable[str]) -> set[str]:
    """The names of some nodes and of all upstream of them."""
    result, queue = set(names), deque(names)
    while queue:
        for tensor in graph.inputs(graph.nodes[queue.popleft()]):
            name = _node(tensor)
            if name in graph.nodes and name not in result:
                result.add(name)
                queue.append(name)
    return result


def _variable_inputs(graph: Graph, node, dependent: set[str]) -> list[str]:
    """The inputs of a node that depend on variables."""
    return [name for name in graph.inputs(node) if _node(name) in dependent]


def _ahead(graph: Graph, tensors: Iterable[str]) -> set[str]:
    """The names of all nodes downstream of some tensors."""
    names, queue = set(), deque(tensors)
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name not in names:
                names.add(node.name)
                queue.extend(graph.outputs(node))
    return names


def _depending_on_variables(graph: Graph) -> set[str]:
    """The names of the nodes whose outputs depend on variables of real numbers, in inference."""
    real = (1, 2, 101, 102)  # float32, float64 and references to them
    variables = [node for node in graph.nodes.values() if node.op in VARIABLES]
    starts = [f"{node.name}:0" for node in variables if node.attr["dtype"].type in real]
    names, queue = set(), deque(starts)
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name not in names and (node.op not in _ASIDE or node.op in _FLOW):
                names.add(node.name)
                queue.extend(graph.outputs(node))
    names -= graph.once(after_training)
    return names - (graph.inference.aside if graph.inference else set())


def _source(graph: Graph, tensor: str, dependent: set[str]) -> str:
    """Of a tensor and those that it is a reshape of, the one with the most axes."""
    candidates = [tensor]
    while (node := graph.node(tensor)) is not None and node.op in _SAME:
        tensor = graph.inputs(node)[0]
        if _node(tensor) not in dependent:
            break
        candidates.append(tensor)
    if len(candidates) == 1:
        return tensor if _node(tensor) in dependent else candidates[0]
    return max(reversed(candidates), key=lambda name: len(graph.shape(name) or ()))


def _last(graph: Graph, dependent: set[str]) -> list[str]:
    """The tensors that depend on variables and on what is fed, and have no consumers."""
    of_optimizer = _gradient_nodes(graph)
    results = [name for name in dependent if name not in of_optimizer and _is_result(graph, name)]
    results = [name for name in results if not _is_looped(name, ("while",))]
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


def _node(tensor: str) -> str:
    return tensor.rpartition(":")[0]
