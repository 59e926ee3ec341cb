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
def converted_case(request, tmp_path_factory):
    """A case with its checkpoint, and what convert made of it."""
    folder = tmp_path_factory.mktemp("carried")
    prefix, golden = carried.unpack(request.param, folder)
    target = str(folder / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0
    model_map = json.loads((folder / "model.json").read_text())
    dtype = request.param.case.dtype
    return SimpleNamespace(
        case=request.param,
        prefix=prefix,
        target=target,
        model_map=model_map,
        golden=golden,
        dtype=dtype,
    )


def fed(converted_case, number):
    """What Keras' model takes of a batch."""
    inputs = carried.batch(number, converted_case.dtype)
    if not converted_case.case.lengths:
        return inputs
    return [inputs, np.arange(carried.STEPS) < np.array(carried.LENGTHS)[:, None]]


@pytest.mark.sampled(3)
def test_the_model_computes_what_tensorflow_1_did(converted_case):
    computed = np.array(keras.models.load_model(converted_case.target)(fed(converted_case, 0)))
    expected = converted_case.golden["made"]
    assert (computed.dtype, computed.shape) == (expected.dtype, expected.shape)
    scale = max(1, np.abs(expected).max())
    bound = tolerance("cell outputs", converted_case.dtype).bound
    assert np.abs(computed - expected).max() <= bound * scale


def test_every_variable_has_its_place(converted_case):
    assert converted_case.model_map["unused"] == []
    assert converted_case.model_map["optimizer"]["iterations"] == carried.TRAINED


def arrays(prefix):
    reader = tf.train.load_checkpoint(prefix)
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


@pytest.mark.slow
@pytest.mark.sampled(4)
def test_verify_agrees(converted_case):
    assert main(["verify", converted_case.prefix, converted_case.target]) == 0


def test_slots_are_moved_bit_by_bit(converted_case):
    model, values = keras.models.load_model(converted_case.target), arrays(converted_case.prefix)
    optimizer = converted_case.model_map["optimizer"]
    mappings = {layer["name"]: layer["cells"] for layer in converted_case.model_map["layers"]}
    if optimizer["kind"] == "SGD" and "momentum" in optimizer["slots"]:
        return  # Keras holds the step, not the sum of gradients: see there and back
    for slot, layers in optimizer["slots"].items():
        for name, roles in layers.items():
            expected = layer_weights.to_keras(
                [layer_weights.CellMapping(**part) for part in mappings[name]],
                {role: values[variable] for role, variable in roles.items()},
                linear=True,
            )
            variables = layer_weights.slots(
                model.get_layer(name), layer_weights.slots_by_variable(model, slot)
            )
            assert variables.keys() == expected.keys()
            for role, variable in variables.items():
                assert np.array(variable).tobytes() == expected[role].tobytes()


def test_what_comes_back_is_what_was(converted_case, tmp_path):
    back = str(tmp_path / "back.ckpt")
    assert main(["convert", converted_case.target, "--reverse", "--to", back]) == 0
    actual, expected = arrays(back), arrays(converted_case.prefix)
    assert actual.keys() == expected.keys()
    for name, value in expected.items():
        assert (actual[name].dtype, actual[name].shape) == (value.dtype, value.shape)
        if actual[name].tobytes() != value.tobytes():
            quantity = _rounded(name)
            scale = np.maximum(1, np.abs(value)) if "bias" in quantity else np.abs(value)
            gap = np.abs(actual[name] - value) / np.maximum(
                scale, np.finfo(converted_case.dtype).tiny
            )
            assert gap.max() <= tolerance(quantity, converted_case.dtype).bound, name


def _rounded(name):
    """What may come back rounded: forget biases, and momentum that was a step in between."""
    if name.endswith("/Momentum"):
        return "momentum, round trip"
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
    values = arrays(prefix)
    actual = outputs @ values["logits/kernel"] + values["logits/bias"]
    assert np.abs(actual - golden["made"]).max() <= tolerance("cell outputs", "float64").bound


@pytest.mark.slow
@pytest.mark.sampled(4)
def test_training_goes_on_as_in_tensorflow_1(converted_case):
    blueprint = conversion.read(converted_case.prefix).blueprint
    with floatx(converted_case.dtype):
        model = build(blueprint)
        if blueprint.optimizer.kind == "Adam":
            model.compile(optimizers.TF1PowersAdam(**blueprint.optimizer.options))
            blueprint.optimizer.restore(model)
        step = training_step(model, keras.losses.MeanSquaredError(dtype=converted_case.dtype))
        numbers = range(carried.TRAINED, carried.TRAINED + carried.MORE)
        losses = np.array([step(fed(converted_case, number)) for number in numbers])
    gap = np.abs(losses - converted_case.golden["losses"]).max()
    assert gap <= tolerance("losses of 100 resumed steps", converted_case.dtype).bound


def training_step(model, loss_function):
    """One step towards ones; gives its loss in the model's own dtype, `fit` would in float32."""

    @tf.function
    def step(inputs):
        with tf.GradientTape() as tape:
            outputs = model(inputs, training=True)
            loss = loss_function(tf.ones_like(outputs), outputs)
        variables = model.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        model.optimizer.apply(gradients, variables)
        return loss

    return lambda inputs: step(inputs).numpy()
