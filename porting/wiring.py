"""How a graph uses its cells: constants that no checkpoint holds, steps over time, layers.

A cell is found where its kernel is multiplied; the operations around that product are the equations
of its class in tf.nn.rnn_cell, and what is read off them is named as there. The graph is searched,
never run.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

from porting.graph import ADD, PASSING, Graph, scalar

ACTIVATIONS = {
    "Tanh": "tanh",
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Elu": "elu",
    "Selu": "selu",
    "Softsign": "softsign",
    "Softplus": "softplus",
    "LeakyRelu": "leaky_relu",
}
_BIAS = ADD | {"BiasAdd"}
_CLIPS = {"Minimum", "Maximum", "ClipByValue"}
# What moves rows about without changing them, or scales them at random: dropout.
MOVING = PASSING | {
    "Reshape",
    "Transpose",
    "Concat",
    "ConcatV2",
    "Pack",
    "Unpack",
    "Split",
    "SplitV",
}
MOVING |= {"Squeeze", "ExpandDims", "Slice", "StridedSlice", "Gather", "GatherV2", "GatherNd"}
MOVING |= {"ReverseSequence", "ReverseV2", "Reverse"}
DROPOUT = {"Mul", "RealDiv", "Div", "Select", "SelectV2"}
_SELECTING = PASSING | {"Select", "SelectV2", "Merge", "Switch", "Where"}
_READS = {"TensorArrayReadV3", "TensorArrayReadV2", "TensorArrayRead"}
_WRITES = {"TensorArrayWriteV3", "TensorArrayWriteV2", "TensorArrayWrite"}
_SCATTERS = {"TensorArrayScatterV3", "TensorArrayScatterV2", "TensorArrayScatter"}
_SCATTERS |= {"TensorArrayUnpack"}
_GATHERS = {"TensorArrayGatherV3", "TensorArrayGatherV2", "TensorArrayGather", "TensorArrayPack"}


class UnknownCell(ValueError):
    """The operations around a kernel are not those of a known cell."""


class Step(NamedTuple):
    """One use of a cell: tensors [B, F] or [B, U]; `c` and `new_c` are None for all but LSTMs."""

    x: str
    h: str
    new_h: str
    c: str | None = None
    new_c: str | None = None


class Constants(NamedTuple):
    """What of a cell stands in the graph alone; None: the cell has no such thing."""

    activation: str = "tanh"
    forget_bias: float | None = None
    cell_clip: float | None = None
    projection_clip: float | None = None


@dataclass(frozen=True)
class Run:
    """One run of a cell over time.

    steps: in the order of time; a single one where the graph loops.
    inputs: the sequence [T, B, F] that a loop reads; None where it is unrolled.
    outputs: the sequence [T, B, U] that a loop writes, where it writes one.
    final_h, final_c: the final states of a loop. Of an unrolled run they are in the last step.
    lengths: the tensor [B] of sequence lengths that a loop stops at.
    """

    cell: str
    steps: tuple[Step, ...]
    initial_h: str
    initial_c: str | None = None
    looped: bool = False
    inputs: str | None = None
    outputs: str | None = None
    final_h: str | None = None
    final_c: str | None = None
    lengths: str | None = None


@dataclass
class Wiring:
    """The runs of every cell over time, and what their graph knows of it, by the cell's scope."""

    constants: dict[str, Constants] = field(default_factory=dict)
    runs: dict[str, list[Run]] = field(default_factory=dict)


def find_wiring(graph: Graph, cells):
    """Finds the runs and constants of cells (porting.checkpoint.Cell) in a graph.

    Raises:
        UnknownCell: a kernel is used in a way that no known cell uses it in.
    """
    wiring = Wiring()
    for cell in cells:
        found = [_READERS[cell.family](graph, cell, product) for product in _products(graph, cell)]
        constants = {constants for constants, _ in found}
        if len(constants) > 1:
            raise UnknownCell(
                f"{cell.scope} is used in several ways: {sorted(map(str, constants))}"
            )
        if found:
            wiring.constants[cell.scope] = constants.pop()
            wiring.runs[cell.scope] = _runs(graph, cell.scope, [step for _, step in found])
    return wiring


