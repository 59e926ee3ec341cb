"""A Saver that stores variables under other names than their own: read as it restores them."""

import json
from contextlib import nullcontext
from typing import NamedTuple

import keras
import numpy as np
import pytest

import legacy_tf1  # noqa: F401  (TF1's cells come from tf_keras)

# isort: split
import tensorflow.compat.v1 as tf1

from tests.tf1port.graphs import first_control_flow
from tf1port.__main__ import main
from tf1port.comparison.sides.program import Program
from tf1port.conversion import cases as verify_cases
from tf1port.errors import UserError
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


def averaged_wholes(variables):
    """Averages of partitioned variables, each part a slice of the whole's."""
    return {whole + AVERAGE: parts for whole, parts in wholes(variables).items()}


def wholes(variables):
    parts = {}
    for variable in variables:
        parts.setdefault(variable._get_save_slice_info().full_name, []).append(variable)
    return parts


def averaged_crosswise(variables):
    """Each part has the average of the other one."""
    names = [variable.op.name for variable in variables]
    other = {f"/part_{number}": f"/part_{1 - number}" for number in (0, 1)}
    names = [name[:-7] + other[name[-7:]] + AVERAGE for name in names]
    return dict(zip(names, variables, strict=True))


class Saved(NamedTuple):
    """A checkpoint, what the program computes of `inputs`, and its Saver's mapping."""

    prefix: str
    inputs: np.ndarray
    logits: np.ndarray
    names: dict


def program(*, gated=False, resource=False, parts=0):
    """Logits of the last output; gated: not a stack of layers, so translated op by op."""
    tf1.set_random_seed(7)
    inputs = tf1.placeholder(tf1.float32, [None, STEPS, FEATURES], name="inputs")
    shared = {"use_resource": resource}
    if parts:  # all of which one initializer without a seed would make alike
        shared["partitioner"] = tf1.fixed_size_partitioner(parts)
        shared["initializer"] = tf1.glorot_uniform_initializer(seed=1)
    with tf1.variable_scope(tf1.get_variable_scope(), **shared):
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


def whole_shape(variable):
    """That of a variable, or of all parts in a list."""
    if isinstance(variable, list):
        return variable[0]._get_save_slice_info().full_shape
    return variable.shape.as_list()


def save(folder, mapping, *, saver=None, flat=False, **options):
    """A checkpoint with all values under all names, and the graph of the Saver that has `mapping`.

    As where a program that is trained saves its weights and their averages, and the one that
    predicts restores the averages. flat: those are of rank 1; saver: options of the Saver.
    """
    prefix = str(folder / "model.ckpt")
    control_flow = first_control_flow if "parts" in options else nullcontext  # as parts are read
    stream = np.random.RandomState(3)
    with control_flow(), tf1.Graph().as_default(), tf1.Session() as session:
        inputs, logits = program(**options)
        variables = tf1.global_variables()
        names = mapping(variables)
        own = {variable.op.name: variable for variable in variables}
        own = wholes(variables) if mapping is averaged_wholes else own
        values = {
            name: stream.normal(0, 0.5, whole_shape(variable)).astype("float32")
            for name, variable in names.items()
            if name not in own
        }
        further = {n: tf1.Variable(v.ravel() if flat else v) for n, v in values.items()}
        everything = {**names} if mapping in (renamed, exchanged) else {**own, **further}
        everything |= slots(own) if mapping is averaged else {}
        session.run(tf1.global_variables_initializer())
        tf1.train.Saver(everything).save(session, prefix, write_meta_graph=False)
    with control_flow(), tf1.Graph().as_default(), tf1.Session() as session:
        inputs, logits = program(**options)
        names = mapping(tf1.global_variables())
        saver = tf1.train.Saver(names, **saver or {})
        saver.restore(session, prefix)
        saver.export_meta_graph(prefix + ".meta")
        batch = stream.normal(size=[4, STEPS, FEATURES]).astype("float32")
        computed = session.run(logits, {inputs: batch})
        names = {n: v.op.name for n, v in names.items() if not isinstance(v, list)}
        return Saved(prefix, batch, computed, names)


MAPPINGS = [averaged, renamed, exchanged]
FORMS = {
    "stack": {},
    "stack, resources": {"resource": True},
    "translated": {"gated": True},
}


@pytest.fixture(params=MAPPINGS, ids=lambda mapping: mapping.__name__)
def mapping(request):
    return request.param


@pytest.mark.sampled(3)
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
    monkeypatch.setattr(savers, "saved_as", lambda meta_graph, shapes: {})
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


