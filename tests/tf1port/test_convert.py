"""`python -m tf1port convert`: each way of building a graph, against what its session does."""

import json
import os
import runpy
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.tf1port import graphs
from tests.tf1port.checkpoint_cases import save as save_arrays
from tests.tf1port.graphs import Case
from tf1port import progress
from tf1port.__main__ import main
from tf1port.cells.families import FAMILIES
from tf1port.conversion import cases as verify_cases
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.checkpoint.reader import inventory, open_checkpoint

TINY = tolerance("cell outputs", "float32").bound
CASES = {
    "defaults": Case(),
    "relu, SGD": Case("BasicRNNCell", {"activation": graphs.tf1.nn.relu}, optimizer="SGD"),
    "three layers, time first": Case(
        "BasicRNNCell", layers=3, time_major=True, head="steps", optimizer="Momentum"
    ),
    "no forget bias, final state": Case(
        options={"forget_bias": 0.0}, lengths=True, head="state", optimizer="RMSProp"
    ),
    "half a forget bias, static": Case(
        options={"forget_bias": 0.5}, layers=2, run="static_rnn", optimizer="centered"
    ),
    "a Python loop": Case("LSTMCell", run="loop", head="steps", optimizer="Adagrad"),
    "no head": Case("LSTMCell", layers=2, head="none", optimizer="Adadelta"),
    "embedding": Case("GRUCell", embedding=True, layers=2, hidden=True),
    "float64": Case("GRUCell", dtype="float64", time_major=True, lengths=True, inputs="dense"),
    "float64, Nesterov": Case(dtype="float64", head="gathered", lengths=True, optimizer="Nesterov"),
    "static, lengths": Case(
        run="static_rnn", lengths=True, layers=2, head="state", optimizer="Momentum"
    ),
    "static, lengths, last": Case(
        "GRUCell", run="static_rnn", lengths=True, head="last", optimizer="SGD"
    ),
    "static, resource": Case(
        "GRUCell", run="static_rnn", resource=True, optimizer="RMSProp, no momentum"
    ),
    "a product of three dimensions": Case(resource=True, head="tensordot", features=graphs.U),
    "no optimizer": Case("BasicRNNCell", run="loop", head="state", optimizer=""),
}
# By case: Keras' optimizer, the hyper-parameters of graphs.OPTIMIZERS, and TF1's slots by Keras'.
RMS = {"learning_rate": 0.01, "rho": 0.8, "epsilon": 1e-6}
HYPER = {
    "Adam": (
        dict(learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-5),
        dict(momentum="Adam", velocity="Adam_1"),
    ),
    "SGD": (dict(learning_rate=0.1), {}),
    "Momentum": (dict(learning_rate=0.05, momentum=0.7), dict(momentum="Momentum")),
    "Nesterov": (dict(learning_rate=0.05, momentum=0.7, nesterov=True), dict(momentum="Momentum")),
    "RMSProp": (dict(RMS, momentum=0.3), dict(velocity="RMSProp", momentum="RMSProp_1")),
    "RMSProp, no momentum": (dict(RMS, momentum=0.0), dict(velocity="RMSProp")),
    "centered": (
        dict(RMS, momentum=0.3, centered=True),
        dict(velocity="RMSProp", average_gradient="RMSProp_1", momentum="RMSProp_2"),
    ),
    "Adagrad": (dict(learning_rate=0.05), dict(accumulator="Adagrad")),
    "Adadelta": (
        dict(learning_rate=0.5, rho=0.9, epsilon=1e-5),
        dict(accumulated_grad="Adadelta", accumulated_delta_var="Adadelta_1"),
    ),
}


SLOW = ("static, lengths, last",)
PARAMS = [pytest.param(name, marks=[pytest.mark.slow] * (name in SLOW)) for name in CASES]


