"""Checkpoints of TensorFlow 1.15.5, one for each way to build a network, go all the way."""

import json
import os
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.goldens import carried
from tf1port.__main__ import main
from tf1port.conversion import plan as conversion
from tf1port.keras_model import layer_weights
from tf1port.keras_model.build import build
from tf1port.numerics import optimizers
from tf1port.numerics.precision import floatx
from tf1port.numerics.tolerances import tolerance

# Those that the fast tests take: between them every kind of wiring.
FAST = (
    "BasicLSTMCell-bidirectional-2-float64-Adam",
    "BasicLSTMCell-multi-2-float64-Adam-residual",
    "LSTMBlockFusedCell-rnn-1-float32-Adam-lengths",
    "LayerNormBasicLSTMCell-bidirectional-1-float64-Adam",
)
CASES = {case.name: case for case in carried.CARRIED}
PARAMS = [
    pytest.param(case, marks=[pytest.mark.slow] * (name not in FAST), id=name)
    for name, case in CASES.items()
]


@pytest.fixture(scope="module", params=PARAMS)
def made(request, tmp_path_factory):
    """A case with its checkpoint, and what convert made of it."""
    folder = tmp_path_factory.mktemp("carried")
    prefix, golden = carried.unpack(request.param, folder)
    target = str(folder / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0
    told = json.loads((folder / "model.json").read_text())
    dtype = request.param.case.dtype
    return SimpleNamespace(
        case=request.param, prefix=prefix, target=target, told=told, golden=golden, dtype=dtype
    )


def fed(made, number):
    """What Keras' model takes of a batch."""
    inputs = carried.batch(number, made.dtype)
    if not made.case.lengths:
        return inputs
    return [inputs, np.arange(carried.STEPS) < np.array(carried.LENGTHS)[:, None]]


def test_the_model_computes_what_tensorflow_1_did(made):
    computed = np.array(keras.models.load_model(made.target)(fed(made, 0)))
    expected = made.golden["made"]
    assert (computed.dtype, computed.shape) == (expected.dtype, expected.shape)
    scale = max(1, np.abs(expected).max())
    bound = tolerance("cell outputs", made.dtype).bound
    assert np.abs(computed - expected).max() <= bound * scale


def test_every_variable_has_its_place(made):
    assert made.told["unused"] == []
    assert made.told["optimizer"]["iterations"] == carried.TRAINED


def arrays(prefix):
    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.slow
def test_verify_agrees(made):
    assert main(["verify", made.prefix, made.target]) == 0


def test_slots_are_moved_bit_by_bit(made):
    model, held = keras.models.load_model(made.target), arrays(made.prefix)
    told = made.told["optimizer"]
    parts = {layer["name"]: layer["cells"] for layer in made.told["layers"]}
    if told["kind"] == "SGD" and "momentum" in told["slots"]:
        return  # Keras holds the step, not the sum of gradients: see there and back
    for slot, layers in told["slots"].items():
        for name, roles in layers.items():
            expected = layer_weights.to_keras(
                [layer_weights.Part(**part) for part in parts[name]],
                {role: held[variable] for role, variable in roles.items()},
                linear=True,
            )
            found = layer_weights.slots(model, model.get_layer(name), slot)
            assert found.keys() == expected.keys()
            for role, variable in found.items():
                assert np.array(variable).tobytes() == expected[role].tobytes()


def test_what_comes_back_is_what_was(made, tmp_path):
    back = str(tmp_path / "back.ckpt")
    assert main(["convert", made.target, "--reverse", "--to", back]) == 0
    found, expected = arrays(back), arrays(made.prefix)
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert (found[name].dtype, found[name].shape) == (value.dtype, value.shape)
        if found[name].tobytes() != value.tobytes():
            quantity = _rounded(name)
            scale = np.maximum(1, np.abs(value)) if "bias" in quantity else np.abs(value)
            gap = np.abs(found[name] - value) / np.maximum(scale, np.finfo(made.dtype).tiny)
            assert gap.max() <= tolerance(quantity, made.dtype).bound, name


def _rounded(name):
    """What may come back rounded: forget biases, and momentum that was a step in between."""
    if name.endswith("/Momentum"):
        return "momentum there and back"
    assert name.endswith(("/bias", "forget/beta")), name
    return "weights with forget bias"


@pytest.mark.parametrize(
    "name",
    ["BasicLSTMCell-bidirectional-2-float64-Adam", "LSTMCell-stack-2-float64-num_proj=2-Nesterov"],
)
def test_without_a_graph_names_tell_the_directions(name, tmp_path):
    prefix, golden = carried.unpack(CASES[name], tmp_path)
    os.remove(prefix + ".meta")
    target = str(tmp_path / "cells.keras")
    flags = ["--forget-bias", "1.0", "--activation", "tanh"]
    assert main(["convert", prefix, "--to", target, *flags]) == 0
    outputs = np.array(keras.models.load_model(target)(carried.batch(0, "float64")))[:, -1]
    held = arrays(prefix)
    made = outputs @ held["logits/kernel"] + held["logits/bias"]
    assert np.abs(made - golden["made"]).max() <= tolerance("cell outputs", "float64").bound


@pytest.mark.slow
def test_training_goes_on_as_in_tensorflow_1(made):
    blueprint = conversion.read(made.prefix).blueprint
    with floatx(made.dtype):
        model = build(blueprint)
        if blueprint.optimizer.kind == "Adam":
            model.compile(optimizers.TF1PowersAdam(**blueprint.optimizer.options))
            blueprint.optimizer.restore(model)
        step = training_step(model, keras.losses.MeanSquaredError(dtype=made.dtype))
        numbers = range(carried.TRAINED, carried.TRAINED + carried.MORE)
        losses = np.array([step(fed(made, number)) for number in numbers])
    gap = np.abs(losses - made.golden["losses"]).max()
    if "CompatibleGRU" in made.case.name:  # two biases learn where one did (D18)
        assert "training goes on differently" in made.told["optimizer"]["notes"][0]
        assert gap > tolerance("losses of 100 resumed steps", made.dtype).bound
        return
    assert gap <= tolerance("losses of 100 resumed steps", made.dtype).bound


def training_step(model, loss_function):
    """One step towards ones; gives its loss in the model's own dtype, `fit` would in float32."""

    @tf.function
    def step(inputs):
        with tf.GradientTape() as tape:
            made = model(inputs, training=True)
            loss = loss_function(tf.ones_like(made), made)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        model.optimizer.apply(gradients, variables)
        return loss

    return lambda inputs: step(inputs).numpy()
