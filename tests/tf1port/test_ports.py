"""Ports of other programs: the worked example, wrong ports of it, checkpoints of 1.15.5."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import tf1port
from tests.conftest import ROOT
from tests.goldens import carried
from tests.tf1port.test_refusals import inputs, saved, unroll
from tf1port import versions
from tf1port.__main__ import main
from tf1port.comparison.controls import port as port_controls
from tf1port.comparison.ladder import rungs
from tf1port.comparison.port import port as ports
from tf1port.comparison.port.making import check_layers
from tf1port.comparison.port.port_map import load_map, parse_map
from tf1port.comparison.report import files as report_files
from tf1port.comparison.sides.calling import Calling
from tf1port.comparison.sides.checkpoint import CheckpointSide
from tf1port.comparison.sides.exported import exported
from tf1port.comparison.sides.keras import KerasSide
from tf1port.comparison.sides.protocol import NotOffered, Side, accuracy
from tf1port.comparison.sides.tapping import directions, recurrent_outputs, tapped
from tf1port.comparison.sides.traits import Traits
from tf1port.conversion import plan as conversion
from tf1port.errors import UserError
from tf1port.keras_model.build import build
from tf1port.numerics.precision import floatx
from tf1port.numerics.tolerances import tolerance
from tf1port.pytest_plugin import RungOfPort

EXAMPLE = os.path.join(ROOT, "examples", "own_port")
MAP = os.path.join(EXAMPLE, "map.toml")
# Between them every kind of wiring, and of what Keras has no layer for.
CASES = {
    case.name: case
    for case in carried.CARRIED
    if case.name
    in {
        "BasicRNNCell-bidirectional-1-float32-Momentum",
        "BasicLSTMCell-rnn-1-float32-forget_bias=0.0-Ftrl",
        "BasicLSTMCell-multi-2-float64-Adam-residual",
        "BasicLSTMCell-rnn-1-float64-Adam-batch_norm",
        "BasicLSTMCell-rnn-1-float64-Adam-clip_norm=0.05",
        "LSTMCell-rnn-1-float64-cell_clip=0.4-CenteredRMSProp",
        "GRUCell-stack-2-float32-RMSProp-lengths",
        "GRUCell-rnn-1-float64-Momentum-layer_norm",
        "LSTMBlockFusedCell-rnn-1-float32-use_peephole=True-cell_clip=0.4-Momentum",
        "LayerNormBasicLSTMCell-multi-2-float64-Adam",
        "CudnnCompatibleGRUCell-multi-2-float32-GradientDescent",
    }
}


def run(*words, **more):
    environment = {**os.environ, "PYTHONPATH": ROOT, **more}
    return subprocess.run(
        [sys.executable, *words], env=environment, cwd=ROOT, capture_output=True, text=True
    )


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """What the two programs of the worked example leave in a folder."""
    folder = tmp_path_factory.mktemp("own_port")
    for name in ("legacy.py", "modern.py"):
        done = run(os.path.join(EXAMPLE, name), str(folder))
        assert done.returncode == 0, done.stderr
    sys.path.insert(0, EXAMPLE)
    try:
        import modern
    finally:
        sys.path.remove(EXAMPLE)
    checkpoint, model = str(folder / "model.ckpt-100"), str(folder / "model.keras")
    legacy = ports.load(checkpoint, model, MAP, steps=1).legacy("float32")
    return SimpleNamespace(
        folder=folder, checkpoint=checkpoint, model=model, modern=modern, legacy=legacy
    )


# A wrong port each: how the model of the example comes to be one, the quantity that parts first,
# and what explains it.


def gates_reordered(example):
    model = carried_by(example)
    layer = model.get_layer("upper")
    parts = [np.split(value, 4, axis=-1) for value in layer.get_weights()]
    layer.set_weights([np.concatenate([i, c, f, o], axis=-1) for i, f, c, o in parts])
    return model


def forget_bias_forgotten(example):
    model = carried_by(example)
    for name in ("lower", "upper"):
        kernel, recurrent, bias = model.get_layer(name).get_weights()
        bias = np.concatenate([bias[:20], bias[20:40] - 1, bias[40:]])
        model.get_layer(name).set_weights([kernel, recurrent, bias])
    return model


def layers_exchanged(example):
    model = carried_by(example)
    lower, upper = (model.get_layer(name) for name in ("lower", "upper"))
    weights = lower.get_weights()
    recurrent = upper.get_weights()[1]
    upper.set_weights([upper.get_weights()[0], *weights[1:]])
    lower.set_weights([weights[0], recurrent, lower.get_weights()[2]])
    return model


def mask_ignored(example):
    readings = keras.Input((None, 3), name="readings")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = keras.layers.LSTM(20, return_sequences=True, name="lower")(readings)
    x = keras.layers.LSTM(20, name="upper")(x)
    scores = keras.layers.Dense(4, name="scores")(x)
    return carried_by(example, compiled(keras.Model([readings, mask], scores)))


def wrong_activation(example):
    model = example.modern.build_model()
    for name in ("lower", "upper"):
        model.get_layer(name).cell.recurrent_activation = keras.activations.hard_sigmoid
        model.get_layer(name).recurrent_activation = keras.activations.hard_sigmoid
    return carried_by(example, model)


def default_epsilon(example):
    return optimized(example, epsilon=1e-7)


def other_rate(example):
    return optimized(example, learning_rate=0.001)


def not_clipped(example):
    return optimized(example, global_clipnorm=None)


def slots_lost(example):
    model = carried_by(example)
    count = int(model.optimizer.iterations)
    model = compiled(model)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(count)
    return model


def count_lost(example):
    model = carried_by(example)
    model.optimizer.iterations.assign(0)
    return model


def compiled(model, **changes):
    options = {"learning_rate": 0.003, "epsilon": 1e-8, "global_clipnorm": 1.0, **changes}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(**options), loss=loss)
    return model


def carried_by(example, model=None):
    """A model with the weights and the optimizer's state of the example's checkpoint."""
    return ports.carried(model or example.modern.build_model(), example.legacy)


def optimized(example, **changes):
    return carried_by(example, compiled(example.modern.build_model(), **changes))


WRONG = [
    (
        gates_reordered,
        "weights with forget bias",
        "gates in the order i, c, f, o for i, f, c, o in",
    ),
    (forget_bias_forgotten, "weights with forget bias", "forget bias forgotten"),
    (layers_exchanged, "weights with forget bias", None),
    (mask_ignored, "outputs", "mask ignored"),
    (wrong_activation, "outputs", "hard_sigmoid for sigmoid"),
    (default_epsilon, "stepped weights", "epsilon is 1e-07, not 1e-08"),
    (other_rate, "stepped weights", "learning_rate is 0.001, not 0.003"),
    (not_clipped, "slots", "global_clipnorm is None, not 1"),
    (slots_lost, "slots", "slots not taken over"),
    (count_lost, "stepped weights", "step count not taken over"),
]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("make", "quantity", "cause"), WRONG, ids=lambda value: getattr(value, "__name__", "")
)
def test_a_wrong_port_is_noticed_and_explained(example, make, quantity, cause):
    made = ports.load(example.checkpoint, make(example), MAP, steps=12)
    found = ports.prove(made._replace(dtypes=("float64",)))
    assert found["breaks"]["quantity"] == quantity
    causes = [one["cause"] for one in found["breaks"]["diagnosis"]]
    assert cause is None or causes[0].startswith(cause)


@pytest.mark.slow
def test_the_example_passes_every_rung(example, capsys):
    out = example.folder / "out"
    words = ["--legacy", example.checkpoint, "--modern", example.model, "--map", MAP, "--carry"]
    assert main(["compare", *words, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    (verdict,) = re.findall(r"^PASS: equal on (\d+) of (\d+) checks \((.*)\)$", told, re.MULTILINE)
    assert verdict[0] == verdict[1]
    assert (int(verdict[0]) > 25, verdict[2]) == (True, "claim: checks 1 to 8")
    for quantity in ("outputs of lengths", "accuracy", "gradients", "slots", "resumed slots"):
        assert re.search(rf"^{quantity}.*float32.* ok ", told, re.MULTILINE), quantity
    assert re.search(r"^exported logits +float32.* ok ", told, re.MULTILINE)
    assert "not compared" not in told
    assert re.search(r"^losses of 200 steps, TF1's powers.*float64.* ok ", told, re.MULTILINE)
    assert (out / "report.html").stat().st_size > 1000


@pytest.mark.slow
def test_a_checkpoint_is_exported_to_take_what_the_model_takes(example):
    batch, _ = ports.load(example.checkpoint, example.model, MAP, steps=1).batches[0]
    expected = example.legacy.forward(batch)["logits"]
    target = str(example.folder / "exported")
    example.legacy.export(target)
    model = exported(target)
    bound = tolerance("exported logits", "float32").bound
    assert np.abs(model(batch) - expected).max() <= bound
    whole = {**batch, "mask": np.ones_like(batch["mask"])}
    assert np.abs(model(whole) - expected).max() > 100 * bound


@pytest.mark.slow
def test_without_the_weights_the_first_rung_parts(example, capsys):
    words = ["--legacy", example.checkpoint, "--modern", example.model, "--map", MAP]
    assert main(["compare", *words, "--steps", "3", "--out", str(example.folder / "raw")]) == 1
    assert "\nFAIL: weights with forget bias differ at " in capsys.readouterr().out


@pytest.mark.slow
def test_the_rungs_are_tests_of_ones_own_suite(example):
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE, OWN_PORT=example.folder)
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout
    broken = example.folder / "broken"
    broken.mkdir()
    for name in os.listdir(example.folder):
        if name.startswith("model.ckpt"):
            os.link(example.folder / name, broken / name)
    optimized(example, epsilon=1e-7).save(broken / "model.keras")
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE, OWN_PORT=broken)
    assert done.returncode == 1
    assert "stepped weights differ at" in done.stdout
    assert "probable cause: epsilon is 1e-07, not 1e-08 (P54)" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize("name", CASES)
def test_what_convert_makes_is_a_right_port(name, tmp_path):
    prefix, _ = carried.unpack(CASES[name], tmp_path)
    blueprint = conversion.read(prefix).blueprint
    path = tmp_path / "map.toml"
    path.write_text(map_of(conversion.read(prefix), name))
    model = build(blueprint)
    model.compile(optimizer=model.optimizer, loss=to_one)
    found = ports.prove(ports.load(prefix, model, str(path), steps=60))
    failed = [entry for entry in found["rungs"] if entry["applies"] and not entry["passed"]]
    if name.startswith("CudnnCompatibleGRUCell"):  # Keras trains two biases there (D18)
        assert {entry["number"] for entry in failed} == {5, 6, 7}
    else:
        assert failed == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "quantity", "cause"),
    [
        (
            {"momentum": 0.99},
            "stepped weights",
            "momentum of the statistics is another: they move 0.1 times as far (P61)",
        ),
        ({"momentum": 1.0}, "stepped weights", "moving statistics not updated (UPDATE_OPS) (P60)"),
        ({"epsilon": 0.01}, "logits", None),
    ],
)
def test_a_wrong_normalization_is_noticed(changes, quantity, cause, tmp_path):
    name = "BasicLSTMCell-rnn-1-float64-Adam-batch_norm"
    prefix, _ = carried.unpack(CASES[name], tmp_path)
    found = conversion.read(prefix)
    path = tmp_path / "map.toml"
    path.write_text(map_of(found, name))
    right = build(found.blueprint)
    config = right.get_config()
    for layer in config["layers"]:
        if layer["class_name"] == "BatchNormalization":
            layer["config"].update(changes)
    with floatx("float64"):
        wrong = type(right).from_config(config)
    wrong.compile(optimizer=right.optimizer, loss=to_one)
    proof = ports.prove(ports.load(prefix, wrong, str(path), load_weights=True, steps=3))
    assert proof["breaks"]["quantity"] == quantity
    causes = [one["cause"] for one in proof["breaks"]["diagnosis"]]
    assert cause is None or causes[0] == cause


@pytest.mark.slow
@pytest.mark.skipif("CHECKPOINTS_DIR" not in os.environ, reason="needs CHECKPOINTS_DIR")
def test_a_public_character_model_is_proved(tmp_path):
    """Two layers of 128 LSTM units, 50 rows of 50 characters, gradients clipped by their norm."""
    name = os.path.join("basic-lstm-1.1-names", "model.ckpt-1594000")
    prefix = os.path.join(os.environ["CHECKPOINTS_DIR"], name)
    found = conversion.read(prefix)
    text = map_of(found, name).replace('"inputs"', '"Placeholder"')
    path = tmp_path / "map.toml"
    path.write_text(text + '\n[graph]\nlabels = "Placeholder_1"')
    model = build(found.blueprint)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=model.optimizer, loss=loss)
    proof = ports.prove(ports.load(prefix, model, str(path), steps=6))
    assert proof["checks"]["different"] == 0


def to_one(labels, made):
    """The loss of tests/goldens/record_carried.py."""
    return keras.ops.mean(keras.ops.square(made - 1))


def map_of(conversion, name):
    """The map of what convert makes of a case."""
    blueprint, layers = conversion.blueprint, []
    scopes = {
        variable: layer.cell.scope
        for layer in conversion.network.recurrent
        for variable in layer.cell.variables.values()
    }
    for spec in blueprint.specs:
        for cell in spec.cells:
            scope = scopes[next(iter(cell.sources.values()))]
            layers.append(f'"{spec.name}/{cell.prefix}'.rstrip("/") + f'" = "{scope}"')
        if not spec.cells:
            roles = ", ".join(f'{role} = "{name}"' for role, name in spec.sources.items())
            layers.append(f"{spec.name} = {{ {roles} }}")
    masks = ['mask = { lengths = "lengths" }'] if blueprint.masked else []
    feed = ["keep_prob = 1.0"] if "dropout" in name else []
    if "batch_norm" in name:
        feed = ["training = false", "[feed_training]", "training = true"]
    return "\n".join(
        ["[layers]", *layers, "[inputs]", 'inputs = "inputs"', *masks, "[feed]", *feed]
    )


# What needs no checkpoint.


def outcome(*entries):
    """What a test of a rung comes to: passed, Skipped or Failed; and what it says."""
    breaks = {"rung": "loss", "diagnosis": [{"cause": "loss summed"}]}
    try:
        RungOfPort("loss", "float32", [*entries], breaks).check()
    except (pytest.skip.Exception, pytest.fail.Exception) as why:
        return type(why).__name__, str(why)
    return "passed", ""


def test_a_rung_of_ones_own_suite_passes_fails_or_is_skipped():
    entry = {"quantity": "loss", "dtype": "float32", "place": "loss[]", "max_abs": 1, "bound": 0.1}
    right = {**entry, "applies": True, "passed": True}
    without = rungs.left_out(3, "no time steps", needed=False, quantity="loss", dtype="float32")
    assert outcome(right) == outcome(right, without) == ("passed", "")
    assert outcome(without) == ("Skipped", "no time steps")
    told = "loss differs at loss (float32): 1 > 0.1\nprobable cause: loss summed"
    assert outcome(right, {**right, "passed": False}) == ("Failed", told)
    needed = {**without, "needed": True, "why": "not compiled"}
    assert outcome(needed) == ("Failed", "not compared: loss (float32): not compiled")
    assert outcome(right, needed) == outcome(needed)
    assert outcome() == ("Failed", "the ladder says nothing of loss in float32")


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
    np.testing.assert_array_equal(both, np.array(calls["both"].made))
    np.testing.assert_array_equal(found["both/forward"][:, -1], found["both/forward/h"])
    np.testing.assert_array_equal(found["both/backward"][:, 0], found["both/backward/h"])
    np.testing.assert_array_equal(found["last/h"], np.array(calls["last"].made))
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


def test_every_rung_says_what_became_of_it():
    """What is not offered, and a dtype that is not there: each with its reason."""
    side = weights_alone(np.ones(2, "float32"))
    missing = {"float64": NotOffered("no kernel of float64")}
    port = ports.Port(
        side, side, [({"x": np.ones((2, 3, 1))}, None)] * 2, dtypes=("float32",), missing=missing
    )
    proof = ports.prove(port)
    found = {(e.get("dtype"), e["number"]): e for e in proof["rungs"]}
    assert set(found) >= {("float32", n) for n in range(1, 9)}
    assert {found["float64", n]["why"] for n in range(1, 8)} == {"no kernel of float64"}
    assert [key for key, entry in found.items() if entry["applies"]] == [("float32", 1)]
    assert proof["outcome"] == "not proved"
    unneeded = [entry for entry in proof["rungs"] if not entry.get("needed", True)]
    assert [entry.get("quantity", entry["rung"]) for entry in unneeded] == [
        "outputs of lengths",
        "bands",
    ]


ACCURACIES = {"legacy": [0.94, 0.938, 0.942], "modern": [0.939, 0.941, 0.94, 0.94]}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("margin", "lower", "passed"), [(0.01, 0, True), (0.001, 0, False), (0.01, 0.009, False)]
)
def test_accuracies_of_ones_own_trainings_are_the_ninth_rung(margin, lower, passed, tmp_path):
    accuracies = {**ACCURACIES, "modern": [one - lower for one in ACCURACIES["modern"]]}
    side = weights_alone(np.ones(2, "float32"))
    port = ports.Port(
        side, side, [({"x": np.ones((2, 3, 1))}, None)], accuracies={**accuracies, "margin": margin}
    )
    found = ports.prove(port)
    (entry,) = [entry for entry in found["rungs"] if entry["number"] == 9]
    assert (entry["applies"], entry["passed"], entry["bound"]) == (True, passed, margin)
    assert found["outcome"] == ("not proved" if passed else "different")  # of the weights alone
    named = ports.prove(port._replace(only=("variables", "bands")))
    assert named["passed"] == passed
    report_files.write(found, tmp_path)
    page = (tmp_path / "report.md").read_text()
    assert "3 and 4 trainings, each from weights of its own" in page


@pytest.fixture(scope="module")
def wrong_ports(example):
    """The wrong ports of the example, and what was found of each."""
    port = ports.load(example.checkpoint, example.model, MAP, load_weights=True)
    tried = port_controls.of(port.legacy("float64"), port.exact("float64"), port.batches[0])
    return tried, port_controls.matrix(port)


@pytest.mark.slow
def test_every_wrong_port_of_the_example_is_noticed_and_its_cause_named(wrong_ports):
    tried, rows = wrong_ports
    assert [row["name"] for row in rows] == [control.name for control in tried]
    assert [row for row in rows if not row["caught"]] == []
    assert {row["rung"] for row in rows} == {"outputs", "loss", "gradients", "one step", "resume"}
    assert [row for row in rows if row["pitfalls"] != [row["id"]]] == []
    assert [row["id"] for row in rows] == [control.pitfall.id for control in tried]
    assert len(rows) >= 20


@pytest.mark.slow
def test_a_wrong_port_that_is_not_noticed_fails_the_command(example, capsys, monkeypatch):
    words = ["--legacy", example.checkpoint, "--modern", example.model, "--map", MAP, "--carry"]
    monkeypatch.setattr(port_controls, "of", lambda *sides: [*_only(sides, "mask ignored")])
    assert main(["compare", *words, "--controls"]) == 0
    assert "1 of 1 known mistakes are noticed" in capsys.readouterr().out

    own = str(example.folder / "own.keras")
    carried_by(example).save(own)
    told = ["--legacy", example.checkpoint, "--modern", own, "--map", MAP]
    with pytest.MonkeyPatch.context() as patch:

        def unknown(side):
            raise NotOffered("the graph's optimizer is not known")

        patch.setattr(CheckpointSide, "slots", unknown)
        assert main(["compare", *told, "--controls"]) == 0
    assert re.search(
        r"^P31 +mask ignored +passes +FAILS.* -$", capsys.readouterr().out, re.MULTILINE
    )

    wrong = str(example.folder / "wrong.keras")
    optimized(example, learning_rate=0.001).save(wrong)
    assert main(["compare", *words[:2], "--modern", wrong, *words[4:-1], "--controls"]) == 2
    assert "the port itself differs: stepped weights; fix it" in capsys.readouterr().err

    def blind(*arguments, **options):
        return ports.rung(*arguments, **options)._replace(bound=1e9)

    monkeypatch.setattr(port_controls, "rung", blind)
    assert main(["compare", *words, "--controls"]) == 1
    assert "not noticed at outputs" in capsys.readouterr().out


ALL_OF = port_controls.of


def _only(sides, name):
    return [control for control in ALL_OF(*sides) if control.name == name]


def test_the_accuracy_is_of_classes():
    logits = np.array([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert accuracy(logits, np.array([1, 0, 0])) == pytest.approx(2 / 3)
    assert accuracy(logits[None], np.array([[1, 0, 1]])) == 1
    for labels in (np.array([1.0, 0, 0]), np.array([1, 0]), np.eye(3, 2)):
        with pytest.raises(NotOffered, match="not classes"):
            accuracy(logits, labels)


def test_a_bound_says_where_it_comes_from():
    held = {"a": np.array([100.0])}
    of_table = ports.rung("outputs", held, held, dtype="float32")
    assert of_table.reason == tolerance("outputs", "float32").reason
    assert of_table.bound == pytest.approx(1e-3)
    near = {"a": np.array([100.0 + 1e-3], "float32")}
    chaotic = ports.rung("outputs", held, held, near, dtype="float32")
    assert chaotic.reason.startswith("8 times what the legacy side itself parts")
    assert chaotic.bound == pytest.approx(8e-3, rel=1e-3)
    summed = ports.rung("gradients", held, held, dtype="float64")
    assert (summed.reason, summed.bound) == ("relative to the largest value", 4e-10)
    moved = ports.rung("outputs", held, {"a": held["a"] + 1e-9}, dtype="float64")
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


RESOURCES = """
[layers]
lstm = "rnn/lstm_cell"
logits = "logits"
[inputs]
inputs = "x"
[graph]
logits = "logits/BiasAdd"
"""


def test_variables_of_the_later_kind_are_exported_with_their_values(tmp_path):
    prefix = saved(tmp_path, lambda: unroll(inputs(), "rnn")[0][:, -1])
    model, path = str(tmp_path / "model.keras"), tmp_path / "map.toml"
    assert main(["convert", prefix, "--to", model]) == 0
    path.write_text(RESOURCES)
    made = ports.load(prefix, model, str(path), steps=1)
    side, (batch, _) = made.legacy("float32"), made.batches[0]
    side.export(str(tmp_path / "exported"))
    found = exported(str(tmp_path / "exported"))(batch)
    assert (
        np.abs(found - side.forward(batch)["logits"]).max() <= tolerance("logits", "float32").bound
    )


def test_a_package_that_is_not_there_has_no_version():
    assert versions.installed("keras", "no_such_package").keys() == {"python", "numpy", "keras"}
