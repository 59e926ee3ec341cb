"""Ports in general: their checks as tests, sides of one's own, maps and flags."""

import os
import re
import sys

import keras
import numpy as np
import pytest

import tf1port
from tests.conftest import ROOT
from tf1port import versions
from tf1port.__main__ import main
from tf1port.comparison.ladder import checks
from tf1port.comparison.port import port as ports
from tf1port.comparison.port.making import check_layers
from tf1port.comparison.port.port_map import load_map, parse_map
from tf1port.comparison.report import files as report_files
from tf1port.comparison.sides.calling import Calling
from tf1port.comparison.sides.keras import KerasSide
from tf1port.comparison.sides.protocol import NotOffered, Side, accuracy
from tf1port.comparison.sides.tapping import directions, recurrent_outputs, tapped
from tf1port.comparison.sides.traits import Traits
from tf1port.errors import UserError
from tf1port.numerics.tolerances import tolerance
from tf1port.pytest_plugin import PortCheck

EXAMPLE = os.path.join(ROOT, "examples", "own_port")


def outcome(*entries):
    """What a test of a check comes to: passed, Skipped or Failed; and what it says."""
    breaks = {"check": "loss", "diagnosis": [{"cause": "loss summed"}]}
    try:
        PortCheck("loss", "float32", [*entries], breaks).assert_equal()
    except (pytest.skip.Exception, pytest.fail.Exception) as why:
        return type(why).__name__, str(why)
    return "passed", ""


def test_a_check_of_ones_own_suite_passes_fails_or_is_skipped():
    entry = {"quantity": "loss", "dtype": "float32", "place": "loss[]", "max_abs": 1, "bound": 0.1}
    right = {**entry, "applies": True, "passed": True}
    without = checks.left_out(3, "no time steps", needed=False, quantity="loss", dtype="float32")
    assert outcome(right) == outcome(right, without) == ("passed", "")
    assert outcome(without) == ("Skipped", "no time steps")
    told = "loss differs at loss (float32): 1 > 0.1\nprobable cause: loss summed"
    assert outcome(right, {**right, "passed": False}) == ("Failed", told)
    needed = {**without, "needed": True, "why": "not compiled"}
    assert outcome(needed) == ("Failed", "not compared: loss (float32): not compiled")
    assert outcome(right, needed) == outcome(needed)
    assert outcome() == ("Failed", "the ladder has no loss in float32")


def small_model():
    inputs = keras.Input((None, 3), name="x")
    x = keras.layers.Bidirectional(keras.layers.GRU(2, return_sequences=True), name="both")(inputs)
    x = keras.layers.Dropout(0.5)(x)
    x = keras.layers.LSTM(2, go_backwards=True, dropout=0.5, name="last")(x)
    return keras.Model(inputs, keras.layers.Dense(1, name="out")(x))


def test_tapped_layers_tell_their_sequences_and_states():
    model, x = small_model(), np.random.default_rng(0).normal(size=(2, 4, 3)).astype("float32")
    layers = {name: model.get_layer(name) for name in ("both", "last")}
    with tapped(layers) as calls:
        model(x)
    found = {}
    for layer in layers.values():
        for name, one in directions(layer.name, layer).items():
            found.update(recurrent_outputs(name, one, calls[layer.name]))
    both = np.concatenate([found["both/forward"], found["both/backward"]], axis=-1)
    np.testing.assert_array_equal(both, np.array(calls["both"].output))
    np.testing.assert_array_equal(found["both/forward"][:, -1], found["both/forward/h"])
    np.testing.assert_array_equal(found["both/backward"][:, 0], found["both/backward/h"])
    np.testing.assert_array_equal(found["last/h"], np.array(calls["last"].output))
    np.testing.assert_array_equal(found["last"][:, 0], found["last/h"])
    assert "call" not in vars(layers["both"])


def test_a_model_is_compared_without_dropout_and_in_float64():
    model = small_model()
    model.compile("adam", "mse")
    side = KerasSide(model, Traits(), port_map=parse_map(PARSED), dtype="float64")
    inputs = {"x": np.ones((2, 3, 3), "float32")}
    first, second = (side.gradients(inputs, np.ones((2, 1))) for _ in range(2))
    assert first[0] == second[0]
    assert first[0].dtype == np.float64
    assert {value.dtype for value in side.weights().values()} == {np.dtype("float64")}
    assert model.get_layer("last").dropout == 0.5


def test_what_a_normalization_adds_stays_as_float32_has_it():
    """A graph made wider keeps its epsilon: 1e-3 of float64 would part by 2e-8 of the variance."""
    inputs = keras.Input((2,), name="x")
    model = keras.Model(inputs, keras.layers.BatchNormalization(epsilon=1e-3, name="out")(inputs))
    side = KerasSide(model, Traits(), port_map=parse_map(PARSED), dtype="float64")
    layer = side.model.get_layer("out")
    assert layer.epsilon == float(np.float32(1e-3)) != 1e-3
    assert layer.momentum == float(np.float32(0.99)) != 0.99
    assert layer.dtype == "float64"


def weights_alone(values):
    """A side that tells its weights and no more."""

    class Alone(Side):
        config = Traits()

        def weights(self):
            return {"kernel": values}

    return lambda dtype: Alone()


