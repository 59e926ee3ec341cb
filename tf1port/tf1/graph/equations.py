"""What a graph computes where a cell's kernel is used, read off operation by operation.

The operations around a kernel's product are the equations of the cell's class in tf.nn.rnn_cell and
tf.contrib.rnn, or one op of a block cell; what is read off them is named as there. Nothing is run.
"""

from typing import NamedTuple

from tf1port.tf1.graph.index import ADD, Graph, scalar
from tf1port.tf1.graph.unrolls import Run, Step, UnknownCell

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
# What a layer normalization consists of between what it takes and what it makes.
_NORMALIZING = ADD | {"Mul", "Sub", "Mean", "SquaredDifference", "Rsqrt", "Reshape", "StopGradient"}
_NORMALIZING |= {"FusedBatchNormV3", "Squeeze"}


class Constants(NamedTuple):
    """What of a cell stands in the graph alone; None: the cell has no such thing."""

    activation: str = "tanh"
    forget_bias: float | None = None
    cell_clip: float | None = None
    projection_clip: float | None = None
    straight_through: bool = False  # the gradient of a clip, which a block cell does not know


def read_uses(graph: Graph, cell):
    """Every use of a cell (checkpoints.naming.Cell) in a graph: pairs of Constants and Step or Run.

    Raises:
        UnknownCell: the kernel is used in a way that no known cell uses it in.
    """
    found = []
    for role in ("kernel", "gates/kernel"):
        if role in cell.variables:
            for node in graph.uses(cell.variables[role], {"MatMul", *_BLOCKS}):
                reader = _BLOCKS.get(node.op) or _PRODUCTS[cell.family]
                found.append(reader(graph, cell, node))
    return found


# cells of several operations, by the product with their kernel


def _rnn(graph, cell, product):
    """h' = g(x W + h U + b)."""
    x, h = _parts(graph, product)
    activation, new_h = _activated(graph, _biased(graph, product))
    return Constants(activation), Step(x, h, new_h)


def _lstm(graph, cell, product):
    """c' = c sigmoid(f + forget bias + …) + sigmoid(i + …) g(j), h' = g(c') sigmoid(o + …)."""
    x, h = _parts(graph, product)
    i, j, f, o = _gates(graph, _biased(graph, product), 4)
    _sigmoid(graph, i, through=ADD)
    forget, forget_bias = _sigmoid(graph, f, through=ADD)
    activation, _ = _activated(graph, j)
    c, new_c = _kept_and_added(graph, forget)
    new_c, cell_clip = _clipped(graph, new_c)
    output, _ = _sigmoid(graph, o, through=ADD)
    new_h = _out(_one(graph, output, {"Mul"}, what="the output"))
    projection_clip = None
    if "projection/kernel" in cell.variables:
        new_h = _out(_one(graph, new_h, {"MatMul"}, what="a projection"))
        new_h, projection_clip = _clipped(graph, new_h)
    constants = Constants(activation, forget_bias, cell_clip, projection_clip)
    return constants, Step(x, h, new_h, c, new_c)


def _layer_norm_lstm(graph, cell, product):
    """As an LSTM, with N(i), N(j), N(f) + forget bias, N(o), and N(c') in place of c'."""
    if "bias" in cell.variables:
        return _lstm(graph, cell, product)
    x, h = _parts(graph, product)
    _, j, f, o = _gates(graph, _out(product), 4)
    forget, forget_bias = _sigmoid(graph, f, through=_NORMALIZING)
    activations = graph.ahead([j], through=_NORMALIZING, ops=ACTIVATIONS)
    c, summed = _kept_and_added(graph, forget)
    carried = graph.ahead([summed], through=_NORMALIZING, ops=ACTIVATIONS)
    if not activations or not carried:
        raise UnknownCell(f"{cell.scope} normalizes in a way that is not known")
    output, _ = _sigmoid(graph, o, through=_NORMALIZING)
    new_h = _out(_one(graph, output, {"Mul"}, what="the output"))
    constants = Constants(ACTIVATIONS[activations[0].op], forget_bias)
    return constants, Step(x, h, new_h, c, graph.inputs(carried[0])[0])


