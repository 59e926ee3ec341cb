"""A Saver that stores variables under other names than their own: read as it restores them."""

import json
from typing import NamedTuple

import keras
import numpy as np
import pytest
from google.protobuf import text_format

import legacy_tf1  # noqa: F401  (TF1's cells come from tf_keras)

# isort: split
import tensorflow.compat.v1 as tf1

from tf1port.__main__ import main
from tf1port.comparison.sides.program import Program
from tf1port.conversion import cases as verify_cases
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.graph import savers

TINY = tolerance("cell outputs", "float32").bound
STEPS, FEATURES = 5, 3
AVERAGE = "/ExponentialMovingAverage"


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    """A single batch is enough to see a wrong model."""
    monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
    monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])


def averaged(variables):
    return {variable.op.name + AVERAGE: variable for variable in variables}


def renamed(variables):
    return {f"old/{number}": variable for number, variable in enumerate(variables)}


def exchanged(variables):
    """Each has the name of another one of its shape."""
    by_name = {variable.op.name: variable for variable in variables}
    for role in ("kernel", "bias"):
        one, other = f"first/{role}", f"second/{role}"
        by_name[one], by_name[other] = by_name[other], by_name[one]
    return by_name


class Saved(NamedTuple):
    """A checkpoint, what the program computes of `inputs`, and its Saver's mapping."""

    prefix: str
    inputs: np.ndarray
    logits: np.ndarray
    names: dict


def program(*, gated=False, resource=False):
    """Logits of the last output; gated: not a stack of layers, so translated op by op."""
    tf1.set_random_seed(7)
    inputs = tf1.placeholder(tf1.float32, [None, STEPS, FEATURES], name="inputs")
    with tf1.variable_scope(tf1.get_variable_scope(), use_resource=resource):
        cell = tf1.nn.rnn_cell.BasicLSTMCell(4)
        outputs, _ = tf1.nn.dynamic_rnn(cell, inputs, dtype=tf1.float32)
        hidden = tf1.layers.dense(outputs[:, -1], 4, tf1.nn.relu, name="first", **drawn())
        further = tf1.layers.dense(hidden, 4, name="second", **drawn())
        hidden = hidden * further if gated else further
        logits = tf1.layers.dense(hidden, 2, name="logits", **drawn())
    return inputs, tf1.identity(logits, name="outputs")


def drawn():
    """A bias of zeros would be the same under any name."""
    return {"bias_initializer": tf1.random_normal_initializer()}


def slots(variables):
    """Those of Adam, as zeros, and its powers after one step."""
    named = {f"{name}/{slot}": v for name, v in variables.items() for slot in ("Adam", "Adam_1")}
    result = {name: tf1.Variable(tf1.zeros(v.shape)) for name, v in named.items()}
    return {**result, "beta1_power": tf1.Variable(0.9), "beta2_power": tf1.Variable(0.999)}


def save(folder, mapping, **options):
    """A checkpoint with all values under all names, and the graph of the Saver that has `mapping`.

    As where a program that is trained saves its weights and their averages, and the one that
    predicts restores the averages.
    """
    prefix = str(folder / "model.ckpt")
    stream = np.random.RandomState(3)
    with tf1.Graph().as_default(), tf1.Session() as session:
        inputs, logits = program(**options)
        variables = tf1.global_variables()
        names = mapping(variables)
        own = {variable.op.name: variable for variable in variables}
        further = {
            name: tf1.Variable(stream.normal(0, 0.5, variable.shape).astype("float32"))
            for name, variable in names.items()
            if name not in own
        }
        everything = {**own, **further, **slots(own)} if mapping is averaged else {**names}
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver(everything).save(session, prefix, write_meta_graph=False)
    with tf1.Graph().as_default(), tf1.Session() as session:
        inputs, logits = program(**options)
        names = mapping(tf1.global_variables())
        saver = tf1.train.Saver(names)
        saver.restore(session, prefix)
        saver.export_meta_graph(prefix + ".meta")
        batch = stream.normal(size=[4, STEPS, FEATURES]).astype("float32")
        computed = session.run(logits, {inputs: batch})
        return Saved(prefix, batch, computed, {n: v.op.name for n, v in names.items()})


MAPPINGS = [averaged, renamed, exchanged]
FORMS = {
    "stack": {},
    "stack, resources": {"resource": True},
    "translated": {"gated": True},
}


@pytest.fixture(params=MAPPINGS, ids=lambda mapping: mapping.__name__)
def mapping(request):
    return request.param


