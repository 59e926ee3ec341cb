"""Checkpoints of TensorFlow 1.15.5, of each kind of cell, against what convert makes of them."""

import os

import keras
import numpy as np
import pytest

from tests.goldens import carried
from tests.tf1port.test_refusals import inputs, saved, unroll
from tf1port.__main__ import main
from tf1port.comparison.port import port as ports
from tf1port.comparison.sides.exported import exported
from tf1port.conversion import plan as conversion
from tf1port.keras_model.build import build
from tf1port.numerics.precision import floatx
from tf1port.numerics.tolerances import tolerance

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
        "GRUCell-stack-2-float32-RMSProp-lengths",
        "GRUCell-rnn-1-float64-Momentum-layer_norm",
        "LSTMBlockFusedCell-rnn-1-float32-use_peephole=True-cell_clip=0.4-Momentum",
        "LayerNormBasicLSTMCell-multi-2-float64-Adam",
    }
}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", CASES)
def test_what_convert_makes_is_a_right_port(name, tmp_path):
    prefix, _ = carried.unpack(CASES[name], tmp_path)
    blueprint = conversion.read(prefix).blueprint
    path = tmp_path / "map.toml"
    path.write_text(map_of(conversion.read(prefix), name))
    model = build(blueprint)
    model.compile(optimizer=model.optimizer, loss=to_one)
    found = ports.prove(ports.load(prefix, model, str(path), steps=60))
    failed = [entry for entry in found["checks"] if entry["applies"] and not entry["passed"]]
    assert failed == []


@pytest.mark.slow
@pytest.mark.sampled(3)
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
    assert proof["counts"]["different"] == 0


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