def _gru(graph, cell, product):
    """h' = u h + (1 - u) g(x W + (r h) U + b)."""
    x, h = _parts(graph, product)
    r, u = _reset_and_update(graph, product)
    candidates = graph.uses(cell.variables["candidate/kernel"], {"MatMul"})
    candidate = [node for node in candidates if r in _factors(graph, _parts(graph, node)[1])]
    if len(candidate) != 1:
        raise UnknownCell(f"{len(candidate)} products of {cell.scope} take the state that r reset")
    activation, _ = _activated(graph, _biased(graph, candidate[0]))
    return Constants(activation), Step(x, h, _mixed(graph, u))


def _cudnn_gru(graph, cell, product):
    """h' = (1 - u) g(x W + b + r (h U + b')) + u h."""
    x, h = _parts(graph, product)
    r, u = _reset_and_update(graph, product)
    reset = _one(graph, r, {"Mul"}, what="what is reset")
    candidate = _out(_one(graph, _out(reset), ADD, what="a candidate"))
    activation, _ = _activated(graph, candidate)
    return Constants(activation), Step(x, h, _mixed(graph, u))


_PRODUCTS = {
    "rnn": _rnn,
    "lstm": _lstm,
    "layer_norm_lstm": _layer_norm_lstm,
    "gru": _gru,
    "cudnn_gru": _cudnn_gru,
}


# cells of one operation


def _lstm_block(graph, cell, node):
    """LSTMBlockCell: x, c, h, W, three peepholes and b to i, c', f, o, ci, co, h'."""
    x, c, h = graph.inputs(node)[:3]
    step = Step(x, graph.origin(h), f"{node.name}:6", graph.origin(c), f"{node.name}:1")
    return _block_constants(node), step


def _block_lstm(graph, cell, node):
    """BlockLSTM: the longest length, x [T, B, F] and what LSTMBlockCell takes, to sequences."""
    longest, x, c, h = graph.inputs(node)[:4]
    run = Run(
        cell.scope,
        (),
        initial_h=graph.origin(h),
        initial_c=graph.origin(c),
        inputs=x,
        outputs=f"{node.name}:6",
        cell_states=f"{node.name}:1",
        lengths=_longest_of(graph, longest),
    )
    return _block_constants(node), run


def _block_constants(node):
    """The constants of a block op, which has no clip where its limit is not above zero."""
    # An attribute of its default value may be left out of a file.
    bias = node.attr["forget_bias"].f if "forget_bias" in node.attr else 1.0
    clip = node.attr["cell_clip"].f if "cell_clip" in node.attr else 3.0
    if clip <= 0:
        return Constants("tanh", _decimal(bias))
    return Constants("tanh", _decimal(bias), _decimal(clip), straight_through=True)


def _longest_of(graph, tensor):
    """The lengths [B] that a longest length is the largest of; None where there are none."""
    for name in graph.behind(tensor, through={"Identity", "Cast", "Max", "Enter"}):
        node = graph.node(name)
        if node is not None and node.op == "Max":
            return graph.origin(graph.inputs(node)[0])
    return None


def _gru_block(graph, cell, node):
    """GRUBlockCell: x, h, two kernels and two biases to r, u, the candidate, h'."""
    x, h = graph.inputs(node)[:2]
    return Constants("tanh"), Step(x, graph.origin(h), f"{node.name}:3")


_BLOCKS = {
    "LSTMBlockCell": _lstm_block,
    "BlockLSTM": _block_lstm,
    "GRUBlockCell": _gru_block,
}


# pieces of equations