@pytest.mark.parametrize("form", FORMS)
def test_the_model_has_what_the_saver_restores(tmp_path, capsys, mapping, form):
    saved = save(tmp_path, mapping, **FORMS[form])
    target = str(tmp_path / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    said = capsys.readouterr()
    assert ", as the graph's Saver does" in said.out + said.err
    assert ("the optimizer is left out: " in said.out + said.err) is (mapping is averaged)
    model = keras.models.load_model(target)
    assert np.abs(np.array(model(saved.inputs)) - saved.logits).max() <= TINY
    assert getattr(model, "optimizer", None) is None
    assert main(["verify", saved.prefix, target]) == 0


def test_by_their_own_names_the_values_would_be_others(tmp_path, monkeypatch, mapping):
    """What the tests here would see if the Saver's names were not read."""
    saved = save(tmp_path, mapping)
    target = str(tmp_path / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    monkeypatch.setattr(savers, "saved_as", lambda meta_graph: {})
    other = str(tmp_path / "other.keras")
    if mapping is renamed:  # there are none
        assert main(["convert", saved.prefix, "--to", other]) == 2
        return
    assert main(["convert", saved.prefix, "--to", other]) == 0
    outputs = np.array(keras.models.load_model(other)(saved.inputs))
    assert np.abs(outputs - saved.logits).max() > 1000 * TINY
    assert main(["verify", saved.prefix, target]) == 1


def test_a_model_goes_back_to_where_the_saver_finds_it(tmp_path, mapping):
    """With all else as it was: raw weights beside averages, too."""
    saved = save(tmp_path, mapping)
    target, back = str(tmp_path / "model.keras"), str(tmp_path / "back.ckpt")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    words = ["convert", target, "--reverse", "--to", back, "--rest", saved.prefix]
    assert main(words) == 0
    former, restored = (tf1.train.load_checkpoint(path) for path in (saved.prefix, back))
    shapes = former.get_variable_to_shape_map()
    assert restored.get_variable_to_shape_map() == shapes
    for name in shapes:  # a forget bias comes back one rounding off
        expected = former.get_tensor(name)
        np.testing.assert_allclose(restored.get_tensor(name), expected, atol=TINY, err_msg=name)
    with tf1.Graph().as_default(), tf1.Session() as session:
        tf1.train.import_meta_graph(saved.prefix + ".meta").restore(session, back)
        logits = session.run("outputs:0", {"inputs:0": saved.inputs})
    assert np.abs(logits - saved.logits).max() <= TINY


def test_a_port_is_compared_with_what_the_saver_restores(tmp_path, mapping):
    saved = save(tmp_path, mapping)
    read = Program(saved.prefix).checkpoint.read
    stored = tf1.train.load_checkpoint(saved.prefix)
    for name, variable in saved.names.items():
        np.testing.assert_array_equal(read(variable), stored.get_tensor(name), err_msg=name)


def test_the_map_says_where_a_variable_is_stored(tmp_path):
    saved = save(tmp_path, renamed)
    target = tmp_path / "model.keras"
    assert main(["convert", saved.prefix, "--to", str(target)]) == 0
    parts = json.loads(target.with_suffix(".json").read_text())["parts"]
    assert {name: list(stored) for name, stored in parts.items()} == {
        variable: [name] for name, variable in saved.names.items()
    }


@pytest.mark.parametrize(
    "node",
    [
        'name: "restore" op: "NoOp" input: "^restore" input: "^missing"',
        'name: "restore" op: "Assign" input: "w"',
        'name: "restore" op: "Assign" input: "w" input: "missing:1"',
        'name: "restore" op: "Assign" input: "w" input: "restore"',
    ],
)
def test_a_saver_of_another_form_has_no_names(node):
    meta_graph = tf1.MetaGraphDef()
    text_format.Parse(f"node {{ {node} }}", meta_graph.graph_def)
    meta_graph.saver_def.restore_op_name = "restore"
    assert savers.saved_as(meta_graph) == {}


SLICED = """
node { name: "names" op: "Const" attr { key: "value" value { tensor { string_val: "other" } } } }
node { name: "slices" op: "Const" attr { key: "value" value { tensor { string_val: "%s" } } } }
node { name: "read" op: "RestoreV2" input: "file" input: "names" input: "slices" }
node { name: "restore" op: "Assign" input: "w" input: "read%s" }
"""


@pytest.mark.parametrize(
    ("slices", "number", "expected"),
    [("", "", {"w": "other"}), ("4 0,2", "", {}), ("", ":1", {}), ("", ":x", {})],
)
def test_parts_and_damaged_savers_have_no_names(slices, number, expected):
    meta_graph = tf1.MetaGraphDef()
    text_format.Parse(SLICED % (slices, number), meta_graph.graph_def)
    meta_graph.saver_def.restore_op_name = "restore"
    assert savers.saved_as(meta_graph) == expected
