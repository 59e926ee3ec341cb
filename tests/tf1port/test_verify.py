"""`python -m tf1port verify` sees every wrong model: negative controls, check by check."""

import dataclasses
import json
import os
import pathlib

import keras
import numpy as np
import pytest

from tests.goldens import carried
from tests.tf1port import graphs
from tests.tf1port.graphs import Case, U
from tf1port.__main__ import main
from tf1port.cells import families as cells
from tf1port.conversion import cases as verify_cases
from tf1port.conversion import plan as conversion
from tf1port.keras_model import layer_weights
from tf1port.tf1.graph import network

LSTM = Case(layers=2, features=U, optimizer="")  # F is U, so that rows fit where they are wrong
GRU = Case("GRUCell", features=U, optimizer="")


@pytest.fixture(autouse=True)
def one_size(monkeypatch):
    """A single batch is enough to see a wrong model."""
    monkeypatch.setattr(verify_cases, "BATCHES", verify_cases.BATCHES[:1])
    monkeypatch.setattr(verify_cases, "STEPS", verify_cases.STEPS[:1])


def converted(folder, case):
    """A checkpoint and its Keras model: (prefix, file)."""
    saved = graphs.save(case, folder)
    target = str(folder / "model.keras")
    assert main(["convert", saved.prefix, "--to", target]) == 0
    return saved.prefix, target


@pytest.fixture(scope="module")
def lstm(tmp_path_factory):
    return converted(tmp_path_factory.mktemp("lstm"), LSTM)


@pytest.fixture(scope="module")
def gru(tmp_path_factory):
    return converted(tmp_path_factory.mktemp("gru"), GRU)


def verified(capsys, prefix, file):
    """The exit code and the quantities of the checks that failed, in their order."""
    capsys.readouterr()
    code = main(["verify", prefix, str(file), "--json"])
    checks = json.loads(capsys.readouterr().out)["checks"]
    return code, [check["quantity"] for check in checks if not check["passed"]]


def shifted(weights):
    weights["lstm_1"][2][U : 2 * U] -= 1


def gates_swapped(weights):
    for array in weights["lstm_2"]:
        array[...] = exchanged(array)


def rows_exchanged(weights):
    kernel, recurrent, bias = weights["lstm_1"]
    weights["lstm_1"] = [recurrent, kernel, bias]


def layers_exchanged(weights):
    weights["lstm_1"], weights["lstm_2"] = weights["lstm_2"], weights["lstm_1"]


def head_without_bias(weights):
    weights["logits"][1][...] = 0


def one_number(weights):
    weights["logits"][0][0, 0] = np.nextafter(weights["logits"][0][0, 0], np.float32(9))


def exchanged(array):
    """The gates i and f exchanged: i, f, c, o are columns in Keras."""
    i, f, *rest = np.split(array, 4, axis=-1)
    return np.concatenate([f, i, *rest], axis=-1)


DAMAGE = [shifted, gates_swapped, rows_exchanged, layers_exchanged, head_without_bias, one_number]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("damage", DAMAGE)
def test_changed_weights_fail_the_first_check(lstm, tmp_path, capsys, damage):
    prefix, file = lstm
    model = keras.models.load_model(file)
    weights = {layer.name: layer.get_weights() for layer in model.layers}
    damage(weights)
    for layer in model.layers:
        layer.set_weights(weights[layer.name])
    model.save(tmp_path / "damaged.keras")
    code, failed = verified(capsys, prefix, tmp_path / "damaged.keras")
    assert code == 1
    assert failed[0] == "weights"