@pytest.fixture(scope="module", params=PARAMS)
def converted_case(request, tmp_path_factory):
    """A case with its checkpoint, and what convert made of it."""
    folder, case = tmp_path_factory.mktemp("made"), CASES[request.param]
    saved = graphs.save(case, folder)
    target = folder / "model.keras"
    assert main(["convert", saved.prefix, "--to", str(target)]) == 0
    report = json.loads((folder / "model.json").read_text())
    return SimpleNamespace(case=case, saved=saved, target=target, report=report)


def fed(case, number):
    """The inputs of Keras' model for a batch."""
    inputs, lengths = graphs.batch(case, number)
    return [inputs, np.arange(graphs.T) < lengths[:, None]] if case.lengths else inputs


def slots(model):
    """The optimizer's variables by slot, layer and role."""
    by_slot = {}
    for variable in model.trainable_variables:
        layer, _, role = variable.path.partition("/")[0], "", variable.path.rpartition("/")[2]
        start = f"{model.optimizer.name}/{variable.path.replace('/', '_')}_"
        for slot_variable in model.optimizer.variables:
            if slot_variable.path.startswith(start):
                place = by_slot.setdefault(slot_variable.path.removeprefix(start), {})
                place.setdefault(layer, {})[role] = np.array(slot_variable)
    return by_slot


@pytest.mark.sampled(3)
def test_the_model_computes_what_the_session_did(converted_case):
    model = keras.models.load_model(converted_case.target)
    computed = np.array(model(fed(converted_case.case, 0)))
    assert computed.shape == converted_case.saved.outputs.shape
    assert computed.dtype == converted_case.case.dtype
    bound = tolerance("cell outputs", converted_case.case.dtype).bound
    scale = max(1, np.abs(converted_case.saved.outputs).max())
    assert np.abs(computed - converted_case.saved.outputs).max() <= bound * scale


@pytest.mark.slow
@pytest.mark.sampled(3)
def test_verify_agrees(converted_case, monkeypatch, capsys):
    if converted_case.case != Case():  # one size will do for the others
        monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
        monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])
    assert main(["verify", converted_case.saved.prefix, str(converted_case.target)]) == 0
    text = capsys.readouterr().out
    assert "\nPASS: the model matches the graph on " in text
    quantities = ["weights", "outputs, end to end"]
    if (
        converted_case.case.head != "none"
    ):  # what has no head is translated, whose cells are no parts
        quantities += ["cell states of a sequence", "logits of a sequence"]
        quantities += ["cell states of a step"] * (converted_case.case.dtype == "float32")
    assert all(f"\n{quantity} " in text for quantity in quantities)


def test_the_source_builds_the_same_model(converted_case):
    built = runpy.run_path(str(converted_case.target.with_suffix(".py")))["build_model"]()
    model = keras.models.load_model(converted_case.target)
    # A file holds lists where a new model has tuples.
    assert json.dumps(built.get_config()) == json.dumps(model.get_config())
    assert hyper_parameters(built) == hyper_parameters(model)


def hyper_parameters(model):
    """The optimizer's configuration but for its name, which is numbered; None: it has none."""
    if not hasattr(model, "optimizer"):
        return None
    return {**model.optimizer.get_config(), "name": type(model.optimizer)}


def test_the_map_has_each_variable_once(converted_case):
    report = converted_case.report
    names = [entry["variable"] for entry in report["variables"]] + report["unused"]
    names += report.get("optimizer", {}).get("variables", [])
    assert sorted(names) == sorted(converted_case.saved.values)
    unused = {"RMSProp, no momentum": "/RMSProp_1", "": "global_step"}.get(
        converted_case.case.optimizer
    )
    assert all(unused is not None and name.endswith(unused) for name in report["unused"])


