"""Where a network begins and ends in its graph, and what of the graph lies outside of it.

A model is of a whole graph where it takes what the graph is fed and gives what leads to its loss
and nowhere else; everything else is named.
"""

from collections import deque
from typing import NamedTuple

from tf1port.tf1.graph.index import ADD, VARIABLES, Graph
from tf1port.tf1.graph.layer_ops import products
from tf1port.tf1.graph.surroundings import layers_over
from tf1port.tf1.graph.unrolls import MOVING

PLACEHOLDERS = {"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"}
SOURCES = PLACEHOLDERS | {"IteratorGetNext", "QueueDequeueV2", "QueueDequeueManyV2"}
SOURCES |= {"QueueDequeueUpToV2", "ReaderReadV2"}
_SIZES = {"Shape", "ShapeN", "Size", "Rank"}
# What a loss or a metric does to outputs before it joins them with labels or takes a mean.
_TOWARDS_LOSS = MOVING | {"Sub", "Square", "SquaredDifference", "Abs", "Neg", "Softmax", "Cast"}
_TOWARDS_LOSS |= {"LogSoftmax", "Log", "Sigmoid", "ArgMax", "TopKV2", "Select", "SelectV2"}
_TOWARDS_LOSS |= {"ClipByValue", "Minimum", "Maximum", "Relu", "Softplus", "Log1p", "Exp"}
_TOWARDS_LOSS |= {"Greater", "GreaterEqual", "Less", "LessEqual", "Equal", "NotEqual"}
_LOSSES = {"SparseSoftmaxCrossEntropyWithLogits", "SoftmaxCrossEntropyWithLogits", "CTCLoss"}
_LOSSES |= {"Mean", "Sum", "L2Loss", "InTopK", "InTopKV2", "Prod", "Max", "Min"}
# What holds outputs against labels.
_COMPARING = {"Sub", "SquaredDifference", "Equal", "NotEqual", "InTopK", "InTopKV2", "Mul"}
_COMPARING |= {"Add", "AddV2", "Select", "SelectV2", "Less", "Greater", "LessEqual", "GreaterEqual"}
_LOGISTIC = {"Neg", "Abs", "Exp", "Relu", "GreaterEqual", "Select", "SelectV2", "Identity"}
_ASIDE = _SIZES | {
    "NoOp",
    "HistogramSummary",
    "ScalarSummary",
    "MergeSummary",
    "Assert",
    "ZerosLike",
}


class Entry(NamedTuple):
    """What an input of a model is in the graph.

    tensor: of the graph; whether it is `fed`, moved about at most, before the model takes it.
    """

    tensor: str
    fed: bool


class Ends(NamedTuple):
    """The ends of a network in its graph.

    inputs: Entry of the inputs [B, T, F] or ids [B, T]. lengths: Entry of the lengths [B], or None.
    outputs: the tensors that the model's output is made of, one per step where there are several.
    foreign: tensors that are fed and change the outputs, which no input of the model is.
    beyond: nodes that make something of the outputs besides a loss.
    """

    inputs: Entry
    lengths: Entry | None
    outputs: list[str]
    foreign: list[str]
    beyond: list[str]


def find_ends(graph: Graph, network):
    """The Ends of a tf1port.tf1.graph.network.Network, whose cells have runs."""
    first = network.levels[0].forward[0].run
    taken = network.before[0].inputs if network.before else first.first_inputs
    inputs = entry(graph, taken)
    outputs = output_tensors(graph, network)
    lengths = None if first.lengths is None else entry(graph, first.lengths)
    # What a computed input is made of is outside of the model; what it is fed goes beside it.
    cut = {_node(taken), *([] if lengths is None else [_node(first.lengths)])}
    cut |= {_node(step.x) for step in first.steps if not network.before and first.inputs is None}
    known = {inputs.tensor, *([lengths.tensor] if lengths else [])}
    made, sources = behind(graph, outputs, cut=cut)
    flags = graph.outside.flags.keys() if graph.outside else set()
    foreign = [name for name in sources if name not in known and name not in flags]
    foreign = [name for name in foreign if not _is_size(graph, name)]
    return Ends(inputs, lengths, outputs, sorted(foreign), _beyond(graph, network, outputs, made))


