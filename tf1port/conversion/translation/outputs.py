"""Which tensors of a graph a model should give: what its loss is computed of, or its last ones."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from tf1port.conversion.translation.recurrences import Given
from tf1port.errors import UserError
from tf1port.tf1.graph.ends import PLACEHOLDERS, behind, is_fed, is_loss
from tf1port.tf1.graph.index import PASSING, VARIABLES, Graph
from tf1port.tf1.session.training import NoTraining, find_loss

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
}
_ASIDE |= {"Assign", "AssignAdd", "AssignSub", "AssignVariableOp", "AssignAddVariableOp"}
_UPDATE = re.compile("(Resource)?(Sparse)?Apply|TensorArray|(Resource)?Scatter|Stack|Enter$")
_FLOW = {"Switch", "Merge", "NextIteration", "Exit"}
_ASIDE |= {"AssignSubVariableOp", "LoopCond", *_FLOW}


def find_outputs(graph: Graph, given: dict[str, Given]) -> list[str]:
    """The tensors that a loss takes of what variables make; without one, what nothing takes.

    With them what else is made of the same inputs, such as predictions, and the final states of
    cells whose initial states are fed: they are fed again.
    """
    made = _made_of_variables(graph)
    losses = [node for node in graph.nodes.values() if _takes(graph, node, made)]
    losses = [node for node in losses if is_loss(graph, node, made)]
    after = _ahead(graph, [t for node in losses for t in graph.outputs(node)])
    found: dict[str, None] = {}
    for node in losses:
        if node.name not in after:
            found.update(dict.fromkeys(_source(graph, t, made) for t in _takes(graph, node, made)))
    found = {name: None for name in found if graph.variable(name) is None}
    if not found:
        return _below_loss(graph, given, made) or _last(graph, made)
    of_loss = after | {node.name for node in losses}
    found |= dict.fromkeys(_beside(graph, given, made, of_loss, found))
    return [*found, *(name for name in _states(graph, given) if name not in found)]


def _below_loss(graph: Graph, given: dict[str, Given], made: set[str]) -> list[str]:
    """What a loss of no known form takes that needs no labels, and nothing else of it needs.

    Labels are what is fed and leads to no cell.
    """
    try:
        whole = Graph(graph.graph_def, backward=True, trust=graph.trust)
        loss = find_loss(whole)
    except (NoTraining, UserError):
        return []
    below, _ = behind(graph, [loss], cut=())
    taken = [name for one in given.values() for name in one.recurrence.takes]
    own = {_node(name) for name in behind(graph, taken, cut=())[1]}
    fed = [one for one in graph.nodes.values() if is_fed(one.op) and one.name not in own]
    labelled = _ahead(graph, [name for node in fed for name in graph.outputs(node)])
    found = []
    for name in below & made - labelled:
        tensors = graph.outputs(graph.nodes[name])
        users = {user.name for tensor in tensors for user in graph.consumers(tensor)}
        source = _source(graph, f"{name}:0", made)
        if users & labelled & below and graph.variable(source) is None:
            found.append(source)
    behind_of = {name: behind(graph, [name], cut=())[0] for name in found}
    first = [n for n in found if not any(_node(m) in behind_of[n] for m in found if m != n)]
    return sorted(dict.fromkeys(first))


def _beside(graph: Graph, given, made: set[str], of_loss: set[str], outputs) -> list[str]:
    """What is computed of the same inputs as the outputs, as far as nothing else is fed to it."""
    computed, sources = behind(graph, outputs, cut=())
    own = {_node(name) for name in sources}
    fed = [one for one in graph.nodes.values() if is_fed(one.op) and one.name not in own]
    others = _ahead(graph, [tensor for node in fed for tensor in graph.outputs(node)])
    others |= _of_gradients(graph) | of_loss | computed
    live = _behind(graph, [name for name in made if _is_end(graph, name)])
    free = (_following(graph, computed & made) & made & live) - others
    known = {_node(_source(graph, name, made)) for name in outputs} | {_node(n) for n in given}
    found = []
    for name in sorted(free):
        node = graph.nodes[name]
        users = {user.name for tensor in graph.outputs(node) for user in graph.consumers(tensor)}
        if not users & free and _node(_moved(graph, f"{name}:0")) not in known:
            found.append(f"{name}:0")
    return found


def _following(graph: Graph, names: Iterable[str]) -> set[str]:
    """The names of the nodes that some lead to, but for those of loops and of updates."""
    found: set[str] = set()
    queue = deque(name for name in names if not _is_looped(name))
    while queue:
        for tensor in graph.outputs(graph.nodes[queue.popleft()]):
            for user in graph.consumers(tensor):
                aside = user.op in _ASIDE or _UPDATE.match(user.op) or _is_looped(user.name)
                if user.name not in found and not aside:
                    found.add(user.name)
                    queue.append(user.name)
    return found


def _of_gradients(graph: Graph) -> set[str]:
    """The names of the nodes that gradients lead to: those of optimizers."""
    own = [n for n in graph.nodes.values() if any(graph.node(t) is None for t in graph.inputs(n))]
    names = {node.name for node in own}
    return names | _ahead(graph, [t for node in own for t in graph.outputs(node)])


def _moved(graph: Graph, tensor: str) -> str:
    """What a tensor was before its axes were moved about."""
    while (node := graph.node(tensor)) is not None and node.op in _SAME | _MOVING:
        tensor = graph.inputs(node)[0]
    return tensor


def _is_looped(name: str) -> bool:
    """Whether a node is of a loop or of its arrays, by its name."""
    return any(part.startswith(("while", "TensorArray")) for part in name.split("/"))


def left_out(graph: Graph, computed: set[str]) -> list[str]:
    """The nodes that take what a model computes towards something else than a loss.

    Args:
        computed: the names of the nodes that the model's outputs are made by.
    """
    made = _made_of_variables(graph)
    live = _behind(graph, [name for name in made if _is_end(graph, name)])
    known = computed | (graph.outside.scaling if graph.outside else set())
    own = [graph.nodes[name] for name in computed & made]
    queue, seen, found = deque(t for node in own for t in graph.outputs(node)), set(), []
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name in known or node.name in seen or node.name not in live:
                continue
            seen.add(node.name)
            if node.op in _SAME | _MOVING | _FLOW:
                queue.extend(graph.outputs(node))
            elif node.op not in _ASIDE and not is_loss(graph, node, made):
                found.append(node.name)
    return sorted(name for name in found if not _is_looped(name))


def _is_end(graph: Graph, name: str) -> bool:
    """Whether nothing takes what a node gives, and it is a result and no part of a loop."""
    node = graph.nodes[name]
    if node.op in _ASIDE or _UPDATE.match(node.op):
        return False
    users = [user for tensor in graph.outputs(node) for user in graph.consumers(tensor)]
    return all(user.op in _ASIDE - _FLOW for user in users)


def _behind(graph: Graph, names: Iterable[str]) -> set[str]:
    """The names of the nodes that lead to some, and these."""
    found, queue = set(names), deque(names)
    while queue:
        for tensor in graph.inputs(graph.nodes[queue.popleft()]):
            other = _node(tensor)
            if other in graph.nodes and other not in found:
                found.add(other)
                queue.append(other)
    return found


def _takes(graph: Graph, node, made: set[str]) -> list[str]:
    """The tensors made of variables that a node takes."""
    return [name for name in graph.inputs(node) if _node(name) in made]


def _ahead(graph: Graph, tensors: Iterable[str]) -> set[str]:
    """The names of the nodes that some tensors lead to."""
    found, queue = set(), deque(tensors)
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name not in found:
                found.add(node.name)
                queue.extend(graph.outputs(node))
    return found


def _made_of_variables(graph: Graph) -> set[str]:
    """The names of the nodes whose outputs depend on variables of real numbers."""
    real = (1, 2, 101, 102)  # float32, float64 and references to them
    variables = [node for node in graph.nodes.values() if node.op in VARIABLES]
    starts = [f"{node.name}:0" for node in variables if node.attr["dtype"].type in real]
    found, queue = set(), deque(starts)
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name not in found and (node.op not in _ASIDE or node.op in _FLOW):
                found.add(node.name)
                queue.extend(graph.outputs(node))
    return found


def _source(graph: Graph, tensor: str, made: set[str]) -> str:
    """Of the tensors that are the same numbers reshaped, the one with the most axes."""
    found = [tensor]
    while (node := graph.node(tensor)) is not None and node.op in _SAME:
        tensor = graph.inputs(node)[0]
        if _node(tensor) not in made:
            break
        found.append(tensor)
    if len(found) == 1:
        return tensor if _node(tensor) in made else found[0]
    return max(reversed(found), key=lambda name: len(graph.shape(name) or ()))


def _last(graph: Graph, made: set[str]) -> list[str]:
    """What nothing takes of what variables make."""
    others = _of_gradients(graph)
    ends = [name for name in made if name not in others and _is_end(graph, name)]
    return sorted(f"{name}:0" for name in ends if graph.variable(f"{name}:0") is None)


def _states(graph: Graph, given: dict[str, Given]) -> list[str]:
    """The final states of runs whose initial states are fed."""
    found = []
    for name, one in given.items():
        run = one.recurrence.run
        fed = [graph.node(graph.origin(state)) for state in run.initial]
        if one.what in "hc" and any(n is not None and n.op in PLACEHOLDERS for n in fed):
            found.append(name)
    return sorted(found)


def _node(tensor: str) -> str:
    return tensor.rpartition(":")[0]