def test_the_optimizer_goes_on_where_it_stood(converted_case):
    model, values = keras.models.load_model(converted_case.target), converted_case.saved.values
    if not converted_case.case.optimizer:
        assert not hasattr(model, "optimizer")
        return
    hyper, words = HYPER[converted_case.case.optimizer]
    config = {name: np.float32(model.optimizer.get_config()[name]) for name in hyper}
    assert config == {name: np.float32(value) for name, value in hyper.items()}
    assert int(model.optimizer.iterations) == graphs.TRAINED
    model_slots = slots(model)
    assert model_slots.keys() == words.keys()
    contents = inventory(open_checkpoint(converted_case.saved.prefix))
    family = contents.cells[0].family
    for slot, word in words.items():
        for layer, arrays in model_slots[slot].items():
            sources = {
                entry["role"]: values[f"{entry['variable']}/{word}"]
                for entry in converted_case.report["variables"]
                if entry["layer"] == layer
            }
            if "recurrent_kernel" in arrays:
                sources = FAMILIES[family].to_keras(sources, linear=True)
            if word == "Momentum":
                rate = converted_case.report["optimizer"]["options"]["learning_rate"]
                rate = sources["bias"].dtype.type(rate)
                sources = {role: -value * rate for role, value in sources.items()}
            for role, array in arrays.items():
                np.testing.assert_array_equal(array, sources[role], f"{slot} of {layer}/{role}")


@pytest.mark.slow
@pytest.mark.sampled(3)
def test_training_goes_on_as_in_the_session(converted_case):
    if not converted_case.case.optimizer:
        assert "optimizer" not in converted_case.report
        return
    if converted_case.case.embedding:
        assert converted_case.report["optimizer"]["options"]["global_clipnorm"] == 1e9  # D20
    model = keras.models.load_model(converted_case.target)
    loss = keras.losses.MeanSquaredError()
    model.compile(model.optimizer, loss=loss, run_eagerly=True)
    losses = []
    for number in range(graphs.TRAINED, graphs.TRAINED + graphs.MORE):
        loss = model.train_on_batch(
            fed(converted_case.case, number), np.ones_like(converted_case.saved.outputs)
        )
        losses.append(float(loss))
    expected = np.ravel(converted_case.saved.losses)
    assert expected.max() < 10, "the training diverges, where no bound says anything"
    bound = tolerance("losses of 50 steps", "float32").bound * max(1.0, expected.max())
    np.testing.assert_allclose(losses, expected, rtol=0, atol=bound)