def entry(graph, tensor):
    """The Entry of a tensor: what it was moved about from, which is fed or computed."""
    queue, seen, origins = deque([tensor]), {tensor}, set()
    while queue:
        name = queue.popleft()
        node = graph.node(name)
        if node is None or node.op not in MOVING | {"Cast"}:
            origins.add(name)
            continue
        for other in data_of(graph, node):
            if other not in seen:
                seen.add(other)
                queue.append(other)
    if len(origins) != 1:
        return Entry(tensor, False)
    (origin,) = origins
    node = graph.node(origin)
    return Entry(origin, node is not None and node.op in SOURCES)


def data_of(graph, node):
    """The inputs of a node that moves things about, but for those that say where to."""
    joining = {"Concat", "ConcatV2", "Pack", "Split", "SplitV"}
    return graph.operands(node) if node.op in joining else graph.inputs(node)[:1]


def output_tensors(graph, network):
    """The tensors of a graph that a network's output is: of its last layer that is known there."""
    count = network.compared
    if not count:
        tops = [network.recurrent[index].run for index in network.top]
        return [name for run in tops for name in _sequence(run)]
    run = network.recurrent[-1].run
    several = len(products(graph, network.head_kernel)) == len(run.steps) > 1
    if network.takes == "steps" and not run.looped and several:
        kernels = {n for layer in network.recurrent for n in layer.cell.variables.values()}
        heads = [layers_over(graph, step.output, kernels=kernels) for step in run.steps]
        if all(heads):
            return [head[-1].output for head in heads]
    return [network.after[count - 1].output]


def _sequence(run):
    if run.inputs is None:
        return [step.output for step in run.steps]
    return [name for name in (run.outputs,) if name is not None]


def behind(graph, tensors, *, cut):
    """The names of the nodes that tensors depend on, and the tensors among them that are fed.

    Args:
        cut: names of nodes that are not looked behind.
    """
    found, sources = set(), set()
    queue = deque(tensors)
    while queue:
        name = queue.popleft()
        node = graph.node(name)
        if node is None:
            continue
        if node.op in SOURCES and node.name not in cut:
            sources.add(name)
        if node.name in found:
            continue
        found.add(node.name)
        if node.op not in SOURCES and node.name not in cut and node.op not in _SIZES:
            queue.extend(graph.inputs(node))
    return found, sources


def _is_size(graph, tensor):
    """Whether a tensor is a single whole number, as a size of a batch that is fed."""
    node = graph.node(tensor)
    return graph.shape(tensor) == [] and node.attr["dtype"].type in (3, 9)  # int32, int64


def _beyond(graph, network, outputs, made):
    """Nodes that take what the network makes towards something else than its loss, by name."""
    runs = [layer.run for layer in network.recurrent]
    ends = [name for run in runs for name in (run.outputs, run.final_h, run.final_c) if name]
    queue, seen, found = deque([*outputs, *ends]), set(), []
    while queue:
        tensor = queue.popleft()
        for node in graph.consumers(tensor):
            if node.name in made or node.name in seen:
                continue
            seen.add(node.name)
            if node.op in _ASIDE | _LOSSES or _compares(graph, node, tensor, made):
                continue
            if node.op not in _TOWARDS_LOSS and not _guards_logarithm(graph, node):
                found.append(node.name)
                continue
            taken = [name for name in graph.outputs(node) if graph.consumers(name)]
            if not taken and node.op not in MOVING:
                found.append(node.name)
            queue.extend(taken)
    return sorted(found)


def _compares(graph, node, tensor, made):
    """Whether a node holds a tensor against labels: data that is fed and no variable changes."""
    if node.op not in _COMPARING:
        return False
    behind_it, sources = behind(graph, graph.inputs(node), cut=made)
    if not sources or any(graph.nodes[name].op in VARIABLES for name in behind_it - made):
        return False
    # A product with labels is one of logarithms, or the middle of a logistic loss, as a sum is.
    if node.op not in {"Mul", "Add", "AddV2", "Select", "SelectV2"}:
        return True
    logs = graph.behind(tensor, through=MOVING | {"Neg", "Log", "LogSoftmax", "Log1p"})
    makers = [graph.node(name) for name in logs]
    logarithm = {"Log", "LogSoftmax", "Log1p"}
    if any(one is not None and one.op in logarithm for one in makers):
        return True
    return node.op == "Mul" and bool(graph.ahead([tensor], through=_LOGISTIC, ops={"Log1p"}))


def _guards_logarithm(graph, node):
    """Whether a node adds a constant so that a logarithm is of nothing below it."""
    small = node.op in ADD and any(graph.constant(name) is not None for name in graph.inputs(node))
    return small and bool(graph.consumers(f"{node.name}:0", {"Log"}))


def _node(tensor):
    return tensor.rpartition(":")[0]
