"""The worked example of a port: every check, wrong ports of it, its own suite."""

import os
import re
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest

from tests.conftest import ROOT
from tf1port.__main__ import main
from tf1port.comparison.controls import port as port_controls
from tf1port.comparison.port import port as ports
from tf1port.comparison.sides.checkpoint import CheckpointSide
from tf1port.comparison.sides.exported import exported
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.numerics.tolerances import tolerance

EXAMPLE = os.path.join(ROOT, "examples", "own_port")


MAP = os.path.join(EXAMPLE, "map.toml")


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


def gates_reordered(example):
    model = carried_by(example)
    layer = model.get_layer("upper")
    parts = [np.split(value, 4, axis=-1) for value in layer.get_weights()]
    layer.set_weights([np.concatenate([i, c, f, o], axis=-1) for i, f, c, o in parts])
    return model


def layers_exchanged(example):
    model = carried_by(example)
    lower, upper = (model.get_layer(name) for name in ("lower", "upper"))
    weights = lower.get_weights()
    recurrent = upper.get_weights()[1]
    upper.set_weights([upper.get_weights()[0], *weights[1:]])
    lower.set_weights([weights[0], recurrent, lower.get_weights()[2]])
    return model


def default_epsilon(example):
    return optimized(example, epsilon=1e-7)


def not_clipped(example):
    return optimized(example, global_clipnorm=None)


def slots_lost(example):
    model = carried_by(example)
    count = int(model.optimizer.iterations)
    model = compiled(model)
    model.optimizer.build(model.trainable_variables)
    model.optimizer.iterations.assign(count)
    return model


def compiled(model, **changes):
    options = {"learning_rate": 0.003, "epsilon": 1e-8, "global_clipnorm": 1.0, **changes}
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(optimizer=keras.optimizers.Adam(**options), loss=loss)
    return model


def carried_by(example, model=None):
    """A model with the weights and the optimizer's state of the example's checkpoint."""
    return ports.loaded_copy(model or example.modern.build_model(), example.legacy)


def optimized(example, **changes):
    return carried_by(example, compiled(example.modern.build_model(), **changes))


# As a user makes them by hand; others are among the known mistakes that the command tries.
WRONG = [
    (
        gates_reordered,
        "weights with forget bias",
        "gates in the order i, c, f, o for i, f, c, o in",
    ),
    (layers_exchanged, "weights with forget bias", None),
    (default_epsilon, "stepped weights", "epsilon is 1e-07, not 1e-08"),
    (not_clipped, "slots", "global_clipnorm is None, not 1"),
    (slots_lost, "slots", "slots not loaded"),
]


@pytest.mark.slow
@pytest.mark.sampled(3)
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
def test_the_example_passes_every_check(example, capsys):
    out = example.folder / "out"
    words = ["--legacy", example.checkpoint, "--modern", example.model, "--map", MAP, "--carry"]
    assert main(["compare", *words, "--out", str(out)]) == 0
    told = capsys.readouterr().out
    (verdict,) = re.findall(r"^PASS: equal on (\d+) of (\d+) checks \((.*)\)$", told, re.MULTILINE)
    assert verdict[0] == verdict[1]
    assert (int(verdict[0]) > 25, verdict[2]) == (
        True,
        "claim: outputs, training and exports: checks 1 to 8",
    )
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
def test_without_the_weights_the_first_check_parts(example, capsys):
    words = ["--legacy", example.checkpoint, "--modern", example.model, "--map", MAP]
    assert main(["compare", *words, "--steps", "3", "--out", str(example.folder / "raw")]) == 1
    assert "\nFAIL: weights with forget bias differ at " in capsys.readouterr().out


@pytest.mark.slow
def test_the_checks_are_tests_of_ones_own_suite(example):
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", EXAMPLE, OWN_PORT=example.folder)
    assert done.returncode == 0, done.stdout
    assert "15 passed" in done.stdout
    broken = example.folder / "broken"
    broken.mkdir()
    for name in os.listdir(example.folder):
        if name.startswith("model.ckpt"):
            os.link(example.folder / name, broken / name)
    optimized(example, epsilon=1e-7).save(broken / "model.keras")
    words = ["-k", "float64-one-step", EXAMPLE]
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", *words, OWN_PORT=broken)
    assert done.returncode == 1
    assert "stepped weights differ at" in done.stdout
    assert "probable cause: epsilon is 1e-07, not 1e-08 (P54)" in done.stdout


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
    assert {row["check"] for row in rows} == {"outputs", "loss", "gradients", "one step", "resume"}
    assert [row for row in rows if row["pitfalls"] != [row["id"]]] == []
    assert [row["id"] for row in rows] == [control.pitfall.id for control in tried]
    assert len(rows) >= 20


@pytest.mark.slow
def test_a_wrong_port_that_is_not_noticed_fails_the_command(example, capsys, monkeypatch):
    words = ["--legacy", example.checkpoint, "--modern", example.model, "--map", MAP]
    words += ["--steps", "12", "--carry"]
    monkeypatch.setattr(port_controls, "of", lambda *sides: [*_only(sides, "mask ignored")])
    assert main(["compare", *words, "--controls"]) == 0
    assert "1 of 1 known mistakes are noticed" in capsys.readouterr().out

    own = str(example.folder / "own.keras")
    carried_by(example).save(own)
    told = ["--legacy", example.checkpoint, "--modern", own, "--map", MAP, "--steps", "12"]
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
        return ports.check(*arguments, **options)._replace(bound=1e9)

    monkeypatch.setattr(port_controls, "check", blind)
    assert main(["compare", *words, "--controls"]) == 1
    assert "not noticed at outputs" in capsys.readouterr().out


ALL_OF = port_controls.of


def _only(sides, name):
    return [control for control in ALL_OF(*sides) if control.name == name]
