"""What a graph is fed, and its outputs, losses and train operations, as inspect lists them."""

import json
from pathlib import Path

import pytest

from tests.tf1port import graphs, ported
from tests.tf1port.graphs import Case, tf1
from tf1port.__main__ import main
from tf1port.conversion.interface import Interface, Placeholder, find_interface
from tf1port.tf1.graph.index import Graph


def interface(make, *, producer=None):
    """The Interface of the graph that a function builds."""
    with graphs.first_control_flow(), tf1.Graph().as_default() as graph:
        make()
    graph_def = graph.as_graph_def()
    if producer is not None:
        graph_def.versions.producer = producer
    graph = Graph(graph_def)
    return find_interface(graph, graph.whole)


def of_program(**options):
    return interface(lambda: ported.build(ported.Program(**options)))


def test_each_name_of_a_program_is_found():
    found = of_program(lengths=True, keep="fed", rate=lambda: "fed", clip=1.0)
    assert found == Interface(
        (
            Placeholder("x", "float32", (None, 4, 3), False, "outputs"),
            Placeholder("y", "int64", (None,), False, "loss"),
            Placeholder("n", "int32", (None,), False, "outputs"),
            Placeholder("keep", "float32", (), False, "outputs"),
            Placeholder("rate", "float32", (), False, "training"),
        ),
        ("scores/BiasAdd",),
        ("Mean",),
        ("Adam",),
    )


def test_a_flag_that_has_a_default_leads_to_the_outputs():
    (flag,) = (one for one in of_program(keep=0.9).placeholders if one.name == "training")
    assert flag == Placeholder("training", "bool", (), True, "outputs")


@pytest.mark.parametrize("cell", ["BasicRNNCell", "BasicLSTMCell", "GRUCell"])
@pytest.mark.parametrize("head", ["last", "steps", "state"])
def test_outputs_are_what_the_loss_takes_before_it_was_reshaped(cell, head):
    found = interface(lambda: graphs.build(Case(cell, head=head)))
    assert found.outputs == ("logits/BiasAdd",)
    assert found.train_ops == ("Adam",)
    assert len(found.losses) == 1


@pytest.mark.parametrize("optimizer", ["SGD", "Adagrad", "RMSProp"])
def test_the_train_op_of_a_table_trained_by_rows(optimizer):
    case = Case(embedding=True, optimizer=optimizer)
    (train,) = interface(lambda: graphs.build(case)).train_ops
    names = {"SGD": "GradientDescent", "Adagrad": "Adagrad", "RMSProp": "RMSProp"}
    assert train == names[optimizer]


def test_a_graph_that_only_predicts_has_its_ends():
    def make():
        x = tf1.placeholder("float32", [None, 3], name="x")
        logits = tf1.layers.dense(x, 2, name="scores")
        tf1.summary.histogram("spread", tf1.nn.softmax(logits, name="probabilities"))
        tf1.argmax(logits, 1, name="classes")

    found = interface(make)
    assert set(found.outputs) == {"probabilities", "classes"}
    assert (found.losses, found.train_ops) == ((), ())


def test_two_optimizers_are_two_losses_and_two_train_ops():
    def make():
        x = tf1.placeholder("float32", [None, 3], name="x")
        for name in ("one", "two"):
            made = tf1.layers.dense(x, 2, name=name)
            loss = tf1.reduce_mean(tf1.square(made - 1), name=f"{name}_loss")
            own = [v for v in tf1.trainable_variables() if v.op.name.startswith(name)]
            tf1.train.AdamOptimizer().minimize(loss, var_list=own, name=f"{name}_train")

    found = interface(make)
    assert found.losses == ("one_loss", "two_loss")
    assert found.train_ops == ("one_train", "two_train")


def test_what_a_dataset_gives_is_fed():
    def make():
        data = tf1.data.Dataset.from_tensors(([[1.0, 2.0, 3.0]], [0]))
        x, y = tf1.data.make_one_shot_iterator(data).get_next()
        logits = tf1.layers.dense(x, 2)
        tf1.losses.sparse_softmax_cross_entropy(y, logits)

    names = [(one.name, one.leads_to) for one in interface(make).placeholders]
    assert names[0] == ("IteratorGetNext", "outputs")
    assert names[1][0] == "IteratorGetNext:1"


@pytest.mark.parametrize(("producer", "shape"), [(23, None), (24, ())])
def test_up_to_version_23_a_placeholder_without_sizes_has_any_shape(producer, shape):
    def make():
        tf1.layers.dense(tf1.placeholder("float32", [], name="x")[None, None], 2)

    (found,) = interface(make, producer=producer).placeholders
    assert found.shape == shape


@pytest.fixture(scope="module")
def prefix(tmp_path_factory):
    folder = tmp_path_factory.mktemp("interface")
    return ported.save(folder, ported.Program(lengths=True), steps=0)


def test_inspect_lists_them(prefix, capsys):
    assert main(["inspect", prefix]) == 0
    text = capsys.readouterr().out
    assert "\nplaceholders\n" in text
    assert "\n  x            [?, 4, 3]  float32  outputs\n" in text
    assert "\n  y            [?]        int64    loss\n" in text
    ends = text.split("\noutputs, losses and train operations\n")[1].split("\n\n")[0]
    assert [line.split() for line in ends.splitlines()] == [
        ["kind", "name"],
        ["output", "scores/BiasAdd"],
        ["loss", "Mean"],
        ["train", "Adam"],
    ]


def test_json_has_them(prefix, capsys):
    assert main(["inspect", prefix, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["placeholders"][0] == {
        "name": "x", "dtype": "float32", "shape": [None, 4, 3], "default": False,
        "leads_to": "outputs",
    }  # fmt: skip
    assert (found["outputs"], found["losses"]) == (["scores/BiasAdd"], ["Mean"])
    assert found["graph_fault"] is None


def test_a_damaged_graph_leaves_the_rest(prefix, tmp_path, capsys):
    for path in Path(prefix).parent.glob("model.ckpt-0.*"):
        (tmp_path / path.name).write_bytes(path.read_bytes())
    (tmp_path / "model.ckpt-0.meta").write_bytes(b"\xff no graph")
    assert main(["inspect", str(tmp_path / "model.ckpt-0")]) == 0
    text = capsys.readouterr().out
    assert "which cannot be read: " in text
    assert "\nplaceholders\n" not in text
    assert "LSTM(5)" in text
