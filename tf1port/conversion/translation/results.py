"""What of a graph a model may compute: results, what leads to them, and what is aside."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterable

from tf1port.conversion.translation.arrays import SCATTER
from tf1port.tf1.graph.dependencies import is_fed
from tf1port.tf1.graph.index import PASSING, VARIABLES, Graph
from tf1port.tf1.graph.inference import after_training, left_to_training
from tf1port.tf1.graph.pruning import node_name
from tf1port.tf1.graph.training_ops import losses_of

SAME = PASSING | {"Reshape", "Squeeze", "ExpandDims"}
MOVING = {"Transpose", "ReverseV2", "ReverseSequence"}
FLOW = {"Switch", "Merge", "NextIteration", "Exit"}
_OBSERVING = {"HistogramSummary", "ScalarSummary", "MergeSummary", "Print", "PrintV2", "Assert"}
_OF_SIZES = {"Shape", "ShapeN", "Size", "Rank", "ZerosLike"}
_OF_VARIABLES = {"Save", "SaveV2", "IsVariableInitialized", "VarIsInitializedOp", "Assign"}
_OF_VARIABLES |= {"AssignAdd", "AssignSub", "AssignVariableOp", "AssignAddVariableOp"}
_OF_VARIABLES |= {"AssignSubVariableOp"}
ASIDE = {"NoOp", "LoopCond"} | _OBSERVING | _OF_SIZES | _OF_VARIABLES | FLOW
_PATTERNS = {"ZerosLike", "OnesLike"}  # they take nothing of a tensor but its sizes
_GATHERED = re.compile("TensorArray(Gather|Concat|Pack)")  # what a loop gives as one tensor
UPDATE = re.compile(
    f"(?!{_GATHERED.pattern})((Resource)?(Sparse)?Apply|TensorArray|(Resource)?Scatter|Stack|Enter$)"
)


def depending_on_variables(graph: Graph) -> set[str]:
    """The names of the nodes whose outputs depend on variables of real numbers, in inference."""
    real = (1, 2, 101, 102)  # float32, float64 and references to them
    variables = [node for node in graph.nodes.values() if node.op in VARIABLES]
    starts = [f"{node.name}:0" for node in variables if node.attr["dtype"].type in real]
    names, queue = set(), deque(starts)
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name not in names and (node.op not in ASIDE or node.op in FLOW):
                names.add(node.name)
                queue.extend(graph.outputs(node))
    names -= graph.once(after_training)
    return names - (graph.inference.aside if graph.inference else set())


def is_result(graph: Graph, name: str) -> bool:
    """Whether nothing computes with a node's outputs, and it is neither an update nor in a loop.

    What leads nowhere in inference alone, as the moments of a batch, is no result.
    """
    node = graph.nodes[name]
    if node.op in ASIDE or UPDATE.match(node.op) or name in graph.once(left_to_training):
        return False
    users = [user for tensor in graph.outputs(node) for user in graph.consumers(tensor)]
    return all(user.op in ASIDE - FLOW for user in users)


def is_inner(graph: Graph, name: str) -> bool:
    """Whether a node is one of a loop, or of its TensorArrays but for what they give."""
    return is_looped(name) and not _GATHERED.match(graph.nodes[name].op)


def is_looped(name: str, scopes: tuple[str, ...] = ("while", "TensorArray")) -> bool:
    """Whether a node belongs to a loop or to its TensorArrays, by its name."""
    return any(scope.startswith(scopes) for scope in name.split("/"))


def is_pattern(graph: Graph, node) -> bool:
    """Whether a node is there for its sizes alone: one step of a sequence that a loop reads.

    A helper of seq2seq makes zeros of that size; where it is known it makes them without the step.
    """
    users = {user.op for tensor in graph.outputs(node) for user in graph.consumers(tensor)}
    if node.op != "StridedSlice" or users - _PATTERNS:
        return False
    sequence = graph.inputs(node)[0]
    return any(user.op == SCATTER for user in graph.consumers(sequence))


def before_moving(graph: Graph, tensor: str) -> str:
    """The tensor before all transpositions, reversals and reshapes."""
    while (node := graph.node(tensor)) is not None and node.op in SAME | MOVING:
        tensor = graph.inputs(node)[0]
    return tensor


def penalty_nodes(graph: Graph) -> set[str]:
    """The names of the nodes that a loss depends on, and that depend on nothing that is fed."""
    upstream = nodes_behind(graph, [node_name(name) for name in losses_of(graph.graph_def)])
    fed = [node for node in graph.nodes.values() if is_fed(node.op)]
    on_feeds = downstream_of(graph, [tensor for node in fed for tensor in graph.outputs(node)])
    return upstream - on_feeds - {node.name for node in fed}


def nodes_behind(graph: Graph, names: Iterable[str]) -> set[str]:
    """The names of some nodes and of all upstream of them."""
    result, queue = set(names), deque(names)
    while queue:
        for tensor in graph.inputs(graph.nodes[queue.popleft()]):
            name = node_name(tensor)
            if name in graph.nodes and name not in result:
                result.add(name)
                queue.append(name)
    return result


def downstream_of(graph: Graph, tensors: Iterable[str]) -> set[str]:
    """The names of all nodes downstream of some tensors."""
    names, queue = set(), deque(tensors)
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name not in names:
                names.add(node.name)
                queue.extend(graph.outputs(node))
    return names