def _products(graph, cell):
    """Where the kernel meets the inputs: the forward products, in the order of the graph."""
    role = "gates/kernel" if "gates/kernel" in cell.variables else "kernel"
    return graph.uses(cell.variables[role], {"MatMul"})


def _parts(graph, product):
    """The inputs x and the state h that a product takes side by side."""
    node = graph.node(graph.origin(graph.inputs(product)[0]))
    if node is None or node.op not in {"Concat", "ConcatV2"} or len(graph.operands(node)) != 2:
        raise UnknownCell(f"{product.name} is not of inputs and state side by side")
    x, h = graph.operands(node)
    return x, graph.origin(h)


def _one(graph, tensor, ops, *, what):
    """The one node of some ops that takes a tensor."""
    found = graph.consumers(tensor, ops)
    if len(found) != 1:
        raise UnknownCell(f"{len(found)} operations take {tensor} as {what}")
    return found[0]


def _biased(graph, product):
    """A product with its bias: a tensor."""
    return _one(graph, _out(product), _BIAS, what="a bias").name + ":0"


def _gates(graph, tensor, count):
    """The gates that a tensor is split into."""
    split = _one(graph, tensor, {"Split"}, what="gates")
    return [f"{split.name}:{port}" for port in range(count)]


def _to_sigmoid(graph, tensor):
    """The sigmoid of a gate, and the constant that was added to the gate before it."""
    added = 0.0
    while True:
        sigmoids = graph.consumers(tensor, {"Sigmoid"})
        if sigmoids:
            return _out(sigmoids[0]), added
        add = _one(graph, tensor, ADD, what="a gate")
        value = scalar(graph.constant(graph.other(add, tensor)))
        added += value or 0.0
        tensor = _out(add)


def _activated(graph, tensor):
    """The activation of a tensor and what it gives; "linear" where there is none."""
    nodes = graph.consumers(tensor, ACTIVATIONS)
    return (ACTIVATIONS[nodes[0].op], _out(nodes[0])) if nodes else ("linear", tensor)


def _clipped(graph, tensor):
    """A tensor behind its clip_by_value, and the clip's upper limit; the tensor itself, None."""
    limit = None
    while clips := graph.consumers(tensor, _CLIPS):
        value = scalar(graph.constant(graph.inputs(clips[0])[-1]))
        limit, tensor = max(value, limit or value), _out(clips[0])
    return tensor, limit


def _lstm(graph, cell, product):
    """c' = c sigmoid(f + forget bias) + sigmoid(i) g(j), h' = g(c') sigmoid(o)."""
    x, h = _parts(graph, product)
    _, j, f, o = _gates(graph, _biased(graph, product), 4)
    forget, forget_bias = _to_sigmoid(graph, f)
    activation, _ = _activated(graph, j)
    kept = _one(graph, forget, {"Mul"}, what="what is kept")
    c = graph.origin(graph.other(kept, forget))
    new_c = _out(_one(graph, _out(kept), ADD, what="the new state"))
    new_c, cell_clip = _clipped(graph, new_c)
    new_h = _out(_one(graph, _to_sigmoid(graph, o)[0], {"Mul"}, what="the output"))
    projection_clip = None
    if "projection/kernel" in cell.variables:
        new_h = _out(_one(graph, new_h, {"MatMul"}, what="a projection"))
        new_h, projection_clip = _clipped(graph, new_h)
    constants = Constants(activation, forget_bias, cell_clip, projection_clip)
    return constants, Step(x, h, new_h, c, new_c)


def _rnn(graph, cell, product):
    """h' = g(x W + h U + b)."""
    x, h = _parts(graph, product)
    activation, new_h = _activated(graph, _biased(graph, product))
    return Constants(activation), Step(x, h, new_h)


