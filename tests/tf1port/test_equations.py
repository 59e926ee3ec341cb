"""The equations of TF1's cells, as patterns, against graphs that TensorFlow 1.15.5 made of them.

Of a recorded graph the operations of one cell are kept, and changed one at a time: whatever is
changed, the cell is another one or none. Spelled otherwise it is the same.
"""

import itertools

import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from tests.goldens import carried
from tf1port.tf1.checkpoint.reader import inventory, open_checkpoint
from tf1port.tf1.graph.cuts import piece
from tf1port.tf1.graph.equations import Constants, read_uses
from tf1port.tf1.graph.files import load_graph
from tf1port.tf1.graph.index import VARIABLES, Graph
from tf1port.tf1.graph.matcher import Matcher
from tf1port.tf1.graph.patterns import Constant, named
from tf1port.tf1.graph.runs import Run, UnknownCell
from tf1port.tf1.graph.wiring import find_wiring

RECORDED = {
    "rnn": "BasicRNNCell-rnn-1-float32-Adam",
    "lstm": "BasicLSTMCell-rnn-1-float64-Adam",
    "lstm of everything": "LSTMCell-rnn-1-float32-use_peepholes=True-cell_clip=0.4-num_proj=2-"
    "proj_clip=0.15-Adam",
    "gru": "GRUCell-rnn-1-float32-Adam",
    "cudnn_gru": "CudnnCompatibleGRUCell-rnn-1-float64-Adam",
    "layer_norm_lstm": "LayerNormBasicLSTMCell-rnn-1-float32-Adam",
    "block": "LSTMBlockCell-rnn-1-float32-use_peephole=True-cell_clip=0.4-Adam",
    "fused block": "LSTMBlockFusedCell-rnn-1-float32-use_peephole=True-cell_clip=0.4-Momentum",
    "gru block": "GRUBlockCellV2-rnn-1-float32-Adam",
}
CONSTANTS = {
    **dict.fromkeys(RECORDED, Constants()),
    **dict.fromkeys(("lstm", "layer_norm_lstm"), Constants(forget_bias=1.0)),
    "lstm of everything": Constants("tanh", 1.0, float(np.float32(0.4)), float(np.float32(0.15))),
    **dict.fromkeys(("block", "fused block"), Constants("tanh", 1.0, 0.4, straight_through=True)),
}


class Alone:
    """One cell of a recorded graph, with placeholders in the place of all that it takes.

    nodes: by name; to be changed. cell: its Cell.
    """

    def __init__(self, kind, folder):
        case = next(case for case in carried.CARRIED if case.name == RECORDED[kind])
        prefix, _ = carried.unpack(case, folder)
        (self.cell,) = inventory(open_checkpoint(prefix)).cells
        self.graph = Graph(load_graph(prefix + ".meta"))
        ((_, self.use),) = read_uses(self.graph, self.cell)
        self.nodes = {}
        for name in self._behind(*self._ends()):
            inputs = [tensor for tensor in self.graph.nodes[name].input if tensor[0] != "^"]
            self.nodes[name] = copied(self.graph.nodes[name], input=inputs)

    def _ends(self):
        if isinstance(self.use, Run):
            return {self.use.inputs, self.use.initial_h, self.use.initial_c}, [self.use.outputs]
        use = self.use
        return {use.x, use.h, use.c}, [use.new_h, *([use.new_c] if use.new_c else [])]

    def _behind(self, leaves, results):
        """The names of the nodes that results are computed by, from the leaves on."""
        names, queue = [], list(results)
        for tensor in queue:
            name = tensor.rpartition(":")[0]
            if tensor not in leaves and name not in names:
                names.append(name)
                queue += self.graph.inputs(self.graph.nodes[name])
        return names

    def read(self):
        """Pairs of the constants and the use that are read off the nodes as they are now."""
        inputs = sorted({Graph.full(name) for node in self.nodes.values() for name in node.input})
        names = {name.rpartition(":")[0] for name in inputs} - self.nodes.keys()
        leaves = {name: tf1.NodeDef(name=name, op="Placeholder") for name in names}
        self.graph.nodes = self.graph._before = {**self.nodes, **leaves}
        self.graph._index()
        return read_uses(self.graph, self.cell)


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """A function from a kind to its cell, as recorded."""
    graphs = {}

    def of(kind):
        if kind not in graphs:
            graphs[kind] = Alone(kind, tmp_path_factory.mktemp("cell"))
        return graphs[kind]

    return of


