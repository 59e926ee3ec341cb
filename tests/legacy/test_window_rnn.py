"""The TF1 graph of the window RNN: its tensors, its variables, its way to named weights."""

import dataclasses

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from legacy_tf1 import window_rnn
from tests import goldens
from tests.goldens import traces
from tests.goldens.graph import LegacyGraph

CONFIG, BATCHES = goldens.config_and_batches("window-rnn", 1)
IMAGES, LABELS = BATCHES[0]
CELL = "rnn/multi_rnn_cell/cell_%d/basic_rnn_cell/%s"
SHAPES = {
    CELL % (0, "kernel"): (28 + 31, 31),
    CELL % (0, "bias"): (31,),
    CELL % (1, "kernel"): (31 + 31, 31),
    CELL % (1, "bias"): (31,),
    CELL % (2, "kernel"): (31 + 31, 31),
    CELL % (2, "bias"): (31,),
    "logits/kernel": (31, 10),
    "logits/bias": (10,),
}


@pytest.fixture(scope="module")
def graph():
    return LegacyGraph(CONFIG)


def test_placeholders(graph):
    assert graph.model.inputs.op.type == graph.model.labels.op.type == "Placeholder"
    assert graph.model.inputs.shape.as_list() == [None, 19, 28]
    assert graph.model.inputs.dtype == tf.float32
    assert graph.model.labels.shape.as_list() == [None]
    assert graph.model.labels.dtype == tf.int64


@pytest.mark.parametrize("dtype", goldens.DTYPES)
@pytest.mark.parametrize("size", [1, 5])
def test_shapes_and_dtypes_of_what_is_computed(dtype, size):
    graph = LegacyGraph(CONFIG, dtype=dtype)
    model = graph.model
    fetches = [model.outputs, *model.states, model.logits, model.loss, model.accuracy]
    feed = model.feed(IMAGES[:size], LABELS[:size])
    values = [np.asarray(value) for value in graph.session.run(fetches, feed)]
    shapes = [(size, 19, 31), (size, 31), (size, 31), (size, 31), (size, 10), (), ()]
    assert [value.shape for value in values] == shapes
    assert [value.dtype for value in values] == [dtype] * 6 + ["float32"]
    assert [t.dtype.name for t in fetches] == [value.dtype for value in values]


def test_loss_of_a_float64_graph_is_rounded_to_float32():
    graph = LegacyGraph(CONFIG, dtype="float64")
    loss = graph.session.run(graph.model.loss, graph.model.feed(IMAGES, LABELS))
    exact, _ = graph.gradients(IMAGES, LABELS)
    assert loss.dtype == exact.dtype == "float64"
    assert loss == np.float32(loss)
    assert exact != np.float32(exact)


def test_last_state_is_the_last_output(graph):
    outputs = graph.forward(IMAGES)
    assert np.array_equal(outputs["rnn"][:, -1], outputs["cell_2/state"])
    assert not np.array_equal(outputs["rnn"][:, -2], outputs["cell_2/state"])


@pytest.mark.parametrize("hits", [0, 1, 96, 128])
def test_accuracy_is_the_fraction_of_right_labels(graph, hits):
    predicted = graph.forward(IMAGES)["logits"].argmax(axis=1)
    labels = np.where(np.arange(128) < hits, predicted, (predicted + 1) % 10)
    accuracy = graph.session.run(graph.model.accuracy, graph.model.feed(IMAGES, labels))
    assert accuracy == 1 - np.count_nonzero(labels - predicted) / 128
    assert accuracy == hits / 128


def test_loss_is_the_mean_over_the_batch(graph):
    loss = graph.session.run(graph.model.loss, graph.model.feed(IMAGES, LABELS))
    each = [
        graph.session.run(graph.model.loss, graph.model.feed(IMAGES[n : n + 1], LABELS[n : n + 1]))
        for n in range(128)
    ]
    gap = traces.gap("loss", {"": loss}, {"": np.mean(each, dtype=np.float32)}, dtype="float32")
    assert gap.closed, gap
    wrong = traces.gap("loss", {"": loss}, {"": np.sum(each, dtype=np.float32)}, dtype="float32")
    assert not wrong.closed


