"""The inputs and outputs of a network in its graph, and the uses of its outputs beside its loss.

A model is complete if its inputs are the fed tensors and its outputs lead to the loss alone;
everything else is named.
"""

from collections import deque
from typing import NamedTuple

from tf1port.tf1.graph.dependencies import Entry, behind, entry, is_fed
from tf1port.tf1.graph.index import ADD, PASSING, Graph
from tf1port.tf1.graph.inference import left_to_training
from tf1port.tf1.graph.layer_ops import products
from tf1port.tf1.graph.losses import ASIDE, is_loss
from tf1port.tf1.graph.surroundings import layers_over
from tf1port.tf1.graph.unrolls import MOVING

# Which input of an op is a shape; and what computes with sizes.
_SHAPED = {"Fill": 0, "Reshape": 1, "Tile": 1, "BroadcastTo": 1}
_OF_SIZES = {"Pack", "Concat", "ConcatV2", "Cast", "Identity", "Enter", "ExpandDims", "Mul"}
_OF_SIZES |= {"Range", "Less", "GreaterEqual", "Equal", "TensorArrayV3", "Assert", "Reshape"}
_OF_SIZES |= {"Minimum", "Maximum", "Sub", *ADD}
# The same numbers in another shape.
_SAME = PASSING | {"Reshape", "Transpose", "Squeeze", "ExpandDims"}
_JOINING = {"Pack", "Concat", "ConcatV2"}


class Ends(NamedTuple):
    """The ends of a network in its graph.

    inputs: Entry of the inputs [B, T, F] or ids [B, T]. lengths: Entry of the lengths [B], or None.
    model_tensors: the tensors of the inputs and of the lengths (or None) themselves.
    outputs: the tensors of the model's output, one per step where there are several.
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
        """The same where "inputs" or "lengths" are computed from fed tensors."""
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
    # The dependencies of a computed input are outside of the model.
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
        sorted(inside & graph.inference.always) if graph.inference else [],
        feeds_loss,
    )


def _extra_feeds(graph, fed, inputs, lengths):
    """The fed tensors that are neither inputs nor lengths, nor a training flag or a size."""
    known = {inputs.tensor, *([lengths.tensor] if lengths else [])}
    known |= graph.inference.flags.keys() if graph.inference else set()
    return [name for name in fed if name not in known and not _is_size(graph, name)]


def output_tensors(graph, network):
    """The tensors of a network's output in its graph: those of its last known layer."""
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


def _is_size(graph, tensor):
    """Whether a tensor is an integer scalar that is used as a size alone, as of a batch."""
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
            outputs = [output for output in graph.outputs(user) if output not in seen]
            seen.update(outputs)
            queue.extend(outputs)
    return True


def _other_uses(graph, network, outputs, inside):
    """The names of the nodes that use the outputs for anything but a loss; whether a loss does."""
    same = {*outputs, *_computed_tensors(graph, network, inside)}
    known = inside | graph.once(left_to_training)
    if graph.inference:
        known |= graph.inference.scaling | graph.inference.aside
    queue, seen, uses, feeds_loss = deque(same), set(), [], False
    while queue:
        for node in graph.consumers(queue.popleft()):
            if node.name in known or node.name in seen or node.op in ASIDE:
                continue
            seen.add(node.name)
            joined = node.op in _JOINING and set(graph.operands(node)) <= same
            if node.op in _SAME or joined:
                same.update(graph.outputs(node))
                queue.extend(graph.outputs(node))
            elif is_loss(graph, node, inside):
                feeds_loss = True
            else:
                uses.append(node.name)
    return sorted(uses), feeds_loss


def _computed_tensors(graph, network, inside):
    """The tensors that the cells and the layers after them compute, up to the outputs."""
    tensors = {name for layer in network.recurrent for name in _run_tensors(layer.run)}
    start = network.after[0].inputs if network.after else ""
    if not start:
        return tensors
    moved = [(name, graph.node(name)) for name in graph.behind(start, through=MOVING)]
    tensors |= {name for name, node in moved if node is not None and not is_fed(node.op)}
    queue = deque([start])
    while queue:
        for node in graph.consumers(queue.popleft()):
            new = set(graph.outputs(node)) - tensors if node.name in inside else set()
            tensors |= new
            queue.extend(new)
    return tensors


def _run_tensors(run):
    """The outputs and states of a run; of a run with lengths no unselected states."""
    tensors = {run.outputs, run.final_h, run.final_c}
    for step in () if run.looped else run.steps:
        tensors |= {step.output}
        tensors |= {step.new_h, step.new_c} if run.lengths is None else set()
    return {name for name in tensors if name}


def _node(tensor):
    return tensor.rpartition(":")[0]
