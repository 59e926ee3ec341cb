"""FusedRNN computes what keras.layers.RNN does, gradients included, and shares its files."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from equivalence.modern_side import ModernSide
from modern_tf2 import fused, window_rnn
from shared.config import WindowRNNConfig
from tests.support import oracles
from tf1port.numerics.differences import difference

CONFIG = WindowRNNConfig(window=5, units=4, batch_size=16, kernel="fused")
EXACT = 1e-12  # float64, of numbers around 1


def layer_of(kind, *, units=(4, 3), dtype="float64", **options):
    cells = [keras.layers.SimpleRNNCell(n, bias_initializer="uniform", dtype=dtype) for n in units]
    options = {"return_sequences": True, "return_state": True, "dtype": dtype, **options}
    layer = kind(keras.layers.StackedRNNCells(cells, dtype=dtype), **options)
    layer.build((None, None, 5))
    return layer


def results(layer, *, batch, steps, run=tf.function):
    """Outputs and states of a call, then the gradients of inputs, first states and weights."""
    stream = np.random.RandomState(0)
    inputs = tf.constant(stream.normal(size=(batch, steps, 5)))
    states = [tf.constant(stream.normal(size=(batch, cell.units))) for cell in layer.cell.cells]
    weights = [variable.value for variable in layer.trainable_variables]

    def call(inputs, states):
        with tf.GradientTape() as tape:
            tape.watch([inputs, *states])
            outputs = tf.nest.flatten(layer(inputs, initial_state=states))
            loss = tf.add_n([tf.reduce_sum(tf.sin(output)) for output in outputs])
        sources = [inputs, *states, *weights]
        return [*outputs, *tape.gradient(loss, sources, unconnected_gradients="zero")]

    return [value.numpy() for value in run(call)(inputs, states)]


def gap(layer, *, same=None, **options):
    """The largest difference from keras.layers.RNN with the same weights and arguments."""
    same = same or layer_of(keras.layers.RNN, go_backwards=layer.go_backwards)
    same.set_weights(layer.get_weights())
    pairs = zip(*(results(one, **options) for one in (layer, same)), strict=True)
    return max(np.abs(one - other).max(initial=0) for one, other in pairs)


def test_everything_is_as_in_keras():
    assert gap(layer_of(fused.FusedRNN), batch=3, steps=4, run=lambda call: call) < EXACT


@pytest.mark.slow
@pytest.mark.sampled(5)
@pytest.mark.parametrize("batch", [1, 2, 5])
@pytest.mark.parametrize("steps", [1, 7, 6, 67])  # one piece, and loops with UNROLLED of 4
@pytest.mark.parametrize("backwards", [False, True])
def test_every_length_and_batch_is_exact_in_a_graph(monkeypatch, batch, steps, backwards):
    monkeypatch.setattr(fused, "UNROLLED", 4)
    layer = layer_of(fused.FusedRNN, go_backwards=backwards)
    assert gap(layer, batch=batch, steps=steps) < EXACT
    monkeypatch.setattr(fused, "UNROLLED", 64)
    assert gap(layer, batch=batch, steps=steps) < EXACT


@pytest.mark.slow
def test_finite_differences_confirm_the_gradient():
    stream = np.random.RandomState(1)
    arguments = [tf.constant(stream.normal(size=s)) for s in ((3, 2, 4), (2, 4), (4, 4))]
    theory, numbers = tf.test.compute_gradient(
        lambda *values: tf.sin(fused._recurrence(*values)), arguments, delta=1e-4
    )
    for one, other in zip(theory, numbers, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def broken(name):
    """_steps with a fault; only the way back is `reverse`."""
    right = fused._steps

    def state_lost(step, state, sequences, *, reverse=False):
        return right(step, state if reverse else tf.zeros_like(state), sequences, reverse=reverse)

    def order_lost(step, state, sequences, *, reverse=False):
        return right(step, state, sequences)

    def chain_cut(step, state, sequences, *, reverse=False):
        if not reverse:
            return right(step, state, sequences)
        return tf.stack([step(tf.zeros_like(state), *values) for values in zip(
            *map(tf.unstack, sequences), strict=True)])  # fmt: skip

    return {"state": state_lost, "order": order_lost, "chain": chain_cut}[name]


@pytest.mark.parametrize("name", ["state", "order", "chain"])
def test_a_wrong_recurrence_is_seen(monkeypatch, name):
    monkeypatch.setattr(fused, "_steps", broken(name))
    assert gap(layer_of(fused.FusedRNN), batch=3, steps=4, run=lambda call: call) > 1e-3


def test_a_missing_bias_gradient_and_another_last_step_are_seen(monkeypatch):
    right = fused._project
    with monkeypatch.context() as patch:
        patch.setattr(fused, "_project", lambda x, w, b: right(x, w, tf.stop_gradient(b)))
        assert gap(layer_of(fused.FusedRNN), batch=3, steps=4, run=lambda call: call) > 1e-3
    monkeypatch.setattr(fused, "_last", lambda sequence: sequence[0])
    assert gap(layer_of(fused.FusedRNN), batch=3, steps=4, run=lambda call: call) > 1e-3


@pytest.mark.parametrize(
    "options",
    [{"activation": "relu"}, {"use_bias": False}, {"dropout": 0.1}, {"recurrent_dropout": 0.1}],
    ids=str,
)
def test_other_cells_are_refused(options):
    cells = [keras.layers.SimpleRNNCell(3), keras.layers.SimpleRNNCell(3, **options)]
    with pytest.raises(ValueError, match=r"use keras\.layers\.RNN"):
        fused.FusedRNN(keras.layers.StackedRNNCells(cells))


def test_a_cell_without_a_stack_and_a_mask_are_refused():
    with pytest.raises(ValueError, match=r"use keras\.layers\.RNN"):
        fused.FusedRNN(keras.layers.SimpleRNNCell(3))
    with pytest.raises(ValueError, match="has no mask"):
        layer_of(fused.FusedRNN)(np.ones((2, 3, 5)), mask=np.ones((2, 3), bool))


@pytest.mark.slow
@pytest.mark.parametrize(("first", "second"), [("auto", "fused"), ("fused", "auto")])
def test_a_file_gives_the_model_back_and_its_weights_fit_the_other_kernel(first, second, tmp_path):
    one, other = (
        window_rnn.build_model(dataclasses.replace(CONFIG, kernel=kernel))
        for kernel in (first, second)
    )
    images = np.random.RandomState(2).uniform(size=(3, 5, 28)).astype("float32")
    one.optimizer.build(one.trainable_variables)  # Keras loads no optimizer without its slots
    one.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert type(loaded.get_layer("rnn")) is type(one.get_layer("rnn"))
    np.testing.assert_array_equal(loaded(images), one(images))
    assert np.abs(one(images) - other(images)).max() > 1e-3
    other.set_weights(loaded.get_weights())
    assert np.abs(one(images) - other(images)).max() < 1e-6
    assert [v.path for v in one.weights] == [v.path for v in other.weights]


@pytest.mark.slow
def test_fifty_steps_train_as_with_keras():
    config = dataclasses.replace(CONFIG, window=19, units=31)
    weights = oracles.random_weights(config)
    stream = np.random.RandomState(4)
    batches = [(stream.uniform(size=(16, 19, 28)), stream.randint(0, 10, 16)) for _ in range(50)]
    trained = []
    for kernel in ("auto", "fused"):
        side = ModernSide(dataclasses.replace(config, kernel=kernel), weights, dtype="float64")
        assert isinstance(side.model.get_layer("rnn"), fused.FusedRNN) == (kernel == "fused")
        trained.append({"loss": side.train_steps(batches), **side.weights()})
    assert difference(*trained).max_abs < 1e-10