def test_names_and_shapes_of_variables(graph):
    assert {v.op.name: tuple(v.shape.as_list()) for v in graph.trainable} == SHAPES
    assert {v.op.name for v in graph.variables} == set(SHAPES)


def test_initial_weights_fill_glorots_range_over_both_inputs(graph):
    """Kernels are uniform up to sqrt(6 / (rows + columns)) of the joint kernel; biases are zero."""
    values = dict(zip(SHAPES, graph.session.run(graph.variables)))
    assert {name: value.shape for name, value in values.items()} == SHAPES
    for name, value in values.items():
        if name.endswith("bias"):
            assert not value.any()
            continue
        limit = np.sqrt(6 / sum(SHAPES[name]))
        size = np.abs(value)
        assert 0.97 * limit < size.max() <= limit * (1 + 1e-6)
        # A uniform |w| has a mean of half its limit, known to 0.29 limit / sqrt(count).
        assert abs(size.mean() / limit - 0.5) < 5 * 0.29 / np.sqrt(value.size)
        assert abs(value.mean() / limit) < 5 * 0.58 / np.sqrt(value.size)


def test_another_seed_gives_other_initial_weights(graph):
    other = LegacyGraph(dataclasses.replace(CONFIG, seed=1)).weights()
    assert not traces.gap("weights", graph.weights(), other, dtype="float32").closed


def test_the_same_seed_gives_the_same_initial_weights(graph):
    again = LegacyGraph(CONFIG).weights()
    assert traces.gap("weights", graph.weights(), again, dtype="float32").closed


@pytest.mark.slow
@pytest.mark.parametrize("dtype", goldens.DTYPES)
def test_time_major_is_another_layout_of_the_same_numbers(dtype):
    def time_major(config, dtype):
        inputs = tf.placeholder(dtype, [None, config.window, config.features], name="inputs")
        labels = tf.placeholder(tf.int64, [None], name="labels")
        return window_rnn.WindowRNN(inputs, labels, config, time_major=True)

    first = LegacyGraph(CONFIG, dtype=dtype)
    second = LegacyGraph(CONFIG, first.weights(), dtype=dtype, build=time_major)
    steps = [op.type for op in second.graph.get_operations()].count("Transpose")
    assert steps != [op.type for op in first.graph.get_operations()].count("Transpose")
    expected, actual = (traces.trace(graph, BATCHES) for graph in (first, second))
    gaps = traces.gaps(expected, actual, dtype=dtype)
    assert {name: gap for name, gap in gaps.items() if not gap.closed} == {}
    assert {"outputs", "logits", "loss", "gradients", "stepped"} <= set(gaps)


def test_to_variables_is_undone_by_from_variables(graph):
    weights = graph.weights()
    before = {name: value.copy() for name, value in weights.items()}
    values = window_rnn.to_variables(weights, CONFIG)
    assert {name: value.shape for name, value in values.items()} == SHAPES
    back = window_rnn.from_variables(values, CONFIG)
    assert traces.gap("weights", before, back, dtype="float32").closed
    assert traces.gap("weights", before, weights, dtype="float32").closed
    assert {name: value.shape for name, value in back.items()} == CONFIG.weight_shapes()


def test_kernels_have_the_rows_of_the_input_first(graph):
    weights = graph.weights()
    kernel = window_rnn.to_variables(weights, CONFIG)[CELL % (0, "kernel")]
    assert np.array_equal(kernel[:28], weights["cell_0/kernel"])
    assert np.array_equal(kernel[28:], weights["cell_0/recurrent_kernel"])


def test_conversion_leaves_its_arguments_alone(graph):
    weights = graph.weights()
    values = window_rnn.to_variables(weights, CONFIG)
    for arrays in (weights, values):
        for value in arrays.values():
            value.setflags(write=False)
    window_rnn.to_variables(weights, CONFIG)
    window_rnn.from_variables(values, CONFIG)
    assert set(weights) == set(CONFIG.weight_shapes())
    assert set(values) == set(SHAPES)