def copied(node, **changes):
    copy = tf1.NodeDef()
    copy.CopyFrom(node)
    for name, value in changes.items():
        copy.ClearField(name)
        if name == "input":
            copy.input.extend(value)
        else:
            setattr(copy, name, value)
    return copy


@pytest.mark.parametrize("kind", RECORDED)
def test_a_recorded_cell_is_read_with_its_constants(alone, kind):
    ((constants, use),) = alone(kind).read()
    assert constants == CONSTANTS[kind]
    assert use == alone(kind).use


# Changed anywhere, a cell is another one or none.

OTHER_OPS = {
    "Add": "Sub",
    "AddV2": "Sub",
    "BiasAdd": "Sub",
    "Sub": "Add",
    "Mul": "Add",
    "Sigmoid": "Tanh",
    "Tanh": "Sigmoid",
    "Maximum": "Minimum",
    "Minimum": "Maximum",
    "Rsqrt": "Sqrt",
    "Mean": "Max",
    "SquaredDifference": "Sub",
}
FLAGS = ("transpose_a", "transpose_b", "keep_dims", "use_peephole")


def changes(nodes, node):
    """Words for a change of a node that makes it compute something else, and its nodes."""
    yield "op", [copied(node, op=OTHER_OPS.get(node.op, "Neg"))]
    inputs = list(node.input)
    for i, name in enumerate(inputs):
        for other in ("elsewhere", *other_outputs(nodes, name)):
            yield f"{other} for {name}", [with_input(node, i, other)]
        if nodes.get(name.partition(":")[0], node).op not in {"Const", *VARIABLES}:
            more = tf1.NodeDef(name="more", op="AddV2", input=[name, "elsewhere"])
            yield f"more than {name}", [more, with_input(node, i, "more")]
    if node.op in {"Sub", "MatMul", "ConcatV2"} or node.op.endswith(("Cell", "LSTM")):
        for i, j in itertools.combinations(range(len(inputs)), 2):
            if Graph.full(inputs[i]) != Graph.full(inputs[j]):  # as states that are both zeros are
                changed = with_input(with_input(node, i, inputs[j]), j, inputs[i])
                yield f"{inputs[i]} and {inputs[j]} exchanged", [changed]
    for flag in FLAGS:
        if flag in node.attr:
            changed = copied(node)
            changed.attr[flag].b = not changed.attr[flag].b
            yield flag, [changed]
    if node.op == "Const":
        value = tf1.make_ndarray(node.attr["value"].tensor)
        changed = copied(node)
        changed.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(value * 2 + 3, value.dtype))
        yield "value", [changed]
    for name in ("forget_bias", "cell_clip"):
        if name in node.attr:
            changed = copied(node)
            changed.attr[name].f += 0.25
            yield name, [changed]


def other_outputs(nodes, name):
    """The name of another output of a split than the one of a name."""
    base, _, port = name.partition(":")
    if base in nodes and nodes[base].op == "Split":
        yield f"{base}:{(int(port or 0) + 1) % 2}"


def with_input(node, index, name):
    return copied(node, input=[*node.input[:index], name, *node.input[index + 1 :]])


@pytest.mark.parametrize("kind", RECORDED)
def test_whatever_is_changed_it_is_not_the_same_cell(alone, kind):
    one = alone(kind)
    right, recorded, tried = one.read(), one.nodes, 0
    for name, node in recorded.items():
        for what, changed in changes(recorded, node):
            one.nodes = {**recorded, **{other.name: other for other in changed}}
            try:
                assert one.read() != right, f"{name}: {what} makes no difference"
            except UnknownCell:
                pass
            finally:
                one.nodes = recorded
            tried += 1
    assert tried > 20
    assert one.read() == right


# Spelled otherwise, it is the same cell.


def constant(nodes, name, value):
    """Adds a constant; returns its name."""
    node = tf1.NodeDef(name=name, op="Const")
    node.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(value))
    nodes[name] = node
    return name


def the_other_way_round(nodes):
    """Factors and terms exchanged, and what else commutes."""
    for name, node in nodes.items():
        if node.op in {"Add", "AddV2", "Mul", "Maximum", "Minimum", "SquaredDifference"}:
            nodes[name] = copied(node, input=reversed(node.input))


