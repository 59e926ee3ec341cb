"""Ports whose optimizer is another one than the graph's, or which have none."""

import keras
import numpy as np
import pytest

from tests.tf1port import graphs
from tests.tf1port.graphs import Case
from tf1port.comparison.controls import port as controls
from tf1port.comparison.port import port as ports
from tf1port.conversion import plan as conversion
from tf1port.keras_model.build import build
from tf1port.numerics.optimizers import TF1PowersAdam

MAP = """
[layers]
lstm = "rnn/basic_lstm_cell"
logits = { kernel = "logits/kernel", bias = "logits/bias" }
[inputs]
inputs = "Placeholder"
"""


def to_one(labels, made):
    """The loss of tests/tf1port/graphs.py."""
    return keras.ops.mean(keras.ops.square(made - 1))


def made(folder, optimizer, other=None):
    """A checkpoint of a graph, its map, and the model that convert makes with other's optimizer."""
    saved = graphs.save(Case("BasicLSTMCell", optimizer=optimizer), folder)
    model = build(conversion.read(saved.prefix).blueprint)
    if other:
        model.compile(optimizer=other, loss=to_one)
    path = folder / "map.toml"
    path.write_text(MAP)
    return saved.prefix, model, str(path)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("legacy", "modern", "quantity", "cause"),
    [
        ("SGD", "adam", "slots", "the optimizer is Adam, not SGD (P51)"),
        ("Momentum", "adam", "slots", "the optimizer is Adam, not SGD (P51)"),
        ("RMSProp", "sgd", "slots", "the optimizer is SGD, not RMSprop (P51)"),
        ("Adam", "adamw", "slots", "the optimizer is AdamW, not Adam (P51)"),
        ("SGD", "sgd", "stepped weights", "learning_rate is 0.01, not 0.1 (P52)"),
    ],
)
def test_another_optimizer_is_noticed_and_named(legacy, modern, quantity, cause, tmp_path):
    found = ports.prove(ports.load(*made(tmp_path, legacy, modern), load_weights=True, steps=3))
    assert found["breaks"]["quantity"] == quantity
    assert [one["cause"] for one in found["breaks"]["diagnosis"]] == [cause]
    passed = {e["number"] for e in found["checks"] if e["applies"] and e["passed"]}
    assert passed >= {1, 2, 3, 4, 8}  # 8: the exports are compared with legacy's weights


@pytest.mark.slow
@pytest.mark.parametrize("other", [None, "adam"])
def test_a_graph_that_trains_nothing_is_carried_and_held(other, tmp_path):
    prefix, model, path = made(tmp_path, "", other)
    model.set_weights([np.zeros_like(value) for value in model.get_weights()])
    found = ports.prove(ports.load(prefix, model, path, load_weights=True, steps=3))
    assert found["outcome"] == "not proved"
    assert {e["number"] for e in found["checks"] if e["applies"]} == {1, 2, 8}
    rows = controls.matrix(ports.load(prefix, model, path, load_weights=True, steps=3))
    assert len(rows) >= 8
    tried = [row for row in rows if not row["not_run"]]
    assert len(tried) >= 8
    assert [row["name"] for row in tried if not (row["caught"] and row["diagnosis"])] == []


@pytest.mark.slow
def test_a_wrong_port_of_a_graph_that_trains_nothing_is_explained(tmp_path):
    prefix, model, path = made(tmp_path, "")
    layer = model.get_layer("lstm")
    gates = [np.split(value, 4, axis=-1) for value in layer.get_weights()]
    layer.set_weights([np.concatenate([i, c, f, o], axis=-1) for i, f, c, o in gates])
    found = ports.prove(ports.load(prefix, model, path, steps=3))
    assert found["breaks"]["quantity"] == "weights with forget bias"
    causes = [one["cause"] for one in found["breaks"]["diagnosis"]]
    assert causes == ["gates in the order i, c, f, o for i, f, c, o (P6)"]


@pytest.mark.slow
def test_an_optimizer_of_ones_own_goes_by_the_class_that_it_derives_from(tmp_path):
    changed = TF1PowersAdam(learning_rate=0.01, beta_1=0.8, beta_2=0.95, epsilon=1e-3)
    found = ports.prove(ports.load(*made(tmp_path, "Adam", changed), load_weights=True, steps=3))
    assert found["breaks"]["quantity"] == "stepped weights"
    causes = [one["cause"] for one in found["breaks"]["diagnosis"]]
    assert causes == ["epsilon is 0.001, not 1e-05 (P54)"]


@pytest.mark.slow
def test_what_another_optimizer_does_not_explain_alone_is_explained_by_nothing(tmp_path):
    wrong = {"learning_rate": 0.02, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-5}
    prefix, model, path = made(tmp_path, "Adam", keras.optimizers.AdamW(**wrong))
    model.get_layer("lstm").cell.kernel_constraint = keras.constraints.MaxNorm(0.1)
    found = ports.prove(ports.load(prefix, model, path, load_weights=True, steps=3))
    assert found["breaks"]["quantity"] == "stepped weights"
    assert found["breaks"]["diagnosis"] == []
