"""Where a network begins and ends in its graph, and what of the graph lies outside of it.

A model is of a whole graph where it takes what the graph is fed and gives what leads to its loss
and nowhere else; everything else is named. A loss is one only where it cannot be an output: it
compares outputs with labels, or is a mean of squares.
"""

import functools
import re
from collections import deque
from typing import NamedTuple

from tf1port.tf1.graph.index import ADD, PASSING, VARIABLES, Graph
from tf1port.tf1.graph.layer_ops import products
from tf1port.tf1.graph.surroundings import layers_over
from tf1port.tf1.graph.trust import is_source
from tf1port.tf1.graph.unrolls import MOVING

PLACEHOLDERS = {"Placeholder", "PlaceholderV2", "PlaceholderWithDefault"}
_SIZES = {"Shape", "ShapeN", "Size", "Rank"}
# Which input of an op is a shape; and what computes with sizes.
_SHAPED = {"Fill": 0, "Reshape": 1, "Tile": 1, "BroadcastTo": 1}
_OF_SIZES = {"Pack", "Concat", "ConcatV2", "Cast", "Identity", "Enter", "ExpandDims", "Mul"}
_OF_SIZES |= {"Range", "Less", "GreaterEqual", "Equal", "TensorArrayV3", "Assert", "Reshape"}
_OF_SIZES |= {"Minimum", "Maximum", "Sub", *ADD}
_ASIDE = _SIZES | {
    "NoOp",
    "HistogramSummary",
    "ScalarSummary",
    "MergeSummary",
    "Assert",
    "ZerosLike",
}
# The same numbers in another shape.
_SAME = PASSING | {"Reshape", "Transpose", "Squeeze", "ExpandDims"}
_JOINING = {"Pack", "Concat", "ConcatV2"}
_CROSS_ENTROPIES = {"SparseSoftmaxCrossEntropyWithLogits", "SoftmaxCrossEntropyWithLogits"}
_CROSS_ENTROPIES |= {"CTCLoss", "InTopK", "InTopKV2"}
_GAPS = {"Square", "Abs", "Pow", "Mul", "Minimum", "LessEqual", "Less"}  # Huber's loss, too
_MEANS = {"Mean", "Sum"}


def is_fed(op):
    """Whether an op gives what is fed, or the data of a queue or a data set, which may be."""
    return op in PLACEHOLDERS or is_source(op)


class Entry(NamedTuple):
    """What an input of a model is in the graph.

    tensor: of the graph; whether it is `fed`, moved about at most, before the model takes it.
    """

    tensor: str
    fed: bool


class Ends(NamedTuple):
    """The ends of a network in its graph.

    inputs: Entry of the inputs [B, T, F] or ids [B, T]. lengths: Entry of the lengths [B], or None.
    model_tensors: the tensors of the inputs and of the lengths (or None) themselves.
    outputs: the tensors that the model's output is made of, one per step where there are several.
    extra_feeds: fed tensors that the outputs depend on and that are no input of the model.
    other_uses: nodes that compute something from the outputs besides a loss.
    random: nodes of dropout that the graph has in every run, training or not.
    feeds_loss: whether the outputs themselves are inputs of a loss.
    """

    inputs: Entry
    lengths: Entry | None
    model_tensors: tuple[str, str | None]
    outputs: list[str]
    extra_feeds: list[str]
    other_uses: list[str]
    random: list[str]
    feeds_loss: bool

    def computing(self, names):
        """The same where "inputs" or "lengths" are not what is fed, but made of it."""
        inputs, lengths = self.inputs, self.lengths
        if "inputs" in names:
            inputs = Entry(self.model_tensors[0], False)
        if "lengths" in names and self.model_tensors[1] is not None:
            lengths = Entry(self.model_tensors[1], False)
        return self._replace(inputs=inputs, lengths=lengths)


def find_ends(graph: Graph, network):
    """The Ends of a tf1port.tf1.graph.network.Network, whose cells have runs."""
    first = network.levels[0].forward[0].run
    tensor = network.before[0].inputs if network.before else first.first_inputs
    inputs = entry(graph, tensor)
    outputs = output_tensors(graph, network)
    lengths = None if first.lengths is None else entry(graph, first.lengths)
    # What a computed input depends on is outside of the model; what it is fed goes beside it.
    cut = {_node(tensor), *([] if lengths is None else [_node(first.lengths)])}
    cut |= {_node(step.x) for step in first.steps if not network.before and first.inputs is None}
    inside, fed = behind(graph, outputs, cut=cut)
    other_uses, feeds_loss = _other_uses(graph, network, outputs, inside)
    return Ends(
        inputs,
        lengths,
        (tensor, first.lengths),
        outputs,
        sorted(_extra_feeds(graph, fed, inputs, lengths)),
        other_uses,
        sorted(inside & graph.outside.always) if graph.outside else [],
        feeds_loss,
    )