def _parts(graph, product):
    """The inputs x and the state h that a product takes side by side."""
    node = graph.node(graph.origin(graph.inputs(product)[0]))
    if node is None or node.op not in {"Concat", "ConcatV2"} or len(graph.operands(node)) != 2:
        raise UnknownCell(f"{product.name} is not of inputs and state side by side")
    x, h = graph.operands(node)
    return graph.unconditioned(x), graph.origin(h)


def _one(graph, tensor, ops, *, what):
    """The one node of some ops that takes a tensor."""
    found = graph.consumers(tensor, ops)
    if len(found) != 1:
        raise UnknownCell(f"{len(found)} operations take {tensor} as {what}")
    return found[0]


def _biased(graph, product):
    """A product with its bias: a tensor."""
    return _out(_one(graph, _out(product), _BIAS, what="a bias"))


def _gates(graph, tensor, count):
    """The gates that a tensor is split into."""
    split = _one(graph, tensor, {"Split"}, what="gates")
    return [f"{split.name}:{port}" for port in range(count)]


def _sigmoid(graph, gate, *, through):
    """The sigmoid of a gate and the constants that were added to the gate before it."""
    found = graph.ahead([gate], through=through, ops={"Sigmoid"})
    if not found:
        raise UnknownCell(f"no sigmoid takes {gate}")
    return _out(found[0]), _added(graph, graph.inputs(found[0])[0])


def _added(graph, tensor):
    """The sum of the constants among the terms that a tensor is the sum of."""
    sums: dict[str, float] = {}
    stack = [tensor]
    while stack:
        node = graph.node(stack[-1])
        terms = graph.inputs(node) if node is not None and node.op in ADD else []
        missing = [name for name in terms if name not in sums]
        if missing:
            stack += missing
            continue
        name = stack.pop()
        sums[name] = sum(sums[t] for t in terms) if terms else scalar(graph.constant(name)) or 0.0
    return sums[tensor]


def _activated(graph, tensor):
    """The activation of a tensor and what it gives; "linear" where there is none."""
    nodes = graph.consumers(tensor, ACTIVATIONS)
    return (ACTIVATIONS[nodes[0].op], _out(nodes[0])) if nodes else ("linear", tensor)


def _kept_and_added(graph, forget):
    """The state c that a forget gate multiplies, and the sum with what is added to it."""
    kept = _one(graph, forget, {"Mul"}, what="what is kept")
    c = graph.origin(graph.other(kept, forget))
    return c, _out(_one(graph, _out(kept), ADD, what="the new state"))


def _clipped(graph, tensor):
    """A tensor behind its clip_by_value, and the clip's upper limit; the tensor itself, None."""
    limit = None
    while clips := graph.consumers(tensor, _CLIPS):
        value = scalar(graph.constant(graph.inputs(clips[0])[-1]))
        limit, tensor = max(value, limit or value), _out(clips[0])
    return tensor, limit


def _reset_and_update(graph, product):
    """The gates r and u: before 1.0 each had its sigmoid, since then both have one together."""
    biased = _biased(graph, product)
    together = graph.consumers(biased, {"Sigmoid"})
    if together:
        return _gates(graph, _out(together[0]), 2)
    return [_sigmoid(graph, gate, through=ADD)[0] for gate in _gates(graph, biased, 2)]


def _factors(graph, tensor):
    """The operands of the product that a tensor is."""
    node = graph.node(tensor)
    return graph.inputs(node) if node is not None and node.op == "Mul" else []


def _mixed(graph, update):
    """The new state: the sum that an update gate's share of the old one goes into."""
    shares = graph.consumers(update, {"Mul"})
    sums = [_out(add) for share in shares for add in graph.consumers(_out(share), ADD)]
    if len(sums) != 1:
        raise UnknownCell(f"{len(sums)} sums take what {update} keeps of the state")
    return sums[0]


def _decimal(value):
    """A float32 as the Python float of the fewest digits that is the same one."""
    return float(f"{value:.7g}")


def _out(node):
    return node.name + ":0"
