"""The Keras nested RNN: its layer against plain NumPy, its files, its batches, its commands."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from equivalence.modern_side import ModernSide
from modern_tf2 import input_pipeline, nested_rnn, training
from modern_tf2.__main__ import main
from shared import batches, datasets, runs
from shared.config import CONFIGS, NestedRNNConfig, for_dataset
from shared.errors import UserError
from tests import goldens
from tests.support import oracles
from tf1port.numerics import comparison
from tf1port.numerics.differences import difference

DIGITS = datasets.load_digits()
CONFIG = for_dataset(NestedRNNConfig(units=6, slots=2, width=5), DIGITS)
PLAN = batches.train_plan(CONFIG, 0)
IMAGES, LABELS = batches.batch(DIGITS.full_train, PLAN, 0, config=CONFIG)
WEIGHTS = oracles.random_weights(CONFIG)


@pytest.fixture(scope="module", params=goldens.DTYPES)
def side(request):
    return ModernSide(CONFIG, WEIGHTS, dtype=request.param)


def agrees_with_oracle(side, config=CONFIG, **changes):
    weights = {name: value.astype(side.dtype) for name, value in WEIGHTS.items()}
    inputs = {name: value.astype(side.dtype) for name, value in {**IMAGES, **changes}.items()}
    expected = oracles.nested_forward(weights, inputs, config)
    return comparison.check("outputs", expected, side.forward(IMAGES), dtype=side.dtype).passed


def test_inputs_and_outputs_of_the_model(side):
    assert {name: stream.shape for name, stream in side.model.input.items()} == {
        "pixels": (None, 28, 28),
        "profile": (None, 28, 3),
    }
    assert [tensor.name for tensor in side.model.inputs] == ["pixels", "profile"]
    assert side.model.output_shape == (None, 10)


@pytest.mark.parametrize("size", [1, 7])
def test_shapes_and_dtypes_of_what_is_computed(side, size):
    found = side.forward({name: value[:size] for name, value in IMAGES.items()})
    assert {name: value.shape for name, value in found.items()} == {
        "rnn": (size, 28, 6),
        "rnn/hidden": (size, 6),
        "rnn/memory": (size, 2, 5),
        "logits": (size, 10),
    }
    assert {str(value.dtype) for value in found.values()} == {side.dtype}


def test_a_symbolic_call_knows_its_shapes(side):
    outputs, state = side.model.get_layer("rnn")(side.model.input)
    assert outputs.shape == (None, 28, 6)
    assert {name: part.shape for name, part in state.items()} == {
        "hidden": (None, 6),
        "memory": (None, 2, 5),
    }


def test_numpy_computes_the_same(side):
    assert agrees_with_oracle(side)


@pytest.mark.slow
@pytest.mark.parametrize("stream", ["pixels", "profile"])
def test_a_stream_of_another_order_is_seen(side, stream):
    for wrong in (IMAGES[stream][::-1], IMAGES[stream][:, ::-1], IMAGES[stream][..., ::-1]):
        assert not agrees_with_oracle(side, **{stream: wrong})


@pytest.mark.parametrize("change", [{"decay": 1.0}, {"leak": 1.0}])
def test_another_decay_is_seen(side, change):
    config = NestedRNNConfig(units=6, slots=2, width=5, **change)
    assert not agrees_with_oracle(side, config)


def test_names_and_shapes_of_variables(side):
    found = {v.path: tuple(v.shape) for v in side.model.weights}
    assert found == CONFIG.weight_shapes()
    assert all(v.trainable for v in side.model.weights)


def test_initial_weights_fill_glorots_range_and_biases_are_zero():
    for variable in nested_rnn.build_model(NestedRNNConfig()).weights:
        value = variable.numpy()
        if variable.path.endswith("bias"):
            assert not value.any()
            continue
        limit = np.sqrt(6 / sum(value.shape))
        assert 0.97 * limit < np.abs(value).max() <= limit * (1 + 1e-6)


@pytest.mark.slow
def test_file_gives_the_model_back(tmp_path):
    model = ModernSide(CONFIG, WEIGHTS).model
    model.fit(IMAGES, LABELS, shuffle=False, verbose=0)
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    assert (model(IMAGES).numpy() == loaded(IMAGES).numpy()).all()
    assert [v.path for v in loaded.weights] == [v.path for v in model.weights]
    layer = loaded.get_layer("rnn")
    assert (layer.decay, layer.leak) == (CONFIG.decay, CONFIG.leak)
    model.fit(IMAGES, LABELS, shuffle=False, verbose=0)
    loaded.fit(IMAGES, LABELS, shuffle=False, verbose=0)
    assert (model(IMAGES).numpy() == loaded(IMAGES).numpy()).all()


def test_the_pipeline_yields_the_batches_of_the_plan():
    dataset = input_pipeline.train_batches(DIGITS.full_train, CONFIG, epoch=0, skip=2, count=3)
    found = list(dataset.as_numpy_iterator())
    assert len(found) == 3
    for step, (inputs, labels) in enumerate(found, 2):
        expected, same = batches.batch(DIGITS.full_train, PLAN, step, config=CONFIG)
        assert inputs.keys() == expected.keys()
        assert {str(part.dtype) for part in inputs.values()} == {"float32"}
        assert all(inputs[name].tobytes() == part.tobytes() for name, part in expected.items())
        assert (labels == same).all()


class TwoPartCell(keras.layers.Layer):
    """A cell for keras.layers.RNN with a state of ranks 2 and 3: a list, or a dict."""

    def __init__(self, state_size, *, names=None):
        super().__init__()
        self.state_size, self.output_size, self.names = state_size, 4, names

    def build(self, input_shape):
        pass

    def get_initial_state(self, batch_size):
        parts = [keras.ops.zeros((batch_size, 4)), keras.ops.zeros((batch_size, 2, 3))]
        return parts if self.names is None else dict(zip(self.names, parts, strict=True))

    def call(self, inputs, states):
        return states[0] if self.names is None else states[self.names[0]], states


def test_keras_rnn_takes_no_structure():
    """Why the layer calls its steps itself (D15); fails when Keras' own RNN can do it."""
    streams = {name: keras.Input(shape) for name, shape in CONFIG.input_shapes.items()}
    rnn = keras.layers.RNN(TwoPartCell([4, (2, 3)]), return_state=True)
    with pytest.raises(KeyError):
        rnn(streams)
    with pytest.raises(ValueError, match="to a shape"):
        rnn(list(streams.values()))
    with pytest.raises(ValueError, match="state_size must be"):
        keras.layers.RNN(TwoPartCell({"hidden": 4, "memory": (2, 3)}, names=["hidden", "memory"]))
    with pytest.raises(TypeError, match="hidden"):
        keras.layers.RNN(TwoPartCell([4, (2, 3)], names=["hidden", "memory"]))(IMAGES["pixels"])
    _, _, memory = rnn(IMAGES["pixels"])
    assert memory.shape == (64, 2, 3)
    _, _, memory = rnn(streams["pixels"])  # in a functional model it has another shape
    assert [part.shape for part in memory] == [(None, 2), (None, 3)]


