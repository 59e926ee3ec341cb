"""The TF1 nested RNN: its tensors, its cell against plain NumPy, its variables, its commands."""

import json
import os

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from legacy_tf1 import input_pipeline, nested_rnn
from legacy_tf1.__main__ import main
from shared import batches, datasets
from shared.config import CONFIGS, NestedRNNConfig, for_dataset
from tests import goldens
from tests.goldens import traces
from tests.goldens.graph import LegacyGraph
from tests.support import oracles
from tf1port.numerics.differences import difference

DIGITS = datasets.load_digits()
CONFIG = for_dataset(NestedRNNConfig(units=6, slots=2, width=5), DIGITS)
PLAN = batches.train_plan(CONFIG, 0)
IMAGES, LABELS = batches.batch(DIGITS.full_train, PLAN, 0, config=CONFIG)
WEIGHTS = oracles.random_weights(CONFIG)
SHAPES = {
    "rnn/memory_cell/address/kernel": (3 + 6, 2),
    "rnn/memory_cell/address/bias": (2,),
    "rnn/memory_cell/write/kernel": (28, 5),
    "rnn/memory_cell/write/bias": (5,),
    "rnn/memory_cell/hidden/kernel": (28 + 3 + 6 + 5, 6),
    "rnn/memory_cell/hidden/bias": (6,),
    "logits/kernel": (6, 10),
    "logits/bias": (10,),
}


@pytest.fixture(scope="module", params=goldens.DTYPES)
def graph(request):
    return LegacyGraph(CONFIG, WEIGHTS, dtype=request.param)


def in_dtype(dtype, **changes):
    weights = {name: value.astype(dtype) for name, value in WEIGHTS.items()}
    inputs = {name: value.astype(dtype) for name, value in dict(IMAGES, **changes).items()}
    return weights, inputs


def gap_to_oracle(graph, weights, inputs, config=CONFIG):
    expected = oracles.nested_forward(weights, inputs, config)
    return traces.gap("outputs", graph.forward(IMAGES), expected, dtype=graph.dtype)


def test_placeholders(graph):
    inputs = graph.model.inputs
    assert type(inputs) is nested_rnn.Streams
    assert inputs.pixels.shape.as_list() == [None, 28, 28]
    assert inputs.profile.shape.as_list() == [None, 28, 3]
    assert {stream.op.type for stream in inputs} == {"Placeholder"}
    assert [stream.op.name for stream in inputs] == ["pixels", "profile"]
    assert {stream.dtype.name for stream in inputs} == {graph.dtype}


def test_a_dict_is_fed_stream_by_stream(graph):
    """A Session flattens a dict by its sorted keys, whatever order they were put in."""
    assert list(nested_rnn.Streams._fields) == sorted(nested_rnn.Streams._fields)
    backwards = {name: IMAGES[name] for name in ("profile", "pixels")}
    logits = [
        graph.session.run(graph.model.logits, {graph.model.inputs: inputs})
        for inputs in (IMAGES, backwards, nested_rnn.Streams(**IMAGES))
    ]
    assert (logits[0] == logits[1]).all()
    assert (logits[0] == logits[2]).all()


@pytest.mark.parametrize("size", [1, 7])
def test_shapes_and_dtypes_of_what_is_computed(graph, size):
    model = graph.model
    fetches = [model.outputs, model.state, model.logits, model.loss, model.accuracy]
    few = {name: value[:size] for name, value in IMAGES.items()}
    values = graph.session.run(fetches, model.feed(few, LABELS[:size]))
    assert type(values[1]) is nested_rnn.State
    values = [values[0], *values[1], *values[2:]]
    shapes = [(size, 28, 6), (size, 6), (size, 2, 5), (size, 10), (), ()]
    assert [value.shape for value in values] == shapes
    assert [str(value.dtype) for value in values] == [graph.dtype] * 5 + ["float32"]