def _gru(graph, cell, product):
    """h' = u h + (1 - u) g(x W + (r h) U + b)."""
    x, h = _parts(graph, product)
    biased = _biased(graph, product)
    # Before 1.0 each gate had its sigmoid, since then both have one before the split.
    together = graph.consumers(biased, {"Sigmoid"})
    r, u = _gates(graph, _out(together[0]) if together else biased, 2)
    if not together:
        r, u = (_to_sigmoid(graph, gate)[0] for gate in (r, u))
    candidates = graph.uses(cell.variables["candidate/kernel"], {"MatMul"})
    (candidate,) = [node for node in candidates if _takes(graph, node, r)]
    activation, _ = _activated(graph, _biased(graph, candidate))
    (kept,) = [node for node in graph.consumers(u, {"Mul"}) if graph.inputs(node)[0] == u or True][
        :1
    ]
    new_h = _out(_one(graph, _out(kept), ADD, what="the new state"))
    return Constants(activation), Step(x, h, new_h)


def _takes(graph, product, reset):
    """Does the product of a candidate take the state that this gate reset?"""
    _, state = _parts(graph, product)
    node = graph.node(state)
    return node is not None and reset in graph.inputs(node)


_READERS = {"lstm": _lstm, "rnn": _rnn, "gru": _gru}


def _runs(graph, scope, steps):
    """Puts steps into the order of time: one run per loop or unrolled copy, the longest first."""
    runs = [_loop(graph, scope, step) for step in steps if _is_looped(graph, step)]
    unrolled = [step for step in steps if not _is_looped(graph, step)]
    following = {step.h: step for step in unrolled}
    made = {step.new_h for step in unrolled}
    for step in unrolled:
        if step.h in made:
            continue
        chain = [step]
        while chain[-1].new_h in following:
            chain.append(following[chain[-1].new_h])
        runs.append(Run(scope, tuple(chain), initial_h=step.h, initial_c=step.c))
    return sorted(runs, key=lambda run: -len(run.steps))


def _is_looped(graph, step):
    node = graph.node(step.h)
    return node is not None and node.op == "Switch"


def _loop(graph, scope, step):
    """The run of a step in the body of tf.while_loop, as dynamic_rnn makes it."""
    states = {"h": _state(graph, step.h)}
    if step.c is not None:
        states["c"] = _state(graph, step.c)
    inputs, outputs = _read_sequence(graph, step.x), _written_sequence(graph, step.new_h)
    return Run(
        scope,
        (step,),
        initial_h=states["h"][0],
        initial_c=states["c"][0] if "c" in states else None,
        looped=True,
        inputs=inputs,
        outputs=outputs,
        final_h=states["h"][1],
        final_c=states["c"][1] if "c" in states else None,
        lengths=_lengths(graph, step),
    )


def _state(graph, tensor):
    """A loop's variable from its Switch: the tensor it starts from and the one it ends as."""
    switch = graph.node(tensor)
    merge = graph.node(graph.inputs(switch)[0])
    enter = next(graph.node(name) for name in graph.inputs(merge) if graph.node(name).op == "Enter")
    (exit_,) = graph.consumers(switch.name + ":0", {"Exit"})
    return graph.inputs(enter)[0], _out(exit_)


def _read_sequence(graph, x):
    """The sequence [T, B, F] that a loop takes its inputs x from; None where it has none."""
    for tensor in graph.behind(x, through=MOVING | DROPOUT):
        node = graph.node(tensor)
        if node is not None and node.op in _READS:
            flow = graph.node(graph.origin(graph.inputs(node)[-1]))
            if flow is not None and flow.op in _SCATTERS:
                return graph.inputs(flow)[2 if len(graph.inputs(flow)) == 4 else 1]
    return None


def _written_sequence(graph, new_h):
    """The sequence [T, B, U] that a loop writes its outputs to; None where it writes none."""
    for write in graph.ahead([new_h], through=_SELECTING, ops=_WRITES):
        array = graph.origin(graph.inputs(write)[0])
        gathers = graph.consumers(array, _GATHERS)
        if gathers:
            return _out(gathers[0])
    return None


def _lengths(graph, step):
    """The sequence lengths [B] that decide in a loop whether a row still moves."""
    for select in graph.ahead([step.new_h], through=_SELECTING, ops={"Select", "SelectV2"}):
        compared = graph.node(graph.origin(graph.inputs(select)[0]))
        if compared is not None and compared.op == "GreaterEqual":
            return graph.origin(graph.inputs(compared)[1])
    return None


def _out(node):
    return node.name + ":0"