def test_scan_computes_the_same():
    """keras.ops.scan takes structures as well; a turn of its loop costs more than a step (D15)."""
    layer = ModernSide(CONFIG, WEIGHTS).model.get_layer("rnn")
    outputs, state = layer(IMAGES)

    def step(state, inputs):
        _, state = layer.step(inputs, state)
        return state, state

    rows = {name: np.swapaxes(stream, 0, 1) for name, stream in IMAGES.items()}
    last, every = keras.ops.scan(step, layer.initial_state(len(LABELS)), rows)
    found = {"rnn": np.swapaxes(every["hidden"], 0, 1), **{n: np.array(p) for n, p in last.items()}}
    expected = {"rnn": outputs.numpy(), **{name: part.numpy() for name, part in state.items()}}
    assert comparison.check("outputs", expected, found, dtype="float32").passed


@pytest.mark.slow
def test_train_evaluate_predict_and_export(tmp_path, capsys):
    path = str(tmp_path / "run")
    assert main(["train", "nested-rnn", "--data", "digits", "--steps", "60", "--out", path]) == 0
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["finished"]
    assert result["test"][-1]["accuracy"] > 0.6
    shapes = CONFIGS["nested-rnn"]().weight_shapes().values()
    assert result["parameters"] == sum(int(np.prod(shape)) for shape in shapes)

    capsys.readouterr()
    assert main(["evaluate", "nested-rnn", "--from", path]) == 0
    test = json.loads(capsys.readouterr().out)
    assert test.items() <= result["test"][-1].items()
    assert main(["predict", "nested-rnn", "--from", path, "--index", "3"]) == 0
    assert "predicted: " in capsys.readouterr().out

    target = str(tmp_path / "model")
    assert main(["export", "nested-rnn", "--from", path, "--to", target]) == 0
    serve = tf.saved_model.load(target).signatures["serving_default"]
    _, inputs = serve.structured_input_signature
    assert {name: tuple(spec.shape) for name, spec in inputs.items()} == {
        "pixels": (None, 28, 28),
        "profile": (None, 28, 3),
    }
    logits = serve(**{name: tf.constant(part) for name, part in IMAGES.items()})["logits"].numpy()
    run = runs.open_run(path, "modern", model="nested-rnn")
    restored = training.restore(run)(IMAGES).numpy()
    assert comparison.check("logits", {"": restored}, {"": logits}, dtype="float32").passed


@pytest.mark.slow
def test_a_file_of_another_config_is_refused(tmp_path):
    config = for_dataset(CONFIG, DIGITS)
    run = runs.create_run(tmp_path / "run", "modern", config=config, dataset="digits")
    other = nested_rnn.build_model(NestedRNNConfig(units=7, slots=2, width=5))
    other.fit(IMAGES, LABELS, verbose=0)
    other.save(run.file("model.keras"))
    with pytest.raises(UserError, match="is of another config: train again"):
        training.restore(run)


def test_maps_go_there_and_back():
    values = nested_rnn.to_variables(WEIGHTS, CONFIG)
    assert difference(nested_rnn.from_variables(values, CONFIG), WEIGHTS).max_abs == 0