def of_other_versions(nodes):
    """Sums and concatenations as other versions have them."""
    ops = {"Add": "AddV2", "AddV2": "Add", "BiasAdd": "Add", "ConcatV2": "Concat"}
    for name, node in nodes.items():
        copy = copied(node, op=ops.get(node.op, node.op))
        if node.op == "ConcatV2":
            *tensors, axis = node.input
            copy = copied(copy, input=[axis, *tensors])
        nodes[name] = copy


def biases_first(nodes):
    for name, node in nodes.items():
        if node.op == "BiasAdd":
            nodes[name] = copied(node, op="AddV2", input=reversed(node.input))


def by_sizes(nodes):
    """tf.split of a list of sizes."""
    for name, node in list(nodes.items()):
        if node.op == "Split":
            axis, value = node.input
            count = node.attr["num_split"].i
            sizes = constant(nodes, f"{name}/sizes", [carried.UNITS] * count)
            nodes[name] = copied(node, op="SplitV", input=[value, sizes, axis])


def replaced(nodes, split, make):
    """The outputs of a split, each by a node that `make` makes of its number."""
    for port in range(nodes[split].attr["num_split"].i):
        own = f"{split}_{port}"
        nodes[own] = make(own, port)
        for name, node in list(nodes.items()):
            inputs = [own if Graph.full(t) == f"{split}:{port}" else t for t in node.input]
            nodes[name] = copied(node, input=inputs)
    del nodes[split]


def by_slices(nodes):
    """tf.slice of each gate."""

    def make(name, port):
        begin = constant(nodes, f"{name}/begin", [0, port * carried.UNITS])
        size = constant(nodes, f"{name}/size", [-1, carried.UNITS])
        return tf1.NodeDef(name=name, op="Slice", input=[value, begin, size])

    for split in [name for name, node in nodes.items() if node.op == "Split"]:
        value = nodes[split].input[1]
        replaced(nodes, split, make)


def by_indices(nodes):
    """gates[:, a:b], the first one without a, the last one without b."""

    def make(name, port):
        first, last = port == 0, port == count - 1
        begin = constant(nodes, f"{name}/begin", [0, 0 if first else port * carried.UNITS])
        end = constant(nodes, f"{name}/end", [0, 0 if last else (port + 1) * carried.UNITS])
        ones = constant(nodes, f"{name}/strides", [1, 1])
        node = tf1.NodeDef(name=name, op="StridedSlice", input=[value, begin, end, ones])
        node.attr["begin_mask"].i, node.attr["end_mask"].i = 1 | 2 * first, 1 | 2 * last
        return node

    for split in [name for name, node in nodes.items() if node.op == "Split"]:
        value, count = nodes[split].input[1], nodes[split].attr["num_split"].i
        replaced(nodes, split, make)


def clipped_at_once(nodes):
    """Clips by the op that tf.clip_by_value was in some versions."""
    for name, node in list(nodes.items()):
        if node.op == "Maximum":
            inner, low = node.input
            of, high = nodes[inner].input
            nodes[name] = copied(node, op="ClipByValue", input=[of, low, high])
            del nodes[inner]


def gates_apart(nodes):
    """A sigmoid for each of a GRU's gates, as before 1.0."""
    split = next(name for name, node in nodes.items() if node.op == "Split")
    axis, together = nodes[split].input
    nodes[split] = copied(nodes[split], input=[axis, nodes[together].input[0]])
    for port in range(2):
        for name, node in list(nodes.items()):
            own = f"sigmoid_{port}"
            inputs = [own if Graph.full(t) == f"{split}:{port}" else t for t in node.input]
            nodes[name] = copied(node, input=inputs)
        nodes[own] = copied(nodes[together], name=own, input=[f"{split}:{port}"])
    del nodes[together]


PLAIN = [kind for kind in RECORDED if "block" not in kind]
SPELLED = [(of_other_versions, kind) for kind in PLAIN]
SPELLED += [(the_other_way_round, kind) for kind in PLAIN if kind != "rnn"]
SPELLED += [(biases_first, kind) for kind in PLAIN if kind != "layer_norm_lstm"]
SPELLED += [(w, k) for w in (by_sizes, by_slices, by_indices) for k in PLAIN if k != "rnn"]
SPELLED += [(clipped_at_once, "lstm of everything"), (gates_apart, "gru")]
SPELLED += [(gates_apart, "cudnn_gru")]


@pytest.mark.parametrize(("spell", "kind"), SPELLED)
def test_spelled_otherwise_it_is_the_same_cell(alone, spell, kind):
    one = alone(kind)
    right, recorded = one.read(), dict(one.nodes)
    try:
        spell(one.nodes)
        assert one.nodes != recorded
        assert one.read() == right
    finally:
        one.nodes = recorded