def test_state_sizes_have_two_ranks():
    cell = nested_rnn.MemoryCell(CONFIG)
    assert [part.as_list() for part in cell.state_size] == [[6], [2, 5]]
    zeros = cell.zero_state(4, tf.float32)
    assert [part.shape.as_list() for part in zeros] == [[4, 6], [4, 2, 5]]


def test_numpy_computes_the_same(graph):
    gap = gap_to_oracle(graph, *in_dtype(graph.dtype))
    assert gap.closed, gap


@pytest.mark.parametrize("stream", ["pixels", "profile"])
def test_a_stream_of_another_order_is_seen(graph, stream):
    for wrong in (IMAGES[stream][::-1], IMAGES[stream][:, ::-1], IMAGES[stream][..., ::-1]):
        assert not gap_to_oracle(graph, *in_dtype(graph.dtype, **{stream: wrong})).closed


@pytest.mark.parametrize("change", [{"decay": 1.0}, {"leak": 1.0}])
def test_another_decay_is_seen(graph, change):
    config = for_dataset(NestedRNNConfig(units=6, slots=2, width=5, **change), DIGITS)
    assert not gap_to_oracle(graph, *in_dtype(graph.dtype), config=config).closed


def test_names_and_shapes_of_variables(graph):
    found = {v.op.name: tuple(v.shape.as_list()) for v in graph.model.variables}
    assert found == SHAPES
    assert {v.op.name for v in graph.trainable} == set(SHAPES)


def test_maps_go_there_and_back():
    values = nested_rnn.to_variables(WEIGHTS, CONFIG)
    assert {name: value.shape for name, value in values.items()} == SHAPES
    assert difference(nested_rnn.from_variables(values, CONFIG), WEIGHTS).max_abs == 0


def test_initial_weights_fill_glorots_range_and_biases_are_zero():
    for name, value in LegacyGraph(NestedRNNConfig()).weights().items():
        if name.endswith("bias"):
            assert not value.any()
            continue
        limit = np.sqrt(6 / sum(value.shape))
        assert 0.97 * limit < np.abs(value).max() <= limit * (1 + 1e-6)


def test_every_weight_is_trained(graph):
    graph.start(WEIGHTS)
    _, gradients = graph.gradients(IMAGES, LABELS)
    assert set(gradients) == set(CONFIG.weight_shapes())
    assert all(gradient.any() for gradient in gradients.values())


def test_the_pipeline_yields_the_batches_of_the_plan():
    found = list(input_pipeline.train_batches(DIGITS.full_train, CONFIG, epoch=0, skip=0, count=1))
    assert len(found) == 1
    assert found[0][0].keys() == IMAGES.keys()
    assert all(found[0][0][name].tobytes() == IMAGES[name].tobytes() for name in IMAGES)
    assert (found[0][1] == LABELS).all()


@pytest.mark.slow
def test_train_predict_and_export(tmp_path, capsys):
    run = str(tmp_path / "run")
    assert main(["train", "nested-rnn", "--data", "digits", "--steps", "60", "--out", run]) == 0
    with open(os.path.join(run, "result.json")) as file:
        result = json.load(file)
    assert result["finished"]
    assert result["test"][-1]["accuracy"] > 0.6
    shapes = CONFIGS["nested-rnn"]().weight_shapes().values()
    assert result["parameters"] == sum(int(np.prod(shape)) for shape in shapes)

    capsys.readouterr()
    assert main(["predict", "nested-rnn", "--from", run, "--index", "3"]) == 0
    assert "predicted: " in capsys.readouterr().out

    target = str(tmp_path / "model")
    assert main(["export", "nested-rnn", "--from", run, "--to", target]) == 0
    with tf.Graph().as_default(), tf.Session() as session:
        loaded = tf.saved_model.loader.load(session, ["serve"], target)
        signature = loaded.signature_def["serving_default"]
        assert set(signature.inputs) == {"pixels", "profile"}
        assert set(signature.outputs) == {"logits"}
        feed = {signature.inputs[name].name: IMAGES[name] for name in IMAGES}
        assert session.run(signature.outputs["logits"].name, feed).shape == (64, 10)