def test_the_table_names_what_fails(lstm, tmp_path, capsys):
    prefix, file = lstm
    model = keras.models.load_model(file)
    model.get_layer("logits").bias.assign_add([1e-3, 0])
    model.save(tmp_path / "damaged.keras")
    capsys.readouterr()
    assert main(["verify", prefix, str(tmp_path / "damaged.keras")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].startswith("weights ")
    assert lines[1].endswith("logits/bias[0]")
    assert lines[-1].startswith("FAIL: weights differ at logits/bias[0] (float32): 0.001 > 0")


def wrong_gates(monkeypatch):
    """Both ways wrong, and each the other's inverse: the weights alone do not show it."""
    family = cells.FAMILIES["lstm"]
    replaced(
        monkeypatch,
        family,
        lambda keras: {role: exchanged(value) for role, value in keras.items()},
    )


def wrong_rows(monkeypatch):
    names = {"kernel": "recurrent_kernel", "recurrent_kernel": "kernel", "bias": "bias"}
    family = cells.FAMILIES["lstm"]
    replaced(monkeypatch, family, lambda keras: {names[role]: keras[role] for role in keras})


def replaced(monkeypatch, family, wrong):
    """The family with a map after the way to Keras, and before the way back: its own inverse."""

    def forwards(tf1, **options):
        return wrong(family.forwards(tf1, **options))

    def backwards(keras, **options):
        return family.backwards(wrong(keras), **options)

    changed = family._replace(forwards=forwards, backwards=backwards)
    monkeypatch.setitem(cells.FAMILIES, family.name, changed)


def no_forget_bias(monkeypatch):
    monkeypatch.setattr(cells.Family, "_shifted", lambda family, arrays, forget_bias: arrays)


def wrong_activation(monkeypatch):
    constants = network.find_wiring

    def find_wiring(graph, cells):
        wiring = constants(graph, cells)
        relu = {scope: c._replace(activation="relu") for scope, c in wiring.constants.items()}
        wiring.constants.update(relu)
        return wiring

    monkeypatch.setattr(network, "find_wiring", find_wiring)


def wrong_layers(monkeypatch):
    def exchange(blueprint):
        first, second = blueprint.recurrent
        blueprint.recurrent[0] = dataclasses.replace(second, call=first.call)
        blueprint.recurrent[1] = dataclasses.replace(first, call=second.call)

    drawn(monkeypatch, exchange)


def drawn(monkeypatch, change):
    """Every blueprint is changed."""
    draw = conversion.draw

    def changed(*arguments, **options):
        blueprint = draw(*arguments, **options)
        change(blueprint)
        return blueprint

    monkeypatch.setattr(conversion, "draw", changed)


WRONG = [wrong_gates, wrong_rows, no_forget_bias, wrong_activation, wrong_layers]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_map_is_seen_by_the_sequences(
    lstm, tmp_path, monkeypatch, capsys, unchecked, wrong
):
    prefix, _ = lstm
    wrong(monkeypatch)
    assert main(["convert", prefix, "--to", str(tmp_path / "wrong.keras")]) == 0
    code, failed = verified(capsys, prefix, tmp_path / "wrong.keras")
    assert code == 1
    assert failed[0].endswith("of a sequence")
    assert "cell states of a step" in failed
    assert "logits of a sequence" in failed
    assert "outputs, end to end" in failed


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_way_to_keras_that_is_not_undone_is_seen(dtype, tmp_path, monkeypatch, capsys):
    saved = graphs.save(GRU._replace(dtype=dtype), tmp_path)
    family = cells.FAMILIES["gru"]

    def forwards(tf1, **options):
        return {role: value[..., ::-1] for role, value in family.forwards(tf1, **options).items()}

    monkeypatch.setitem(cells.FAMILIES, "gru", family._replace(forwards=forwards))
    assert main(["convert", saved.prefix, "--to", str(tmp_path / "wrong.keras")]) == 0
    code, failed = verified(capsys, saved.prefix, tmp_path / "wrong.keras")
    assert code == 1
    assert failed[0] == "weights with forget bias"


def test_a_head_without_its_bias_is_seen(lstm, tmp_path, monkeypatch, capsys):
    def drop(blueprint):
        blueprint.after[0].weights["bias"] = np.zeros(2, "float32")

    drawn(monkeypatch, drop)
    assert main(["convert", lstm[0], "--to", str(tmp_path / "wrong.keras")]) == 0
    code, failed = verified(capsys, lstm[0], tmp_path / "wrong.keras")
    assert code == 1
    assert failed == ["weights with forget bias"]


def test_another_kind_of_gru_is_seen_by_the_sequences(
    gru, tmp_path, monkeypatch, capsys, unchecked
):
    """With zeros for the bias that TF1 has not, which is the nearest that one could take it for."""
    family = cells.FAMILIES["gru"]

    def forwards(tf1, **options):
        arrays = family.forwards(tf1, **options)
        return {**arrays, "bias": np.stack([arrays["bias"], np.zeros_like(arrays["bias"])])}

    def backwards(keras, **options):
        return family.backwards({**keras, "bias": keras["bias"][0]}, **options)

    keras_layout = cells.FAMILIES["cudnn_gru"].keras
    changed = family._replace(forwards=forwards, backwards=backwards, keras=keras_layout)
    monkeypatch.setitem(cells.FAMILIES, "gru", changed)

    def reset_after(blueprint):
        blueprint.recurrent[0].call.arguments.update(reset_after=True)
        blueprint.cells[0].options.update(reset_after=True)

    drawn(monkeypatch, reset_after)
    assert main(["convert", gru[0], "--to", str(tmp_path / "wrong.keras")]) == 0
    code, failed = verified(capsys, gru[0], tmp_path / "wrong.keras")
    assert code == 1
    assert failed[0].endswith("of a sequence")


# How the model learns: of a checkpoint that was trained with Adam.
LEARNING = Case("BasicLSTMCell", layers=2)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    return converted(tmp_path_factory.mktemp("trained"), LEARNING)


def stepped(capsys, prefix, file):
    """The exit code and the last two checks of five steps from the checkpoint."""
    capsys.readouterr()
    code = main(["verify", prefix, str(file), "--steps", "5", "--json"])
    report = json.loads(capsys.readouterr().out)
    assert report["notes"] == []
    return code, {check["quantity"]: check["passed"] for check in report["checks"][-3:]}


def wrongly_optimized(monkeypatch, wrong, prefix, folder):
    """What convert makes where it finds another optimizer than the one that verify finds."""
    file = str(folder / "wrong.keras")
    with monkeypatch.context() as patched:
        patched.setattr(conversion, "find_optimizer", wrong)
        assert main(["convert", prefix, "--to", file]) == 0
    return file


def test_both_learn_alike(trained, capsys):
    code, checks = stepped(capsys, *trained)
    assert code == 0
    assert checks == {
        "converted slots": True,
        "gradients of a batch": True,
        "losses of resumed steps": True,
    }


def test_a_forget_bias_in_the_slots_is_seen(trained, tmp_path, capsys):
    model = keras.models.load_model(trained[1])
    slots = layer_weights.slots(
        model.get_layer("lstm_1"), layer_weights.slots_by_variable(model, "momentum")
    )
    slots["bias"].assign_add(np.repeat(np.float32([0, 1, 0, 0]), U))
    model.save(tmp_path / "wrong.keras")
    code, failed = verified(capsys, trained[0], tmp_path / "wrong.keras")
    assert (code, failed) == (1, ["converted slots"])


def test_slots_with_gates_exchanged_are_seen(trained, tmp_path, capsys):
    model = keras.models.load_model(trained[1])
    slots = layer_weights.slots(
        model.get_layer("lstm_2"), layer_weights.slots_by_variable(model, "velocity")
    )
    slots["kernel"].assign(exchanged(np.array(slots["kernel"])))
    model.save(tmp_path / "wrong.keras")
    code, failed = verified(capsys, trained[0], tmp_path / "wrong.keras")
    assert (code, failed) == (1, ["converted slots"])


@pytest.mark.slow
def test_gradients_of_another_map_are_seen(trained, monkeypatch, capsys):
    to_tf1 = layer_weights.to_tf1

    def wrong(mappings, arrays, *, linear=False):
        result = to_tf1(mappings, arrays, linear=linear)
        return {r: exchanged(v) if linear and mappings else v for r, v in result.items()}

    monkeypatch.setattr(layer_weights, "to_tf1", wrong)
    code, failed = verified(capsys, *trained)
    assert code == 1
    assert failed == ["gradients of a batch"]  # the slots are compared as Keras has them


@pytest.mark.parametrize(
    "option",
    ["learning_rate"]
    + [pytest.param(name, marks=pytest.mark.slow) for name in ("beta_1", "beta_2", "epsilon")],
)
@pytest.mark.slow
def test_another_hyper_parameter_parts_the_losses(trained, tmp_path, monkeypatch, capsys, option):
    find = conversion.find_optimizer

    def wrong(*arguments):
        spec = find(*arguments)
        return spec._replace(options={**spec.options, option: spec.options[option] * 0.9})

    file = wrongly_optimized(monkeypatch, wrong, trained[0], tmp_path)
    code, checks = stepped(capsys, trained[0], file)
    assert code == 1
    assert checks["gradients of a batch"]
    assert not checks["losses of resumed steps"]


# Gradients that the graph clips: what Keras' optimizer is told, and a note where that is not all.
CLIPPED = {
    "global": ({"global_clipnorm": 0.1}, []),
    "value": ({"clipvalue": 0.01}, []),
    "norm": ({"clipnorm": 0.1}, ["kernel separately, which are one in TF1"]),
    "one-sided": ({}, ["in a way that Keras' optimizers do not support"]),
}


@pytest.mark.parametrize(
    "clip",
    [pytest.param(clip, marks=[pytest.mark.slow] * (clip != "global")) for clip in CLIPPED],
)
def test_clipping_is_carried_or_said_not_to_be(clip, tmp_path):
    saved = graphs.save(Case("BasicRNNCell", clip=clip), tmp_path)
    optimizer = conversion.read(saved.prefix).blueprint.optimizer
    options, words = CLIPPED[clip]
    assert {name: v for name, v in optimizer.options.items() if "clip" in name} == options
    words = [*words, "is no loss that Keras has"]
    assert all(word in note for word, note in zip(words, optimizer.notes, strict=True))


@pytest.mark.slow
def test_the_norm_may_be_of_more_than_the_model(tmp_path):
    saved = graphs.save(Case("BasicRNNCell", clip="global", head="first"), tmp_path)
    optimizer = conversion.read(saved.prefix).blueprint.optimizer
    assert optimizer.options["global_clipnorm"] == 0.1
    assert "variables that are not in the model" in optimizer.notes[0]


@pytest.fixture(scope="module", params=["global", "value"])
def clipped(request, tmp_path_factory):
    case = Case("BasicRNNCell", clip=request.param)
    return converted(tmp_path_factory.mktemp("clipped"), case)


@pytest.mark.slow
def test_both_clip_alike(clipped, capsys):
    code, checks = stepped(capsys, *clipped)
    assert (code, all(checks.values()), len(checks)) == (0, True, 3)


@pytest.mark.slow
def test_a_model_that_does_not_clip_parts(clipped, tmp_path, monkeypatch, capsys):
    find = conversion.find_optimizer

    def wrong(*arguments):
        spec = find(*arguments)
        kept = {name: v for name, v in spec.options.items() if "clip" not in name}
        return spec._replace(options=kept)

    file = wrongly_optimized(monkeypatch, wrong, clipped[0], tmp_path)
    code, checks = stepped(capsys, clipped[0], file)
    assert code == 1
    assert checks["gradients of a batch"]
    assert not checks["losses of resumed steps"]


@pytest.mark.slow
def test_steps_that_keras_would_clip_otherwise_are_not_compared(tmp_path, capsys):
    prefix, file = converted(tmp_path, Case("BasicRNNCell", clip="norm"))
    capsys.readouterr()
    assert main(["verify", prefix, file, "--steps", "5"]) == 3
    assert "not compared: it clips each gradient by its norm" in capsys.readouterr().out


@pytest.mark.slow
def test_a_momentum_that_the_file_rounds_parts_no_training(tmp_path, capsys):
    """Keras' momentum is the step: the product with the rate is rounded to float32 in the file."""
    prefix, file = converted(tmp_path, Case("BasicRNNCell", optimizer="Momentum"))
    capsys.readouterr()
    assert main(["verify", prefix, file, "--steps", "10", "--json"]) == 0
    checks = json.loads(capsys.readouterr().out)["checks"]
    (losses,) = [check for check in checks if check["quantity"] == "losses of resumed steps"]
    assert losses["dtype"] == "float64"
    assert losses["max_abs"] < 1e-13


def test_a_head_that_is_not_known_has_no_gradients_to_compare(untranslated, tmp_path, capsys):
    prefix, file = converted(tmp_path, Case(head="first"))
    capsys.readouterr()
    assert main(["verify", prefix, file]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[-2].startswith(
        "gradients and steps are not compared: the layers between its cells and its loss"
    )


@pytest.mark.slow
def test_directions_exchanged_are_seen(tmp_path, capsys):
    case = next(c for c in carried.CARRIED if c.name.startswith("GRUCell-bidirectional"))
    prefix, _ = carried.unpack(case, tmp_path)
    file = str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", file]) == 0
    model = keras.models.load_model(file)
    layer = model.get_layer("gru")
    weights = layer.get_weights()
    layer.set_weights(weights[len(weights) // 2 :] + weights[: len(weights) // 2])
    model.save(file)
    code, failed = verified(capsys, prefix, file)
    assert code == 1
    assert failed[0] == "weights"


def refused(capsys, prefix, file, *, words):
    """Checks for one line on standard error and exit code 2."""
    capsys.readouterr()
    code = main(["verify", str(prefix), str(file)])
    captured = capsys.readouterr()
    assert (code, captured.out) == (2, "")
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_a_model_of_another_checkpoint(lstm, gru, capsys):
    refused(capsys, lstm[0], gru[1], words="not of this checkpoint")
    refused(capsys, gru[0], lstm[1], words="not of this checkpoint")


@pytest.mark.parametrize("content", [b"", b"not a model\n", b"PK\x03\x04 nor this"])
def test_a_file_that_is_no_model(lstm, tmp_path, capsys, content):
    path = tmp_path / "text.keras"
    path.write_bytes(content)
    refused(capsys, lstm[0], path, words=str(path))


def test_a_file_that_is_not_there(lstm, tmp_path, capsys):
    refused(capsys, lstm[0], tmp_path / "none.keras", words="there is no")


def test_dropout_before_the_head_is_looked_through(tmp_path, capsys):
    prefix, file = converted(tmp_path, Case(head="dropped", optimizer=""))
    assert verified(capsys, prefix, file) == (0, [])


CHECKPOINTS = os.environ.get("CHECKPOINTS_DIR")
PUBLISHED = sorted(pathlib.Path(CHECKPOINTS).rglob("*.meta")) if CHECKPOINTS else []


# One-hot vectors of what is fed, and rows of a constant: no model takes what these are fed.
MAKE_THEIR_INPUTS = {"gru-2016-names", "lstm-cell-unrolled"}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.skipif(not PUBLISHED, reason="$CHECKPOINTS_DIR has no checkpoints with a .meta")
@pytest.mark.parametrize("meta", PUBLISHED, ids=lambda path: path.parent.name)
def test_checkpoints_that_others_published(meta, tmp_path, capsys):
    prefix, target = str(meta.with_suffix("")), str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0
    code, failed = verified(capsys, prefix, target)
    assert (code, failed) == (3 if meta.parent.name in MAKE_THEIR_INPUTS else 0, [])