def node_of(op, *inputs, **attrs):
    """A node "node" that takes "of" and constants, and a Graph of it."""
    nodes = {"of": tf1.NodeDef(name="of", op="Placeholder")}
    names = [one if one == "of" else constant(nodes, f"c{i}", one) for i, one in enumerate(inputs)]
    nodes["node"] = tf1.NodeDef(name="node", op=op, input=names)
    for name, value in attrs.items():
        nodes["node"].attr[name].i = value
    return Graph(tf1.GraphDef(node=nodes.values()))


ROWS = {"begin_mask": 1, "end_mask": 1}
PIECES = {  # of the second of three pieces of four columns, and how else it may be
    "split": (("Split", 1, "of"), {"num_split": 3}, True),
    "split of rows": (("Split", 0, "of"), {"num_split": 3}, False),
    "more pieces": (("Split", 1, "of"), {"num_split": 6}, False),
    "sizes": (("SplitV", "of", [4, 4, 4], 1), {}, True),
    "other sizes": (("SplitV", "of", [4, 4, 5], 1), {}, False),
    "more sizes": (("SplitV", "of", [4, 4, 4, 4], 1), {}, False),
    "sizes of rows": (("SplitV", "of", [4, 4, 4], 0), {}, False),
    "slice": (("Slice", "of", [0, 4], [-1, 4]), {}, True),
    "slice elsewhere": (("Slice", "of", [0, 5], [-1, 4]), {}, False),
    "slice of the rest": (("Slice", "of", [0, 4], [-1, -1]), {}, False),
    "slice of some rows": (("Slice", "of", [0, 4], [2, 4]), {}, False),
    "slice of later rows": (("Slice", "of", [1, 4], [-1, 4]), {}, False),
    "slice of rank 3": (("Slice", "of", [0, 4, 0], [-1, 4, -1]), {}, False),
    "indices": (("StridedSlice", "of", [0, 4], [0, 8], [1, 1]), ROWS, True),
    "indices elsewhere": (("StridedSlice", "of", [0, 3], [0, 8], [1, 1]), ROWS, False),
    "indices of some rows": (("StridedSlice", "of", [0, 4], [2, 8], [1, 1]), {}, False),
    "every other column": (("StridedSlice", "of", [0, 4], [0, 8], [1, 2]), ROWS, False),
    "from the end": (("StridedSlice", "of", [0, 4], [0, -4], [1, 1]), ROWS, False),
    "one column": (
        ("StridedSlice", "of", [0, 4], [0, 8], [1, 1]),
        {**ROWS, "shrink_axis_mask": 2},
        False,
    ),
}


@pytest.mark.parametrize("name", PIECES)
def test_a_piece_is_known_by_its_bounds(name):
    (op, *inputs), attrs, right = PIECES[name]
    tensor = "node:1" if op.startswith("Split") else "node:0"
    cut = piece(node_of(op, *inputs, **attrs), tensor, 1, 3)
    assert (cut is not None) == right
    assert not right or cut.source == "of:0"


def test_limits_below_zero_are_no_clip(alone):
    one = alone("lstm of everything")
    recorded = one.nodes
    limits = {
        name
        for node in recorded.values()
        if node.op in {"Maximum", "Minimum"}
        for name in node.input
        if recorded.get(name, node).op == "Const"
    }
    assert len(limits) == 4
    one.nodes = dict(recorded)
    try:
        for name in limits:
            constant(one.nodes, name, -tf1.make_ndarray(recorded[name].attr["value"].tensor))
        with pytest.raises(UnknownCell):
            one.read()
    finally:
        one.nodes = recorded


@pytest.mark.parametrize("steps", [5, 4])
def test_a_fused_block_that_stops_early_is_no_whole_run(alone, monkeypatch, steps):
    one = alone("fused block")
    recorded = one.nodes
    longest = next(n for n in recorded.values() if n.op == "BlockLSTM").input[0]
    one.nodes = dict(recorded)
    monkeypatch.setattr(one.graph, "shape", lambda tensor: [5, None, 3])
    try:
        constant(one.nodes, longest, np.int64(steps))
        if steps == 5:
            assert one.read()[0][1] == one.use
        else:
            with pytest.raises(UnknownCell, match="stops after 4 steps"):
                one.read()
    finally:
        one.nodes = recorded


