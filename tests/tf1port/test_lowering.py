"""Control flow v2 is read as TF1's: what replaces its ops, and what is left as it is."""

import re

import pytest

from tests.tf1port.graphs import second_control_flow
from tests.tf1port.programs.program import BOUND, converted, gap, loaded, map_of, running, verified
from tests.tf1port.programs.sequences import T, U, floats
from tests.tf1port.programs.stacks import squares
from tf1port.__main__ import main
from tf1port.errors import UserError
from tf1port.tf1.graph.importing import check_needed
from tf1port.tf1.graph.index import Graph

# isort: split
import tensorflow.compat.v1 as tf1


def lowered(build):
    """The Graph of what a function builds."""
    with second_control_flow(), tf1.Graph().as_default() as graph:
        build()
        return Graph(graph.as_graph_def(add_shapes=True))


def ops_of(graph):
    """The ops of a graph by the names of its nodes."""
    return {name: node.op for name, node in graph.nodes.items()}


def test_a_name_of_a_body_and_of_the_graph_is_not_one():
    """TensorFlow gives the outputs of a loop the name of its scope, which a body may have too."""

    def build():
        x = tf1.placeholder(tf1.float32, [2], name="x")
        double = lambda i, y: (i + 1, tf1.identity(y * 2.0, name="while/Identity"))  # noqa: E731
        with tf1.name_scope("outer"):
            tf1.while_loop(lambda i, _: i < 3, double, (0, x), name="while")
            tf1.constant(1.0, name="while/while/Identity")

    graph = lowered(build)
    assert graph.nodes["outer/while/while/Identity"].op == "Const"
    (end,) = [node for node in graph.nodes.values() if node.op == "LoopCond"]
    assert end.name == "outer/while_/LoopCond"
    assert graph.shape("outer/while_/Exit_3:0") == [2]
    assert graph.aliases["outer/while_/Exit_3:0"] == "outer/while:3"


def test_what_only_gradients_read_is_left_out():
    def build():
        x = tf1.placeholder(tf1.float32, [2], name="x")
        chosen = lambda y: tf1.cond(y[0] > 0.0, lambda: tf1.tanh(y), lambda: y * y)  # noqa: E731
        _, last = tf1.while_loop(lambda i, _: i < 3, lambda i, y: (i + 1, chosen(y)), (0, x))
        tf1.gradients(last, x)

    ops = set(ops_of(lowered(build)).values())
    assert {"Merge", "Switch", "Exit", "LoopCond", "Tanh"} <= ops
    read_by_gradients = {"TensorListPushBack", "OptionalFromValue", "OptionalNone", "While", "If"}
    assert not ops & {*read_by_gradients, "StatelessWhile", "StatelessIf"}


def test_what_a_body_does_aside_is_refused_by_name():
    def build():
        x = tf1.placeholder(tf1.float32, [2], name="x")

        def body(i, y):
            with tf1.control_dependencies([tf1.io.write_file("path", "written", name="evil")]):
                return i + 1, y * 2.0

        tf1.identity(tf1.while_loop(lambda i, _: i < 3, body, (0, x), name="while")[1], name="end")

    with pytest.raises(UserError, match=re.escape("touches files (WriteFile evil)")):
        check_needed(lowered(build), ["end:0"])


def grown():
    """A list that grows in the loop, and is read behind it."""
    x, array = floats("x", T, 3)
    raw, w = tf1.raw_ops, tf1.get_variable("w", [3 + U, U])
    shape = tf1.constant([-1, U])
    empty = raw.EmptyTensorList(element_shape=shape, max_num_elements=-1, element_dtype="float32")

    def body(t, state, grown):
        state = tf1.tanh(tf1.matmul(tf1.concat([x[:, 0], state], 1), w))
        return t + 1, state, raw.TensorListPushBack(input_handle=grown, tensor=state)

    start = tf1.zeros([tf1.shape(x)[0], U])
    _, _, rows = tf1.while_loop(lambda t, *_: t < T, body, (0, start, empty))
    stacked = raw.TensorListStack(input_handle=rows, element_shape=shape, element_dtype="float32")
    return {x: array}, squares(tf1.layers.dense(tf1.reduce_sum(stacked, 0), 2, name="logits"))