def test_every_check_says_what_became_of_it():
    """What is not offered, and a dtype that is not there: each with its reason."""
    side = weights_alone(np.ones(2, "float32"))
    missing = {"float64": NotOffered("no kernel of float64")}
    port = ports.Port(
        side, side, [({"x": np.ones((2, 3, 1))}, None)] * 2, dtypes=("float32",), missing=missing
    )
    proof = ports.prove(port)
    found = {(e.get("dtype"), e["number"]): e for e in proof["checks"]}
    assert set(found) >= {("float32", n) for n in range(1, 9)}
    assert {found["float64", n]["why"] for n in range(1, 8)} == {"no kernel of float64"}
    assert [key for key, entry in found.items() if entry["applies"]] == [("float32", 1)]
    assert proof["outcome"] == "not proved"
    unneeded = [entry for entry in proof["checks"] if not entry.get("needed", True)]
    assert [entry.get("quantity", entry["check"]) for entry in unneeded] == [
        "outputs of lengths",
        "bands",
    ]


ACCURACIES = {"legacy": [0.94, 0.938, 0.942], "modern": [0.939, 0.941, 0.94, 0.94]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("margin", "lower", "passed"), [(0.01, 0, True), (0.001, 0, False), (0.01, 0.009, False)]
)
def test_accuracies_of_ones_own_trainings_are_the_ninth_check(margin, lower, passed, tmp_path):
    accuracies = {**ACCURACIES, "modern": [one - lower for one in ACCURACIES["modern"]]}
    side = weights_alone(np.ones(2, "float32"))
    port = ports.Port(
        side, side, [({"x": np.ones((2, 3, 1))}, None)], accuracies={**accuracies, "margin": margin}
    )
    found = ports.prove(port)
    (entry,) = [entry for entry in found["checks"] if entry["number"] == 9]
    assert (entry["applies"], entry["passed"], entry["bound"]) == (True, passed, margin)
    assert found["outcome"] == ("not proved" if passed else "different")  # of the weights alone
    named = ports.prove(port._replace(only=("variables", "bands")))
    assert named["passed"] == passed
    report_files.write(found, tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "3 and 4 trainings, each from weights of its own" in page


def test_the_accuracy_is_of_classes():
    logits = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert accuracy(logits, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert accuracy(logits[None], np.array([[1, 0, 1]])) == 1
    for labels in (np.array([1.0, 0, 0]), np.array([1, 0]), np.eye(3, 2)):
        with pytest.raises(NotOffered, match="not classes"):
            accuracy(logits, labels)


def test_a_bound_says_where_it_comes_from():
    held = {"a": np.array([100.0])}
    of_table = ports.check("outputs", held, held, dtype="float32")
    assert of_table.reason == tolerance("outputs", "float32").reason
    assert of_table.bound == pytest.approx(1e-3)
    near = {"a": np.array([100.0 + 1e-3], "float32")}
    chaotic = ports.check("outputs", held, held, near, dtype="float32")
    assert chaotic.reason.startswith("8 times the legacy side's own difference")
    assert chaotic.bound == pytest.approx(8e-3, rel=1e-3)
    summed = ports.check("gradients", held, held, dtype="float64")
    assert (summed.reason, summed.bound) == ("relative to the largest value", 4e-10)
    moved = ports.check("outputs", held, {"a": held["a"] + 1e-9}, dtype="float64")
    assert not moved.passed


PARSED = {"layers": {"out": "o"}, "inputs": {"x": "x"}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[layers]\nlower = "a"\n[inputs]\nx = "y"',
            "[inputs] names x: the model has readings, mask",
        ),
        (
            '[layers]\nrnn = "a"\n[inputs]\nreadings = "x"\nmask = "n"',
            "[layers] names rnn: the model",
        ),
    ],
)
def test_a_map_of_another_model_is_one_line(tmp_path, text, message):
    path = tmp_path / "map.toml"
    path.write_text(text)
    sys.path.insert(0, EXAMPLE)
    try:
        import modern
    finally:
        sys.path.remove(EXAMPLE)
    found, model = load_map(str(path)), modern.build_model()

    def check():
        Calling(model, list(found.inputs))
        check_layers(found, model)

    with pytest.raises(UserError) as error:
        check()
    assert str(error.value).startswith(message)


def test_sides_of_ones_own_as_the_page_shows():
    with open(os.path.join(ROOT, "docs", "proving.md"), encoding="utf-8") as file:
        page = file.read()
    *_, block = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {}
    exec(block, names)
    proof = tf1port.prove(names["port"])
    assert proof.passed
    assert f"```\n{proof.verdict}\n```" in page
    wrong = type("Wrong", (names["Service"],), {})
    wrong.forward = lambda self, inputs: {
        "logits": names["Service"].forward(self, inputs)["logits"] * 1.01
    }
    found = ports.prove(names["port"]._replace(modern=wrong, only=()))
    assert found["breaks"]["quantity"] == "logits"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["compare"], "the following arguments are required: --legacy, --modern, --map"),
        (["compare", "--legacy", "a"], "the following arguments are required: --modern, --map"),
        (
            ["compare", "--legacy", "a", "--modern", "b", "--map", "c", "--epochs", "2"],
            "unrecognized arguments: --epochs 2",
        ),
        (
            ["compare", "--legacy", "a", "--modern", "b", "--map", "c"],
            "cannot read c: No such file",
        ),
    ],
)
def test_what_compare_asks_for(words, message, capsys):
    assert main(words) == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_a_package_that_is_not_there_has_no_version():
    assert versions.installed("keras", "no_such_package").keys() == {"python", "numpy", "keras"}