def test_slices_of_a_part_of_the_product_are_no_gates(alone, monkeypatch):
    one = alone("gru")
    recorded = dict(one.nodes)
    try:
        monkeypatch.setattr(carried, "UNITS", carried.UNITS - 1)
        by_slices(one.nodes)
        with pytest.raises(UnknownCell, match="in another way than a cell of the family gru"):
            one.read()
    finally:
        one.nodes = recorded


def test_what_is_refused_is_said_by_what_was_expected_and_found(alone):
    one = alone("gru")
    recorded = dict(one.nodes)
    try:
        concat = next(node for name, node in recorded.items() if name.endswith("concat_1"))
        axis = concat.input[2]
        del one.nodes[axis]
        constant(one.nodes, axis, 0)
        with pytest.raises(
            UnknownCell, match=f"expected the last axis at {axis}:0, which is Const"
        ):
            one.read()
    finally:
        one.nodes = recorded


@pytest.mark.parametrize("slope", [0.2, 0.3])
def test_a_leaky_relu_is_known_by_its_slope(alone, slope):
    one = alone("lstm")
    recorded = dict(one.nodes)
    try:
        for name, node in recorded.items():
            if node.op == "Tanh":
                one.nodes[name] = copied(node, op="LeakyRelu")
                one.nodes[name].attr["alpha"].f = slope
        if slope == 0.2:
            assert one.read()[0][0].activation == "leaky_relu"
        else:
            with pytest.raises(UnknownCell):
                one.read()
    finally:
        one.nodes = recorded


def test_a_sum_of_sums_is_looked_at_a_few_times():
    nodes = [tf1.NodeDef(name="n0", op="Placeholder")]
    nodes += [
        tf1.NodeDef(name=f"n{i + 1}", op="AddV2", input=[f"n{i}", f"n{i}"]) for i in range(200)
    ]
    graph = Graph(tf1.GraphDef(node=nodes))
    inputs, left = graph.inputs, iter(range(1000))  # rather than 2 ** 200

    def counted(node):
        assert next(left, None) is not None, "a term is looked at again and again"
        return inputs(node)

    graph.inputs = counted
    for pattern in (named("x") + Constant("y"), Constant("x") + Constant("y"), named("x") + 1.0):
        assert Matcher(graph, {}).match(pattern, "n200:0") is None


def test_the_constants_of_a_sum_count_as_often_as_they_are_added():
    nodes = {"x": tf1.NodeDef(name="x", op="Placeholder")}
    one = constant(nodes, "one", np.float32(1.5))
    nodes["sum"] = tf1.NodeDef(name="sum", op="AddV2", input=["x", one])
    nodes["total"] = tf1.NodeDef(name="total", op="Add", input=[one, "sum"])
    match = Matcher(Graph(tf1.GraphDef(node=nodes.values())), {}).match(
        named("x") + Constant("bias"), "total:0"
    )
    assert match.names == {"x": "x:0", "bias": 3.0, "result": "total:0"}
    assert match.nodes == {"sum", "total"}


@pytest.mark.parametrize(
    ("op", "mask"), [("Sin", ""), ("Mul", "Placeholder"), ("Mul", "RandomUniform")]
)
def test_a_state_that_is_changed_before_the_next_step_is_no_plain_cells(tmp_path, op, mask):
    """Unless it is dropped of, by one mask for all steps, as a product by random numbers."""
    case = next(case for case in carried.CARRIED if case.name == RECORDED["rnn"])
    prefix, _ = carried.unpack(case, tmp_path)
    (cell,) = inventory(open_checkpoint(prefix)).cells
    graph_def = load_graph(prefix + ".meta")
    ((_, step),) = read_uses(Graph(graph_def), cell)
    state = next(
        node
        for node in graph_def.node
        if node.op == "NextIteration" and Graph.full(node.input[0]) == step.new_h
    )
    inputs = [state.input[0], "mask"] if mask else [state.input[0]]
    if mask:
        graph_def.node.add(name="mask", op=mask)
    graph_def.node.add(name="changed", op=op, input=inputs)
    state.input[0] = "changed"
    graph = Graph(graph_def)
    if mask == "RandomUniform":
        assert find_wiring(graph, [cell]).runs[cell.scope][0].steps == (step,)
    else:
        with pytest.raises(UnknownCell, match="changed:0 is the input of its next step"):
            find_wiring(graph, [cell])
