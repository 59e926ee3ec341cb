"""What a third party chose - names, graphs, models - runs nothing and touches nothing."""

import ast
import shutil
import zipfile

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.tf1port import graphs
from tests.tf1port.graphs import Case, tf1
from tf1port import limits
from tf1port.__main__ import main
from tf1port.conversion.plan import read
from tf1port.errors import UserError
from tf1port.keras_model import trusted_layers
from tf1port.keras_model.expressions import Call
from tf1port.keras_model.loading import open_model
from tf1port.tf1.graph import sessions, trust
from tf1port.tf1.graph.files import load_graph
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.pruning import functions_of
from tf1port.tf1.graph.training_ops import find_loss
from tf1port.tf1.graph.trust import check_acyclic, is_harmless, waits
from tf1port.tf1.session.recurrent_subgraph import GraphRun
from tf1port.tf1.session.whole_graph import WholeGraph

SHARD = ".data-00000-of-00001"
LOGITS = "logits/BiasAdd"
MAP = 'takes = "last"\n[[after]]\nlayer = "{}"\n{}\n'


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The prefix of a checkpoint with a plain graph."""
    return graphs.save(Case(), tmp_path_factory.mktemp("plain")).prefix


@pytest.fixture(scope="module")
def model(plain, tmp_path_factory):
    """Its Keras model."""
    target = str(tmp_path_factory.mktemp("model") / "model.keras")
    assert main(["convert", plain, "--to", target]) == 0
    return target


def copied(prefix, folder, name="model.ckpt-3"):
    for ending in (".index", ".meta", SHARD):
        shutil.copy(prefix + ending, folder / (name + ending))
    return str(folder / name)


def changed(prefix, folder, change):
    """A copy of a checkpoint whose GraphDef was given to a function that changes it."""
    copy = copied(prefix, folder)
    meta = tf1.MetaGraphDef.FromString((folder / "model.ckpt-3.meta").read_bytes())
    change(meta.graph_def)
    (folder / "model.ckpt-3.meta").write_bytes(meta.SerializeToString())
    return copy


def refused(capsys, command, *, words):
    """Checks for one line on standard error and exit code 2."""
    capsys.readouterr()
    code, errors = main(command), capsys.readouterr().err
    assert (code, errors.count("\n")) == (2, 1), errors
    assert words in errors


# Names.


@pytest.mark.parametrize("name", ['a"""\nevil = 1\n"""', 'a"""; evil = 1; """', "a\u202e"])
def test_a_name_of_a_file_is_no_code(plain, tmp_path, name):
    prefix = copied(plain, tmp_path, name)
    assert main(["convert", prefix, "--to", str(tmp_path / "made.keras")]) == 0
    source = (tmp_path / "made.py").read_text()
    tree = ast.parse(source)
    kinds = [type(statement) for statement in tree.body]
    assert kinds == [ast.Expr, ast.Import, ast.FunctionDef]
    assert ast.get_docstring(tree, clean=False) == f"The Keras model of the TF1 checkpoint {name}."
    assert "\u202e" not in source


@pytest.mark.parametrize("name", ['"', '" + evil + "', "\\", "\n", "\"'"])
def test_a_text_in_source_is_that_text(name):
    call = Call("keras.layers.Dense", {"units": 1, "name": name})
    (argument,) = [k.value for k in ast.parse(call.text).body[0].value.keywords if k.arg == "name"]
    assert ast.literal_eval(argument) == name


# Graphs: nodes put into one that is plain, which a node of it has to wait for.


def constant(nodes, name, value):
    node = nodes.add(name=name, op="Const")
    node.attr["value"].tensor.CopyFrom(tf.make_tensor_proto(value))
    node.attr["dtype"].type = node.attr["value"].tensor.dtype


def saving(graph_def, path):
    """evil: writes a checkpoint."""
    nodes = graph_def.node
    constant(nodes, "path", path)
    constant(nodes, "names", ["x"])
    constant(nodes, "slices", [""])
    constant(nodes, "x", 1.0)
    node = nodes.add(name="evil", op="SaveV2", input=["path", "names", "slices", "x"])
    node.attr["dtypes"].list.type.append(tf1.float32.as_datatype_enum)


def writing(graph_def, path):
    """evil: writes a file."""
    constant(graph_def.node, "path", path)
    graph_def.node.add(name="evil", op="WriteFile", input=["path", "path"])


def aborting(graph_def, path):
    """evil: ends the process with exit code 0."""
    graph_def.node.add(name="evil", op="Abort").attr["exit_without_error"].b = True


def reading(graph_def, path):
    """evil: reads a file within a function of a function."""
    constant(graph_def.node, "path", path)
    for name, op, inner in (("outer", "PartitionedCall", "inner"), ("inner", "ReadFile", None)):
        function = graph_def.library.function.add()
        function.signature.name = name
        function.signature.input_arg.add(name="p", type=tf1.string.as_datatype_enum)
        function.signature.output_arg.add(name="o", type=tf1.string.as_datatype_enum)
        node = function.node_def.add(name="n", op=op, input=["p"])
        if inner:
            called(node, inner)
        function.ret["o"] = "n:output:0" if inner else "n:contents:0"
    called(graph_def.node.add(name="evil", op="PartitionedCall", input=["path"]), "outer")


def called(node, name):
    node.attr["f"].func.name = name
    for key in ("Tin", "Tout"):
        node.attr[key].list.type.append(tf1.string.as_datatype_enum)


HARMFUL = {saving: "SaveV2 evil", writing: "WriteFile evil", aborting: "Abort evil"}
HARMFUL |= {reading: "ReadFile n"}


def behind(harm, path, name):
    """A change that makes a node wait for a harmful one."""

    def change(graph_def):
        harm(graph_def, path)
        next(node for node in graph_def.node if node.name == name).input.append("^evil")

    return change


@pytest.mark.parametrize("harm", HARMFUL)
def test_what_a_model_waits_for_is_refused_by_name(plain, tmp_path, capsys, harm):
    (tmp_path / "file").write_text("mine")
    prefix = changed(plain, tmp_path, behind(harm, str(tmp_path / "file"), LOGITS))
    command = ["convert", prefix, "--to", str(tmp_path / "made.keras")]
    words = f"the graph runs Python or touches files ({HARMFUL[harm]}): pass --trust"
    refused(capsys, command, words=words)
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.suffix for path in tmp_path.glob("file*")) == [""]


@pytest.mark.parametrize("harm", [saving, writing, aborting])
def test_what_a_training_waits_for_is_not_run(plain, model, tmp_path, capsys, harm):
    (tmp_path / "file").write_text("mine")
    loss = find_loss(Graph(load_graph(plain + ".meta"), backward=True)).partition(":")[0]
    prefix = changed(plain, tmp_path, behind(harm, str(tmp_path / "file"), loss))
    capsys.readouterr()
    main(["verify", prefix, model])
    assert f"touches files ({HARMFUL[harm]}): pass --trust" in capsys.readouterr().out
    assert (tmp_path / "file").read_text() == "mine"
    assert sorted(path.suffix for path in tmp_path.glob("file*")) == [""]


@pytest.mark.parametrize("harm", HARMFUL)
def test_what_nothing_waits_for_is_not_refused(plain, tmp_path, harm):
    (tmp_path / "file").write_text("mine")
    prefix = changed(plain, tmp_path, lambda graph_def: harm(graph_def, str(tmp_path / "file")))
    assert main(["convert", prefix, "--to", str(tmp_path / "made.keras")]) == 0
    assert (tmp_path / "file").read_text() == "mine"


def test_functions_that_nothing_calls_are_left_out(plain):
    graph_def = load_graph(plain + ".meta")
    reading(graph_def, "path")
    nodes = {node.name: node for node in graph_def.node}
    others = [node for name, node in nodes.items() if name != "evil"]
    assert functions_of(others, graph_def.library) == []
    found = functions_of([nodes["evil"]], graph_def.library)
    assert sorted(one.signature.name for one in found) == ["inner", "outer"]


def test_a_function_that_calls_itself_is_refused(plain):
    graph_def = load_graph(plain + ".meta")
    reading(graph_def, "path")
    inner = next(one for one in graph_def.library.function if one.signature.name == "inner")
    inner.node_def[0].op = "PartitionedCall"
    called(inner.node_def[0], "outer")
    with pytest.raises(UserError, match="function inner calls itself"):
        WholeGraph(Graph(graph_def, backward=True), upcast=False, targets=["evil"])


def test_names_in_a_refusal_stay_on_one_line(plain):
    graph_def = load_graph(plain + ".meta")
    aborting(graph_def, "")
    graph_def.node[-1].name = "evil\n\x1b[2J"
    with pytest.raises(UserError, match=r"\(Abort evil\\n\\x1b\[2J\): pass --trust"):
        WholeGraph(Graph(graph_def, backward=True), upcast=False, targets=["evil\n\x1b[2J"])


def test_ops_that_compute_are_let_through():
    names = [
        "MatMul",
        "VariableV2",
        "TensorArrayReadV3",
        "RandomUniform",
        "ApplyAdam",
        "While",
        "Print",
    ]
    assert all(map(is_harmless, names))
    names = ["PyFunc", "PyFuncStateless", "EagerPyFunc", "PrintV2", "ReadFile", "MatchingFiles"]
    names += ["MergeV2Checkpoints", "DumpTensor", "TFRecordDataset", "RemoteCall", "_Send"]
    assert not any(map(is_harmless, names))
    assert waits("QueueDequeueManyV2")
    assert not waits("AccumulateNV2")


def queued():
    """A graph whose tensor "made" waits for an empty queue: GraphDef."""
    with tf1.Graph().as_default() as graph:
        queue = tf1.FIFOQueue(1, [tf1.float32], [[2]], name="queue")
        tf1.identity(queue.dequeue(name="taken") * 2.0, name="made")
        with tf1.control_dependencies([queue.close(name="closed")]):
            tf1.constant(1.0, name="waits")
    return graph.as_graph_def(add_shapes=True)


def test_what_a_queue_gives_is_fed():
    whole = WholeGraph(Graph(queued(), backward=True), upcast=False)
    made = whole.tensor("made")
    fed = whole.tensor("taken")
    assert whole.run(made, {fed: [1.0, 2.0]}).tolist() == [2.0, 4.0]
    with pytest.raises(UserError, match="has to be fed in_place_of/taken"):
        whole.run(made)
    with pytest.raises(UserError, match=r"waits for a queue \(FIFOQueueV2 queue, QueueClose"):
        whole.tensor("waits")


def test_the_shape_of_what_a_queue_gives_is_as_the_graph_says():
    assert Graph(queued()).shape("made:0") == [2]


def test_a_run_has_a_limit_of_time(monkeypatch):
    monkeypatch.setattr(limits, "SECONDS", 0.2)
    whole = WholeGraph(Graph(queued(), backward=True, trust=True), upcast=False)
    with pytest.raises(UserError, match=r"did not finish within 0\.2 s"):
        whole.run(whole.tensor("made"))


def test_parts_that_are_asked_for_one_after_the_other_are_one_graph(plain):
    graph_def = load_graph(plain + ".meta")
    nodes = {node.name for node in graph_def.node if not node.name.startswith("save")}
    whole = WholeGraph(Graph(graph_def, backward=True), upcast=True)
    for name in sorted(nodes, key=lambda name: name[::-1]):
        whole.operation(name)
    assert nodes <= whole.operations.keys()


def test_why_a_graph_fails_is_said(plain, tmp_path):
    def failing(graph_def):
        node = next(node for node in graph_def.node if node.name == LOGITS)
        dtype = node.attr["T"]
        for name, op, taken in (("below", "Square", node.input[0]), ("zero", "Neg", "below")):
            graph_def.node.add(name=name, op=op, input=[taken]).attr["T"].CopyFrom(dtype)
        graph_def.node.add(name="log", op="Log", input=["zero"]).attr["T"].CopyFrom(dtype)
        made = graph_def.node.add(name="checked", op="CheckNumerics", input=["log"])
        made.attr["T"].CopyFrom(dtype)
        made.attr["message"].s = b"of no use"
        node.input[0] = "checked"

    whole = changed(plain, tmp_path, failing)
    conversion = read(plain)
    graph = Graph(load_graph(whole + ".meta"))
    variables = {name: conversion.checkpoint.read(name) for name in conversion.network.variables}
    run = GraphRun(graph, conversion.network, variables)
    zeros = np.zeros((2, graphs.U), "float32")
    with pytest.raises(UserError, match="does not run here: of no use"):
        run(np.ones((2, graphs.T, graphs.F), "float32"), [(zeros, zeros)])


# Sizes and circles.


def chain(length):
    """A GraphDef of one Identity after the other, from a placeholder "n0" on."""
    graph_def = tf1.GraphDef()
    graph_def.node.add(name="n0", op="Placeholder")
    for i in range(length):
        graph_def.node.add(name=f"n{i + 1}", op="Identity", input=[f"n{i}"])
    return graph_def


class Counted(Graph):
    """A Graph that counts how often it is asked what a node takes, or what makes a tensor."""

    asked = 0

    def inputs(self, node):
        self.asked += 1
        return super().inputs(node)

    def node(self, tensor):
        self.asked += 1
        return super().node(tensor)


@pytest.mark.slow
def test_each_node_of_a_long_graph_is_looked_at_a_few_times():
    length = 100_000
    graph = Counted(chain(length))
    assert len(graph.behind(f"n{length}:0", through={"Identity"})) == length + 1
    assert len(graph.ahead(["n0:0"], through={"Identity"}, ops={"Identity"})) == length
    assert {graph.origin(f"n{i}:0") for i in range(length + 1)} == {"n0:0"}
    assert graph.asked < 30 * length


def test_nodes_in_a_circle_are_refused(plain, tmp_path, capsys):
    def circular(graph_def):
        nodes = {node.name: node for node in graph_def.node}
        nodes["logits/MatMul"].input[0] = LOGITS

    prefix = changed(plain, tmp_path, circular)
    command = ["convert", prefix, "--to", str(tmp_path / "made.keras")]
    refused(capsys, command, words="the graph goes in a circle at logits/")


def test_a_circle_of_control_inputs_is_one_too():
    graph_def = chain(3)
    graph_def.node[1].input.append("^n2")
    with pytest.raises(UserError, match=r"in a circle at n[12]: export it again"):
        check_acyclic({node.name: node for node in graph_def.node})


# Models and maps.


@pytest.mark.parametrize(
    ("layer", "options", "words"),
    [
        ("TFSMLayer", 'options = {filepath = "saved"}', "TFSMLayer runs code or reads files"),
        ("Lambda", 'options = {function = "f"}', "Lambda runs code or reads files"),
        ("TextVectorization", 'options = {vocabulary = "f"}', "runs code or reads files"),
        (
            "Dense",
            'options = {units = 2, activation = {class_name = "TFSMLayer", config = {}}}',
            "the options of Dense describe a TFSMLayer, which may run code",
        ),
    ],
)
def test_a_map_runs_no_code(plain, tmp_path, capsys, layer, options, words):
    (tmp_path / "map.toml").write_text(MAP.format(layer, options))
    flags = ["--to", str(tmp_path / "made.keras"), "--map", str(tmp_path / "map.toml")]
    refused(capsys, ["convert", plain, *flags], words=words)
    refused(capsys, ["convert", plain, *flags, "--trust"], words="is not needed")


def with_lambda(path):
    inputs = keras.Input([3])
    keras.Model(inputs, keras.layers.Lambda(lambda x: x)(inputs)).save(path)


def with_tfsm(path):
    inputs = keras.Input([3])
    keras.Model(inputs, keras.layers.Dense(3)(inputs)).save(path.with_name("plain.keras"))
    with zipfile.ZipFile(path.with_name("plain.keras")) as old, zipfile.ZipFile(path, "w") as new:
        for name in old.namelist():
            new.writestr(name, old.read(name).replace(b'"Dense"', b'"TFSMLayer"'))


@pytest.mark.parametrize(("make", "name"), [(with_lambda, "Lambda"), (with_tfsm, "TFSMLayer")])
def test_a_model_runs_no_code(plain, tmp_path, capsys, make, name):
    make(tmp_path / "evil.keras")
    command = ["verify", plain, str(tmp_path / "evil.keras")]
    words = f"has layers that run code or read files ({name}): pass --trust if you know"
    refused(capsys, command, words=words)


def test_a_model_that_is_trusted_is_loaded(plain, tmp_path, capsys):
    with_lambda(tmp_path / "evil.keras")
    command = ["verify", plain, str(tmp_path / "evil.keras"), "--trust"]
    refused(capsys, command, words="is not of this checkpoint")


def test_a_model_on_its_way_back_runs_no_code(tmp_path, capsys):
    with_lambda(tmp_path / "evil.keras")
    (tmp_path / "evil.json").write_text('{"variables": [], "layers": []}')
    command = ["convert", str(tmp_path / "evil.keras"), "--reverse", "--to", str(tmp_path / "back")]
    refused(capsys, command, words="has layers that run code or read files (Lambda)")


# What a file says that it is, rather than what it holds.


def test_a_constant_larger_than_any_file_is_refused():
    graph_def = tf1.GraphDef()
    node = graph_def.node.add(name="huge", op="Const")
    node.attr["dtype"].type = tf1.float32.as_datatype_enum
    node.attr["value"].tensor.dtype = tf1.float32.as_datatype_enum
    node.attr["value"].tensor.float_val.append(1.0)
    for _ in range(2):
        node.attr["value"].tensor.tensor_shape.dim.add(size=131_072)
    with pytest.raises(UserError, match=r"constant huge of the graph is of 1\.7e"):
        Graph(graph_def).constant("huge:0")
    with pytest.raises(UserError, match="constant huge"):
        trust.check(graph_def.node, [])


def test_functions_that_call_each_other_too_often_are_refused():
    library = tf1.GraphDef().library
    for i in range(40):
        function = library.function.add()
        function.signature.name = f"f{i}"
        for copy in range(2):
            function.node_def.add(name=f"call{copy}", op=f"f{i + 1}")
    with pytest.raises(UserError, match=r"function f0 makes 2\.2e\+12 calls"):
        trust.check([], library.function)


def test_a_symbolic_gradient_is_refused():
    node = tf1.NodeDef(name="g", op="SymbolicGradient")
    with pytest.raises(UserError, match="SymbolicGradient g"):
        trust.check([node], [])


def test_what_a_third_party_wrote_is_printed_without_its_escapes(tmp_path, capsys):
    hostile = "rnn/basic_lstm_cell/kernel\x1b[2Jowned\n\nPASS: fake"
    prefix = str(tmp_path / "model.ckpt")
    tf1.raw_ops.SaveV2(
        prefix=prefix,
        tensor_names=[hostile],
        shape_and_slices=[""],
        tensors=[tf1.constant(np.ones((2, 2), "float32"))],
    )
    main(["inspect", prefix])
    main(["convert", prefix, "--to", str(tmp_path / "model.keras")])
    captured = capsys.readouterr()
    text = captured.out + captured.err
    assert "\x1b" not in text
    assert "\nPASS: fake" not in text
    assert "owned" in text
    assert sessions.reason(ValueError("a\x1b[2Jb")) == r"a\x1b[2Jb"


def test_a_path_to_a_class_names_the_same_class():
    assert trusted_layers.runs_code("layers.TFSMLayer")
    assert not trusted_layers.runs_code("layers.Dense")


def test_a_model_goes_by_its_name(tmp_path):
    path = tmp_path / "model.h5"
    path.write_bytes(b"PK")
    with pytest.raises(UserError, match=r"not a \.keras file by its name"):
        open_model(str(path))


# Ops that this TensorFlow does not have.


def beside(graph_def):
    graph_def.node.add(name="own", op="MyOwnOp", input=["x"])
    graph_def.node.add(name="library", op="LoadLibrary")


def in_an_uncalled_function(graph_def):
    graph_def.library.function.add().node_def.add(name="own", op="MyOwnOp")
    graph_def.library.function[-1].signature.name = "uncalled"


def waited_for(graph_def):
    graph_def.node.add(name="own", op="MyOwnOp")
    next(node for node in graph_def.node if node.name == LOGITS).input.append("^own")


@pytest.mark.slow
@pytest.mark.parametrize("change", [beside, in_an_uncalled_function])
def test_an_op_that_nothing_needs_may_be_unknown_here(plain, model, tmp_path, capsys, change):
    prefix = changed(plain, tmp_path, change)
    assert main(["inspect", prefix]) == 0
    assert main(["convert", prefix, "--to", str(tmp_path / "model.keras")]) == 0
    assert main(["verify", prefix, model]) == 0


def test_an_unknown_op_is_named_in_one_line(plain, model, tmp_path, capsys):
    prefix = changed(plain, tmp_path, waited_for)
    assert main(["convert", prefix, "--to", str(tmp_path / "model.keras")]) == 0
    capsys.readouterr()
    assert main(["verify", prefix, model]) == 3
    verdict = capsys.readouterr().out.splitlines()[-1]
    assert "this TensorFlow has no op MyOwnOp (own): it was of tf.contrib or" in verdict