def _extra_feeds(graph, fed, inputs, lengths):
    """The fed tensors that are neither inputs nor lengths, nor a training flag or a size."""
    known = {inputs.tensor, *([lengths.tensor] if lengths else [])}
    known |= graph.outside.flags.keys() if graph.outside else set()
    return [name for name in fed if name not in known and not _is_size(graph, name)]


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
    return Entry(origin, node is not None and is_fed(node.op))


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
        if is_fed(node.op) and node.name not in cut:
            sources.add(name)
        if node.name in found:
            continue
        found.add(node.name)
        if not is_fed(node.op) and node.name not in cut and node.op not in _SIZES:
            queue.extend(graph.inputs(node))
    return found, sources


def _is_size(graph, tensor):
    """Whether a tensor is a single whole number that is used as a size alone, as of a batch."""
    node = graph.node(tensor)
    if graph.shape(tensor) != [] or node.attr["dtype"].type not in (3, 9):  # int32, int64
        return False
    queue, seen = deque([tensor]), {tensor}
    while queue:
        name = queue.popleft()
        for user in graph.consumers(name):
            if _SHAPED.get(user.op, ()) == graph.inputs(user).index(name):
                continue
            real = user.op == "Cast" and user.attr["DstT"].type not in (3, 9)
            if real or user.op not in _OF_SIZES:
                return False
            made = [one for one in graph.outputs(user) if one not in seen]
            seen.update(made)
            queue.extend(made)
    return True


def _other_uses(graph, network, outputs, made):
    """Nodes that take what the network makes towards something else than its loss, by name; and
    whether a loss takes it.
    """
    same = {*outputs, *_made(graph, network, made)}
    known = made | graph.outside.scaling if graph.outside else made
    queue, seen, found, feeds_loss = deque(same), set(), [], False
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name in known or node.name in seen or node.op in _ASIDE:
                continue
            seen.add(node.name)
            joined = node.op in _JOINING and set(graph.operands(node)) <= same
            if node.op in _SAME or joined:
                same.update(graph.outputs(node))
                queue.extend(graph.outputs(node))
            elif is_loss(graph, node, made):
                feeds_loss = True
            else:
                found.append(node.name)
    return sorted(found), feeds_loss


def _made(graph, network, made):
    """What the cells and the layers behind them make, up to the outputs."""
    found: set[str] = set()
    for run in (layer.run for layer in network.recurrent):
        found |= {name for name in (run.outputs, run.final_h, run.final_c) if name}
        for step in () if run.looped else run.steps:
            states = {step.new_h, step.new_c} if run.lengths is None else set()
            found |= {name for name in {step.output, *states} if name}
    start = network.after[0].inputs if network.after else ""
    if start:
        moved = graph.behind(start, through=MOVING)
        found |= {t for t in moved if graph.node(t) is not None and not is_fed(graph.node(t).op)}
    queue = deque([start] if start else [])
    while queue:
        for node in graph.consumers(queue.popleft()):
            new = set(graph.outputs(node)) - found if node.name in made else set()
            found |= new
            queue.extend(new)
    return found


def is_loss(graph, node, made):
    """Whether a node that takes outputs is the beginning of a loss."""
    if node.op in _CROSS_ENTROPIES or _is_logistic(graph, node, made):
        return True
    if node.op == "SquaredDifference":
        return _has_labels(graph, node, made)
    after = _users(graph, node)
    if node.op == "Sub" and _has_labels(graph, node, made):
        return bool(after) and all(user.op in _GAPS for user in after)
    if node.op in {"Sub", *ADD} and any(graph.constant(t) is not None for t in graph.inputs(node)):
        return bool(after) and all(user.op == "Square" and _averaged(graph, user) for user in after)
    return node.op == "Square" and _averaged(graph, node)


def _averaged(graph, node):
    """Whether a node goes into means over all of it alone."""
    users = _users(graph, node)
    return bool(users) and all(
        user.op in _MEANS and graph.shape(f"{user.name}:0") == [] for user in users
    )


def _is_logistic(graph, node, made):
    """Whether a node is of a logistic loss, which has labels and a logarithm in a scope of its own.

    max(x, 0) - x labels + log(1 + exp(-abs(x))), as tf.nn.sigmoid_cross_entropy_with_logits has it.
    """
    scope = node.name.rpartition("/")[0] + "/"
    if scope not in _scopes_of_logarithms(graph):
        return False
    products_ = [user for name in graph.inputs(node) for user in graph.consumers(name, {"Mul"})]
    own = [user for user in products_ if user.name.startswith(scope)]
    return any(_has_labels(graph, user, made) for user in own)


@functools.lru_cache(maxsize=1)  # of the graph that is being read
def _scopes_of_logarithms(graph):
    """The scopes in which something is named Log1p, each with a "/" at its end."""
    names = (name for name in graph.nodes if "/Log1p" in name)
    return {name[: place.start()] for name in names for place in re.finditer("(?<=/)Log1p", name)}


def _has_labels(graph, node, made):
    """Whether a node takes something fed, not made of variables, beside what the network makes."""
    held, sources = behind(graph, graph.inputs(node), cut=made)
    return bool(sources) and not any(graph.nodes[n].op in VARIABLES for n in held - made)


def _users(graph, node):
    """The forward nodes that compute with what a node makes."""
    found = [user for name in graph.outputs(node) for user in graph.consumers(name)]
    return [user for user in found if user.op not in _ASIDE]


def _node(tensor):
    return tensor.rpartition(":")[0]
