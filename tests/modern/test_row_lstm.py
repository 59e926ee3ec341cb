"""The Keras row LSTM: four kernels with the same weights, and what its files hold."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from modern_tf2 import row_lstm
from shared.config import RowLSTMConfig

CONFIG = RowLSTMConfig(units=8)


def model_of(kernel):
    return row_lstm.build_model(dataclasses.replace(CONFIG, kernel=kernel))


@pytest.fixture(scope="module")
def images():
    return np.random.RandomState(0).uniform(size=(5, 28, 28)).astype("float32")


@pytest.mark.parametrize("kernel", RowLSTMConfig.kernels)
def test_shapes(kernel, images):
    model = model_of(kernel)
    outputs = row_lstm.layer_outputs(model)(images)
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes == {
        "lstm": (5, 28, 8),
        "lstm/c": (5, 8),
        "lstm/h": (5, 8),
        "normalization": (5, 8),
        "logits": (5, 10),
    }
    assert model.input_shape == (None, 28, 28)
    assert {v.path: tuple(v.shape) for v in model.weights} == {
        path: value.shape
        for path, value in row_lstm.to_variables(
            {name: np.zeros(shape) for name, shape in CONFIG.weight_shapes().items()},
            dataclasses.replace(CONFIG, kernel=kernel),
        ).items()
    }


def test_kernels_are_what_they_say():
    layers = [model_of(kernel).get_layer("lstm") for kernel in RowLSTMConfig.kernels]
    assert [type(layer) for layer in layers] == [
        keras.layers.LSTM,
        keras.layers.RNN,
        row_lstm.FusedLSTM,
        keras.layers.LSTM,
    ]
    assert [getattr(layer, "unroll", False) for layer in layers] == [False, False, False, True]
    assert isinstance(layers[1].cell, keras.layers.LSTMCell)


@pytest.mark.sampled(3)
@pytest.mark.parametrize("first", RowLSTMConfig.kernels)
@pytest.mark.parametrize("second", RowLSTMConfig.kernels)
def test_set_weights_gives_the_same_predictions(first, second, images):
    keras.utils.set_random_seed(3)
    one, other = model_of(first), model_of(second)
    assert np.abs(one(images).numpy() - other(images).numpy()).max() > 1e-3
    other.set_weights(one.get_weights())
    assert np.abs(one(images).numpy() - other(images).numpy()).max() < 1e-6


def test_fresh_starts_have_the_same_distribution():
    for kernel in RowLSTMConfig.kernels:
        kernels = dict(
            zip(("x", "h", "b"), model_of(kernel).get_layer("lstm").get_weights(), strict=True)
        )
        assert np.abs(kernels["x"]).max() <= np.sqrt(6 / (28 + 32))
        np.testing.assert_allclose(kernels["h"] @ kernels["h"].T, np.eye(8), atol=1e-5)
        np.testing.assert_array_equal(kernels["b"], np.repeat([0, 1, 0, 0], 8))


@pytest.mark.parametrize("kernel", RowLSTMConfig.kernels)
def test_file_gives_the_model_back(kernel, images, tmp_path):
    model = model_of(kernel)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model(images), loaded(images))
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]


@pytest.mark.parametrize("batch", [1, 2, 3, 8])  # it is halved: one half may have no rows
def test_fused_kernel_takes_any_length_and_batch(batch):
    layer = row_lstm.FusedLSTM(4, return_sequences=True, return_state=True)
    inputs = np.random.RandomState(1).normal(size=(batch, 5, 2)).astype("float32")
    layer(inputs)
    same = keras.layers.LSTM(4, return_sequences=True, return_state=True)
    same.build(inputs.shape)
    same.set_weights(layer.get_weights())
    found = []
    for lstm in (layer, same):
        with tf.GradientTape() as tape:
            outputs = lstm(inputs)
            loss = sum(tf.reduce_sum(tf.square(output)) for output in outputs)
        weights = [variable.value for variable in lstm.trainable_variables]
        found.append([*outputs, *tape.gradient(loss, weights)])
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def gradient_gap(fused):
    """How far the kernel's gradient of a fused op is from that of the same LSTM, written out."""
    stream = np.random.RandomState(0)
    sequence = tf.constant(stream.normal(size=(7, 5, 3)).astype("float32"))  # [T, B, F]
    weights = tf.constant(stream.normal(0, 0.5, (3 + 4, 16)).astype("float32"))

    def plain(weights):
        h = c = tf.zeros((5, 4))
        for step in sequence:
            i, f, g, o = tf.split(tf.concat((step, h), 1) @ weights, 4, axis=1)
            c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
            h = tf.sigmoid(o) * tf.tanh(c)
        return c, h

    gradients = []
    for lstm in (plain, lambda weights: fused(sequence, weights)):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            c, h = lstm(weights)
            loss = tf.reduce_sum(tf.square(c) + tf.square(h))
        gradients.append(tape.gradient(loss, weights).numpy())
    return np.abs(gradients[0] - gradients[1]).max()


def registered(sequence, weights):
    """The op with the gradient that TensorFlow registers for it."""
    zeros, none = tf.zeros((5, 4)), tf.zeros((4,))
    found = tf.raw_ops.BlockLSTMV2(
        seq_len_max=tf.constant(7, tf.int64),
        x=sequence,
        cs_prev=zeros,
        h_prev=zeros,
        w=weights,
        wci=none,
        wcf=none,
        wco=none,
        b=tf.zeros((16,)),
    )
    return found.cs[-1], found.h[-1]


def named(sequence, weights):
    c, h = row_lstm._block_lstm(sequence, weights, tf.zeros((16,)))
    return c[-1], h[-1]


def test_the_gradient_that_tensorflow_registers_trains_wrongly():
    """Why the gradient op is named; fails when TensorFlow fixes its registration."""
    assert gradient_gap(named) < 1e-5
    assert gradient_gap(registered) > 0.1


def test_float64_is_refused_by_name():
    config = dataclasses.replace(CONFIG, kernel="fused-cpu")
    with pytest.raises(ValueError, match="float32"):
        row_lstm.build_model(config, dtype="float64")


def test_fused_kernel_keeps_its_model_away_from_xla(images):
    model = model_of("fused-cpu")
    with pytest.warns(UserWarning, match="Proceeding with `jit_compile=False`"):
        model.compile(optimizer="sgd", loss=model.loss, jit_compile=True)
    model.fit(images, np.arange(5), verbose=0)
    assert not model.jit_compile