# What no stack of layers is.
REFUSED = {
    "reversed inputs": (Case(inputs="reversed"), "in reverse alone"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_stack_of_layers_is_refused_as_one(untranslated, name, tmp_path, capsys):
    case, words = REFUSED[name]
    saved = graphs.save(case._replace(optimizer=""), tmp_path)
    refused(capsys, tmp_path, saved.prefix, words=words)


@pytest.mark.parametrize("name", REFUSED)
def test_what_is_no_stack_of_layers_is_translated(name, tmp_path):
    case, _ = REFUSED[name]
    saved = graphs.save(case._replace(optimizer=""), tmp_path)
    target = str(tmp_path / "out.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    model_map = json.loads((tmp_path / "out.json").read_text())
    assert model_map["left_out"] == ["the variable global_step"]  # which counts no steps here
    actual = np.array(keras.models.load_model(target)(graphs.batch(case, 0)[0]))
    assert np.abs(actual - saved.outputs).max() <= TINY * max(1, np.abs(saved.outputs).max())
    assert main(["verify", saved.prefix, target]) == 0


def test_long_work_has_bars(copied, tmp_path, monkeypatch, capsys):
    bars = []

    def tqdm(items, *, desc, **options):
        bars.append((desc, options["disable"]))
        return items

    monkeypatch.setattr(progress, "tqdm", tqdm)
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    assert main(["convert", str(copied), "--to", str(tmp_path / "out.keras")]) == 0
    assert {desc for desc, _ in bars} == {"weights", "check", "write"}
    assert not any(quiet for _, quiet in bars)
    assert json.loads((tmp_path / "out.json").read_text())["unused"] == ["global_step"]


def test_json_is_the_map(copied, tmp_path, capsys):
    words = ["convert", str(copied), "--to", str(tmp_path / "out.keras"), "--json"]
    assert main(words) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == json.loads((tmp_path / "out.json").read_text())
    back = ["convert", str(tmp_path / "out.keras"), "--reverse", "--to", str(tmp_path / "back")]
    assert main([*back, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["variables"] == sorted(
        row["variable"] for row in printed["variables"]
    )


@pytest.mark.slow
@pytest.mark.parametrize("run", ["dynamic_rnn", "static_rnn"])
def test_stacks_of_control_flow_v2_are_converted_and_proved(run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(graphs, "first_control_flow", graphs.second_control_flow)
    case = Case(run=run, lengths=True, optimizer="")
    saved, target = graphs.save(case, tmp_path), str(tmp_path / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    model_map = json.loads((tmp_path / "model.json").read_text())
    assert [*model_map["outputs"].values()] == ["logits/BiasAdd:0"]
    runpy.run_path(str(tmp_path / "model.py"))
    inputs, lengths = graphs.batch(case, 0)
    rows = lengths if run == "dynamic_rnn" else np.arange(graphs.T) < lengths[:, None]
    actual = np.array(keras.models.load_model(target)([inputs, rows]))
    assert np.abs(actual - saved.outputs).max() <= TINY * max(1, np.abs(saved.outputs).max())
    assert main(["verify", saved.prefix, target]) == 0


# Heads that take something else: the cells are converted, and the rest is listed.
ALONE = {
    "the first output": Case(head="first"),
    "one output of a loop": Case(head="first", run="loop"),
    "reversed outputs": Case(head="reversed"),
}


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.slow
def test_a_head_that_is_no_layer_is_translated(name, tmp_path):
    case = ALONE[name]._replace(optimizer="")
    saved, target = graphs.save(case, tmp_path), str(tmp_path / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    actual = np.array(keras.models.load_model(target)(graphs.batch(case, 0)[0]))
    assert np.abs(actual - saved.outputs).max() <= TINY * max(1, np.abs(saved.outputs).max())
    assert main(["verify", saved.prefix, target]) == 0


@pytest.mark.parametrize("name", ALONE)
@pytest.mark.slow
def test_under_an_unknown_head_the_cells_alone_are_converted(untranslated, name, tmp_path, capsys):
    saved = graphs.save(ALONE[name]._replace(optimizer=""), tmp_path)
    target = str(tmp_path / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    text = capsys.readouterr().out
    assert "logits/kernel takes neither the last output nor" in text
    assert "not converted: global_step, logits/bias, logits/kernel\n" in text
    assert keras.models.load_model(target).output_shape == (None, None, graphs.U)
    assert main(["verify", saved.prefix, target]) == 0


def refused(capsys, folder, prefix, *flags, words, to="out.keras"):
    """Checks for one line on standard error, exit code 2 and no new file."""
    before = sorted(os.listdir(folder))
    capsys.readouterr()
    code = main(["convert", str(prefix), "--to", str(folder / to), *flags])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err
    assert sorted(os.listdir(folder)) == before


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """The simplest checkpoint, by its prefix's files."""
    return graphs.save(Case(optimizer=""), tmp_path_factory.mktemp("plain"))


@pytest.fixture
def copied(plain, tmp_path):
    """A copy of it to spoil: its prefix."""
    for name in os.listdir(os.path.dirname(plain.prefix)):
        with open(os.path.join(os.path.dirname(plain.prefix), name), "rb") as file:
            (tmp_path / name).write_bytes(file.read())
    return tmp_path / os.path.basename(plain.prefix)


def test_a_meta_of_another_model(copied, tmp_path_factory, tmp_path, capsys):
    another = graphs.save(Case("GRUCell", optimizer=""), tmp_path_factory.mktemp("other"))
    with open(another.prefix + ".meta", "rb") as file:
        copied.with_suffix(copied.suffix + ".meta").write_bytes(file.read())
    refused(capsys, tmp_path, copied, words=".meta")


@pytest.mark.parametrize(
    ("damage", "words"),
    [
        (lambda content: b"", "holds no graph"),
        (lambda content: content[:-9], "damaged"),
        (lambda content: content[: len(content) // 2], "damaged"),
        (lambda content: b"not a graph\n" * 9, "damaged"),
    ],
)
def test_a_meta_that_is_damaged(copied, tmp_path, capsys, damage, words):
    path = copied.with_suffix(copied.suffix + ".meta")
    path.write_bytes(damage(path.read_bytes()))
    refused(capsys, tmp_path, copied, words=words)


def test_a_graph_that_runs_python_must_be_trusted(tmp_path, capsys):
    case = Case(head="none", optimizer="", inputs="python")
    saved = graphs.save(case, tmp_path)
    refused(capsys, tmp_path, saved.prefix, words="--trust")
    target = str(tmp_path / "out.keras")
    assert main(["convert", saved.prefix, "--to", target, "--trust"]) == 0
    assert main(["verify", saved.prefix, target]) == 2
    assert "--trust" in capsys.readouterr().err
    capsys.readouterr()
    assert main(["verify", saved.prefix, target, "--trust"]) == 3  # what Python makes is its own
    assert "NOT PROVED" in capsys.readouterr().out


@pytest.mark.parametrize("flags", [[], ["--forget-bias", "1.0"], ["--activation", "tanh"]])
def test_without_a_graph_its_constants_must_be_given(copied, tmp_path, capsys, flags):
    os.remove(f"{copied}.meta")
    refused(capsys, tmp_path, copied, *flags, words="TF1's defaults are 1.0 and tanh")


def test_without_a_graph_the_cells_become_a_model(plain, copied, capsys):
    os.remove(f"{copied}.meta")
    target = copied.parent / "out.keras"
    flags = ["--forget-bias", "1.0", "--activation", "tanh"]
    assert main(["convert", str(copied), "--to", str(target), *flags]) == 0
    assert "not converted: global_step, logits/bias, logits/kernel" in capsys.readouterr().out
    model = keras.models.load_model(target)
    outputs = np.array(model(graphs.batch(Case(), 0)[0]))[:, -1]
    actual = outputs @ plain.values["logits/kernel"] + plain.values["logits/bias"]
    assert np.abs(actual - plain.outputs).max() <= TINY
    assert main(["verify", str(copied), str(target)]) == 2
    assert "no .meta" in capsys.readouterr().err


def test_an_activation_that_keras_has_not(copied, tmp_path, capsys):
    os.remove(f"{copied}.meta")
    flags = ["--forget-bias", "1.0", "--activation", "tahn"]
    refused(capsys, tmp_path, copied, *flags, words="tahn")


def test_constants_of_a_graph_are_not_to_be_given(copied, tmp_path, capsys):
    refused(capsys, tmp_path, copied, "--forget-bias", "1.0", words="leave them out")


def test_the_file_must_end_in_keras(copied, tmp_path, capsys):
    refused(capsys, tmp_path, copied, words=".keras", to="out.h5")


def test_a_folder_that_is_not_there(copied, tmp_path, capsys):
    refused(capsys, tmp_path, copied, words="cannot write", to="nowhere/out.keras")


def test_a_target_that_is_a_folder(copied, tmp_path, capsys):
    (tmp_path / "out.keras").mkdir()
    refused(capsys, tmp_path, copied, words="cannot write")


def test_a_checkpoint_without_cells(tmp_path, capsys):
    prefix = save_arrays(tmp_path / "m", {"dense/kernel": np.ones((3, 4), "float32")})
    refused(capsys, tmp_path, prefix, words="no recurrent cell")
