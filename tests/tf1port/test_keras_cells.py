"""The cells that Keras has no layer for: serializable, of either dtype, and LSTMs at heart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from tf1port.cells.keras import ExtendedLSTMCell, LayerNormLSTMCell
from tf1port.numerics.precision import floatx
from tf1port.numerics.tolerances import tolerance

FEATURES, UNITS = 3, 4
CELLS = {
    "plain": (ExtendedLSTMCell, {}),
    "peepholes": (ExtendedLSTMCell, {"peepholes": True}),
    "projection": (ExtendedLSTMCell, {"projection": 2, "activation": "relu"}),
    "everything": (
        ExtendedLSTMCell,
        {"peepholes": True, "projection": 2, "cell_clip": 1.5, "projection_clip": 0.5},
    ),
    "layer norm": (LayerNormLSTMCell, {}),
    "layer norm, relu": (LayerNormLSTMCell, {"activation": "relu", "epsilon": 1e-3}),
}
INPUTS = np.random.RandomState(3).normal(size=(2, 5, FEATURES))


@pytest.fixture(params=CELLS)
def kind(request):
    return CELLS[request.param]


@pytest.fixture
def float64():
    with floatx("float64"):
        yield "float64"


def model_of(kind, dtype, **options):
    """A model of one layer with random weights."""
    cell, arguments = kind
    inputs = keras.Input((None, FEATURES), dtype=dtype)
    layer = keras.layers.RNN(
        cell(UNITS, dtype=dtype, **arguments), return_sequences=True, dtype=dtype, **options
    )
    model = keras.Model(inputs, layer(inputs))
    draw_weights(model)
    return model


def draw_weights(layer, scale=0.5):
    stream = np.random.RandomState(4)
    layer.set_weights([stream.normal(0, scale, weight.shape) for weight in layer.get_weights()])


def predicted(model, dtype):
    return np.asarray(model(INPUTS.astype(dtype)))


def test_a_saved_model_computes_the_same(kind, float64, tmp_path):
    model = model_of(kind, float64)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert predicted(model, float64).dtype == float64
    assert np.array_equal(predicted(again, float64), predicted(model, float64))


def test_a_bidirectional_layer_is_saved_as_well(kind, tmp_path):
    cell, arguments = kind
    layer = keras.layers.RNN(cell(UNITS, **arguments), return_sequences=True)
    inputs = keras.Input((None, FEATURES))
    model = keras.Model(inputs, keras.layers.Bidirectional(layer)(inputs))
    draw_weights(model)
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    assert np.array_equal(predicted(again, "float32"), predicted(model, "float32"))


def test_a_config_makes_the_same_cell(kind):
    cell, arguments = kind
    config = cell(UNITS, name="mine", **arguments).get_config()
    again = cell.from_config(config)
    assert again.get_config() == config
    assert arguments.items() <= config.items()
    assert config["units"] == UNITS


def test_an_unrolled_layer_computes_the_same(kind):
    inputs = INPUTS.astype("float32")
    loop, unrolled = (model_of(kind, "float32", unroll=unroll) for unroll in (False, True))
    np.testing.assert_array_equal(loop(inputs), unrolled(inputs))


def test_every_weight_has_a_gradient(kind):
    model = model_of(kind, "float32")
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model(INPUTS.astype("float32")) ** 3)
    for gradient in tape.gradient(loss, [weight.value for weight in model.trainable_weights]):
        assert np.any(gradient)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_without_options_it_is_keras_lstm(dtype):
    ours = keras.layers.RNN(ExtendedLSTMCell(UNITS, dtype=dtype), dtype=dtype)
    keras_own = keras.layers.RNN(keras.layers.LSTMCell(UNITS, dtype=dtype), dtype=dtype)
    for layer in (ours, keras_own):
        layer.build((None, None, FEATURES))
    fresh = [layer.cell.bias.numpy() for layer in (ours, keras_own)]
    assert np.array_equal(*fresh)
    draw_weights(keras_own)
    ours.set_weights(keras_own.get_weights())
    inputs = INPUTS.astype(dtype)
    np.testing.assert_array_equal(ours(inputs), keras_own(inputs))


def test_weights_start_where_they_change_nothing():
    cell = ExtendedLSTMCell(UNITS, peepholes=True)
    cell.build((None, FEATURES))
    assert not any(weights.numpy().any() for weights in (cell.peephole_i, cell.peephole_o))
    cell = LayerNormLSTMCell(UNITS)
    cell.build((None, FEATURES))
    assert cell.gate_gamma.numpy().tolist() == [1] * 4 * UNITS
    assert cell.gate_beta.numpy().reshape(4, UNITS).tolist() == [[0] * 4, [1] * 4, [0] * 4, [0] * 4]
    assert cell.state_gamma.numpy().all()
    assert not cell.state_beta.numpy().any()


def test_values_stay_within_the_clips():
    cell = ExtendedLSTMCell(UNITS, projection=2, cell_clip=0.3, projection_clip=0.1)
    layer = keras.layers.RNN(cell, return_state=True)
    layer.build((None, None, FEATURES))
    draw_weights(layer, scale=5)
    output, h, c = map(np.asarray, layer(INPUTS.astype("float32")))
    assert np.array_equal(output, h)
    for values, limit in ((h, 0.1), (c, 0.3)):
        assert np.abs(values).max() == np.float32(limit)


def test_each_gate_and_the_state_are_normalized():
    layer = keras.layers.RNN(LayerNormLSTMCell(UNITS), return_state=True)
    layer.build((None, None, FEATURES))
    stream = np.random.RandomState(4)
    layer.cell.kernel.assign(stream.normal(size=(FEATURES, 4 * UNITS)))
    _, _, c = map(np.asarray, layer(INPUTS.astype("float32") * 50))
    bound = tolerance("cell states", "float32").bound
    assert np.abs(c.mean(axis=1)).max() <= bound
    assert np.abs(c.std(axis=1) - 1).max() <= bound


def test_a_projection_clip_needs_a_projection():
    with pytest.raises(ValueError, match="give projection as well"):
        ExtendedLSTMCell(UNITS, projection_clip=1.0)