SAVERS = {
    "reshaped": (averaged, {"saver": {"reshape": True}}),
    "in sequence": (averaged, {"saver": {"restore_sequentially": True}}),
    "sharded": (averaged, {"saver": {"sharded": True}}),
    "parts": (averaged, {"parts": 2}),
    "parts, reshaped": (averaged, {"parts": 2, "saver": {"reshape": True}}),
    "parts of wholes": (averaged_wholes, {"parts": 2}),
    "parts of wholes, reshaped": (averaged_wholes, {"parts": 2, "saver": {"reshape": True}}),
}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("resource", [False, True], ids=["references", "resources"])
@pytest.mark.parametrize("form", SAVERS)
def test_savers_of_all_forms_are_read(tmp_path, form, resource):
    mapping, options = SAVERS[form]
    saved = save(tmp_path, mapping, resource=resource, **options)
    target = str(tmp_path / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    outputs = np.array(keras.models.load_model(target)(saved.inputs))
    assert np.abs(outputs - saved.logits).max() <= TINY
    assert main(["verify", saved.prefix, target]) == 0


@pytest.mark.parametrize("mapping", [averaged, averaged_wholes])
def test_a_model_goes_back_into_parts(tmp_path, mapping):
    saved = save(tmp_path, mapping, parts=2)
    target, back = str(tmp_path / "model.keras"), str(tmp_path / "back.ckpt")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    words = ["convert", target, "--reverse", "--to", back, "--rest", saved.prefix]
    assert main(words) == 0
    with tf1.Graph().as_default(), tf1.Session() as session:
        tf1.train.import_meta_graph(saved.prefix + ".meta").restore(session, back)
        logits = session.run("outputs:0", {"inputs:0": saved.inputs})
    assert np.abs(logits - saved.logits).max() <= TINY


NOT_READ = {
    "other shapes": (averaged, {"flat": True, "saver": {"reshape": True}}, "which is of shape"),
    "parts crosswise": (averaged_crosswise, {"parts": 2}, "not the same parts of one variable"),
}


@pytest.mark.parametrize("resource", [False, True], ids=["references", "resources"])
@pytest.mark.parametrize("form", NOT_READ)
def test_what_is_not_read_is_refused(tmp_path, capsys, form, resource):
    mapping, options, reason = NOT_READ[form]
    saved = save(tmp_path, mapping, resource=resource, **options)
    assert main(["convert", saved.prefix, "--to", str(tmp_path / "model.keras")]) == 2
    (line,) = capsys.readouterr().err.strip().splitlines()
    assert line.startswith("error: the graph's Saver restores ")
    assert reason in line


@pytest.mark.parametrize("options", [{}, {"resource": True}, {"gated": True}, {"parts": 2}])
def test_a_wrong_name_is_seen_by_the_savers_own_ops(tmp_path, monkeypatch, capsys, options):
    """Both sides of all other comparisons have the values that were read."""
    saved = save(tmp_path, averaged, **options)
    monkeypatch.setattr(savers, "saved_as", lambda meta_graph, shapes: WRONG)
    target = str(tmp_path / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    assert main(["verify", saved.prefix, target]) == 2
    assert "the graph's Saver restores other values of first/kernel" in capsys.readouterr().err


WRONG = {"first/kernel": f"second/kernel{AVERAGE}"}


def saver_of(*nodes):
    """The MetaGraphDef of a Saver, of nodes in brief: `name op inputs` and maybe `= strings`."""
    meta_graph = tf1.MetaGraphDef()
    restoring = []
    for line in nodes:
        words, _, strings = line.partition(" =")
        name, op, *inputs = words.split()
        node = meta_graph.graph_def.node.add(name=name, op=op, input=inputs)
        if op == "Const":
            values = [value.encode() for value in strings.strip().split(";")]
            node.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(values))
        elif op in {"VariableV2", "VarHandleOp"}:
            sizes = [int(size) for size in strings.split()]
            node.attr["shape"].shape.CopyFrom(tf1.TensorShape(sizes).as_proto())
        elif op.startswith("Assign"):
            restoring.append(f"^{name}")
    meta_graph.graph_def.node.add(name="restore", op="NoOp", input=restoring)
    meta_graph.saver_def.restore_op_name = "restore"
    meta_graph.saver_def.filename_tensor_name = "file:0"
    return meta_graph


def restoring(names, slices, *assignments):
    """Two variables of [2, 3], parts of one, and one of [4, 3], restored as assignments say."""
    return saver_of(
        "file Placeholder",
        f"names Const = {names}",
        f"slices Const = {slices}",
        "read RestoreV2 file names slices",
        *(f"w/part_{number} VariableV2 = 2 3" for number in (0, 1)),
        "v VarHandleOp = 4 3",
        *assignments,
    )


OWN = {"w": (4, 3), "v": (4, 3)}
SHAPES = {**OWN, "a": (4, 3), "flat": (12,)}
FIRST, SECOND = "4 3 0,2:-", "4 3 2,2:-"
ONE, BOTH = ("s0 Assign v read:0",), ("s0 Assign w/part_0 read:0", "s1 Assign w/part_1 read:1")
READ = {
    "another": (restoring("a", "", *ONE), {"v": "a"}),
    "its own": (restoring("v", "", *ONE), {}),
    "reshaped": (restoring("a", "", "r Reshape read:0 c", "s Assign v r"), {"v": "a"}),
    "all of it": (restoring("a", "4 3 -:0,3", *ONE), {"v": "a"}),
    "slices": (restoring("a;a", f"{FIRST};{SECOND}", *BOTH), {"w": "a"}),
    "its own slices": (restoring("w;w", f"{FIRST};{SECOND}", *BOTH), {}),
    "its own parts": (restoring("w/part_0;w/part_1", ";", *BOTH), {}),
    "of the first format": (
        restoring("a", "", "old Restore file names", "s Assign v old"),
        {"v": "a"},
    ),
    "a slice of the first format": (
        restoring("a", "", "old RestoreSlice file names slices", "s Assign v old"),
        {"v": "a"},
    ),
    "no assignments": (restoring("a", ""), {}),
    "no Saver": (tf1.MetaGraphDef(), {}),
}


@pytest.mark.parametrize("form", READ)
def test_names_are_read_off_the_ops(form):
    meta_graph, names = READ[form]
    assert savers.saved_as(meta_graph, SHAPES) == names


REFUSED = {
    "another op": (restoring("a", "", "n Neg read:0", "s Assign v n"), "v", "by Neg"),
    "no value": (restoring("a", "", "s Assign v"), "v", "by an op that is missing"),
    "a missing op": (restoring("a", "", "s Assign v gone:1"), "v", "by an op that is missing"),
    "no output": (restoring("a", "", "s Assign v read:1"), "v", "by a name that is missing"),
    "no number": (restoring("a", "", "s Assign v read:x"), "v", "by an op that is missing"),
    "a circle": (
        restoring("a", "", "i Identity i", "s Assign v i"),
        "v",
        "by an op that is missing",
    ),
    "names that are computed": (
        restoring("a", "", "fed Placeholder", "r RestoreV2 file fed slices", "s Assign v r"),
        "v",
        "by a name of Placeholder",
    ),
    "another file": (
        restoring("a", "", "r RestoreV2 names names slices", "s Assign v r"),
        "v",
        "from another file",
    ),
    "twice": (restoring("a;v", ";", *ONE, "s1 Assign v read:1"), "v", "more than once"),
    "added to": (restoring("a", "", *ONE, "s1 AssignAddVariableOp v read:0"), "v", "AssignAdd"),
    "another shape": (
        restoring("flat", "", "r Reshape read:0 c", "s Assign v r"),
        "v",
        "from flat, which is of shape",
    ),
    "a name that is not there": (restoring("b", "", *ONE), "v", "from b, which the checkpoint"),
    "a slice": (restoring("a", "8 3 0,4:-", *ONE), "v", "from slices of a"),
    "a damaged slice": (restoring("a", "4 0,2", *ONE), "v", "from slices of a"),
    "no slice": (restoring("a", "4 x", *ONE), "v", "by a slice that is damaged"),
    "slices in disorder": (
        restoring("a;a", f"{SECOND};{FIRST}", *BOTH),
        "w",
        "not its parts in order",
    ),
    "slices of its own in disorder": (
        restoring("w;w", f"{SECOND};{FIRST}", *BOTH),
        "w",
        "not its parts in order",
    ),
    "slices of two": (restoring("a;w", f"{FIRST};{SECOND}", *BOTH), "w", "slices of a and of"),
    "slices of two ranks": (
        restoring("a;a", f"{FIRST};4 3 2 2,2:-:-", *BOTH),
        "w",
        "and of others",
    ),
    "a part alone": (restoring("a", FIRST, BOTH[0]), "w", "without some of its parts"),
    "a slice and a whole": (restoring("a;a", f"{FIRST};", *BOTH), "w", "partly as slices"),
    "parts of two": (restoring("a/part_0;b/part_1", ";", *BOTH), "w", "not the same parts"),
    "parts that are wholes": (restoring("a;v", ";", *BOTH), "w", "not the same parts"),
}


@pytest.mark.parametrize("form", REFUSED)
def test_a_saver_of_another_form_is_refused(form):
    """Only where the checkpoint has a value of that name, which would be taken instead."""
    meta_graph, variable, reason = REFUSED[form]
    with pytest.raises(UserError, match=rf"restores {variable} in a way that .*{reason}"):
        savers.saved_as(meta_graph, SHAPES)
    others = {name: shape for name, shape in SHAPES.items() if name not in OWN}
    assert savers.saved_as(meta_graph, others) == {}


def test_parts_beside_a_whole_are_refused():
    slices = restoring("w;w", f"{FIRST};{SECOND}", *BOTH)
    with pytest.raises(UserError, match="from w, which is stored beside parts"):
        savers.saved_as(slices, {**SHAPES, "w/part_0": (2, 3)})


@pytest.mark.parametrize("target", ["gone", "file"])
def test_what_is_no_variable_is_refused(target):
    with pytest.raises(UserError, match=f"restores {target} in a way .*it is no variable"):
        savers.saved_as(restoring("a", "", f"s Assign {target} read:0"), SHAPES)