def beyond_its_size():
    """An array of two rows at least, written by a loop that values end."""
    x, array = floats("x", T, 3)
    rows = tf1.TensorArray(tf1.float32, 2, dynamic_size=True, element_shape=[None, 3])
    _, rows, _ = tf1.while_loop(
        lambda t, _, y: tf1.logical_and(t < T, tf1.reduce_sum(tf1.abs(y)) < 50.0),
        lambda t, rows, y: (t + 1, rows.write(t, y), y * 2.0),
        (0, rows, x[:, 0]),
    )
    return {x: array}, squares(tf1.layers.dense(tf1.reduce_sum(rows.stack(), 0), 2))


def chosen_by_number():
    """A cell within one of several functions."""
    x, array = floats("x", T, 3)
    cell, state = tf1.nn.rnn_cell.GRUCell(U), tf1.zeros([tf1.shape(x)[0], U])
    step = lambda: cell(x[:, 0], state)[1]  # noqa: E731
    new = tf1.switch_case(tf1.cast(x[0, 0, 0], tf1.int32), [step, lambda: state])
    return {x: array}, squares(tf1.layers.dense(new, 2, name="logits"))


REFUSED = {
    grown: "reads an array that is not written step by step",
    beyond_its_size: "is an array that grows beyond its size",
    chosen_by_number: "tf.compat.v1.disable_control_flow_v2()",
}
FAST = {beyond_its_size}


@pytest.mark.parametrize(
    "build",
    [pytest.param(b, marks=[] if b in FAST else pytest.mark.slow, id=b.__name__) for b in REFUSED],
)
def test_what_has_no_counterpart_is_refused_by_name(build, tmp_path, capsys):
    with running(build, tmp_path, steps=0, control_flow=second_control_flow) as run:
        capsys.readouterr()
        assert main(["convert", run.prefix, "--to", str(tmp_path / "model.keras")]) == 2
    assert REFUSED[build] in capsys.readouterr().err


def called():
    """A cell within a function that calls another one."""
    x, array = floats("x", T, 3)
    cell = tf1.nn.rnn_cell.GRUCell(U)
    cell.build([None, 3])
    scaled = tf1.function(lambda values: values * 0.5 + 1.0, autograph=False)
    run = lambda rows: tf1.nn.dynamic_rnn(cell, scaled(rows), dtype=tf1.float32)[0]  # noqa: E731
    steps = tf1.function(run, autograph=False)(x)
    return {x: array}, squares(tf1.layers.dense(steps, 2, name="logits"))


@pytest.mark.slow
def test_functions_are_read_where_they_are_called(tmp_path, capsys):
    with running(called, tmp_path, control_flow=second_control_flow) as run:
        target = converted(run.prefix)
        assert map_of(target)["complete"], map_of(target)["left_out"]
        assert gap(run, target, loaded(target)) <= BOUND
        code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 0, report["verdict"]


def test_functions_that_call_themselves_stay_as_they_are():
    graph_def = tf1.GraphDef()
    graph_def.node.add(name="x", op="Placeholder").attr["dtype"].type = 1
    function = graph_def.library.function.add()
    function.signature.name = "endless"
    function.signature.input_arg.add(name="y", type=1)
    function.signature.output_arg.add(name="z", type=1)
    function.ret["z"] = "again:output:0"
    for nodes, y in ((graph_def.node, "x"), (function.node_def, "y")):
        call = nodes.add(name="again", op="PartitionedCall", input=[y])
        call.attr["f"].func.name = "endless"
        for key in ("Tin", "Tout"):
            call.attr[key].list.type.append(1)
    assert "PartitionedCall" in ops_of(Graph(graph_def)).values()
