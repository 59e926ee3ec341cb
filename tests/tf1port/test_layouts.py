"""docs/layouts.md holds: every line of code on the page runs and gives the layout that it names."""

import inspect
import re
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from legacy_tf1 import feedforward  # noqa: F401 (has TF1's cells come from tf_keras)
from shared import batches
from shared.config import CONFIGS, ConvConfig
from shared.datasets import Split
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance

PAGE = (Path(__file__).parent.parent.parent / "docs" / "layouts.md").read_text(encoding="utf-8")
# All different, so that no two axes can be taken for each other by their length.
BATCH, HEIGHT, WIDTH, CHANNELS, UNITS = 2, 5, 3, 4, 6
SIZES = {"np": np, "height": HEIGHT, "width": WIDTH, "channels": CHANNELS}
NAMES = {
    "dense": "dense",
    "NHWC": "nhwc",
    "NCHW": "nchw",
    "batch-major": "batch_major",
    "time-major": "time_major",
    "a list of steps": "steps",
}


def code(text):
    return re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL)


def conversions():
    """Triples of what is converted, into what, and the line that does it."""
    for section in PAGE.split("\n### From ")[1:]:
        source = NAMES[section.partition("\n")[0]]
        (block,) = code(section)
        for line in block.splitlines():
            yield source, line.partition(" = ")[0], line


CONVERSIONS = list(conversions())
RNNS = code(PAGE.partition("\n### From ")[0])


@pytest.fixture(scope="module")
def layouts():
    """The six layouts of one batch, filled number by number."""
    numbers = np.random.RandomState(4).uniform(-1, 1, size=(BATCH, HEIGHT, WIDTH, CHANNELS))
    arrays = {
        "dense": np.zeros((BATCH, HEIGHT * WIDTH * CHANNELS)),
        "nhwc": numbers,
        "nchw": np.zeros((BATCH, CHANNELS, HEIGHT, WIDTH)),
        "batch_major": np.zeros((BATCH, HEIGHT, WIDTH * CHANNELS)),
        "time_major": np.zeros((HEIGHT, BATCH, WIDTH * CHANNELS)),
        "steps": [np.zeros((BATCH, WIDTH * CHANNELS)) for _ in range(HEIGHT)],
    }
    for (image, row, pixel, channel), number in np.ndenumerate(numbers):
        place = pixel * CHANNELS + channel
        arrays["dense"][image, row * WIDTH * CHANNELS + place] = number
        arrays["nchw"][image, channel, row, pixel] = number
        arrays["batch_major"][image, row, place] = number
        arrays["time_major"][row, image, place] = number
        arrays["steps"][row][image, place] = number
    return arrays


def same(one, other):
    if isinstance(one, list) and len(one) == len(other):
        return all(map(same, one, other))
    return difference({"a": np.asarray(one)}, {"a": np.asarray(other)}).max_abs == 0


def test_the_page_converts_each_layout_into_each_other_one():
    pairs = [(source, target) for source, target, _ in CONVERSIONS]
    assert sorted(pairs) == sorted((a, b) for a in NAMES.values() for b in NAMES.values() if a != b)


@pytest.mark.parametrize(("source", "target", "line"), CONVERSIONS, ids=lambda value: value[:11])
def test_a_conversion_gives_the_layout_that_it_names(layouts, source, target, line):
    space = {**SIZES, source: layouts[source]}
    exec(line, space)
    assert isinstance(space[target], type(layouts[target]))
    assert same(space[target], layouts[target])


class Reshaped(np.ndarray):
    """An array that takes a transpose for a reshape to the same shape."""

    def transpose(self, *axes):
        return self.reshape([self.shape[axis] for axis in axes])


TRANSPOSING = [case for case in CONVERSIONS if ".transpose(" in case[2]]


@pytest.mark.parametrize(("source", "target", "line"), TRANSPOSING, ids=lambda value: value[:11])
def test_a_reshape_for_a_transpose_is_seen(layouts, source, target, line):
    space = {**SIZES, source: layouts[source]}
    if source == "steps":
        space["np"] = SimpleNamespace(stack=lambda steps: np.stack(steps).view(Reshaped))
    else:
        space[source] = layouts[source].view(Reshaped)
    exec(line, space)
    assert np.shape(space[target]) == np.shape(layouts[target])
    assert not same(space[target], layouts[target])


def test_what_is_a_reshape_on_the_page_shares_its_bytes():
    tensors = [case for case in CONVERSIONS if "steps" not in case]
    reshapes = {(a, b) for a, b, line in tensors if "transpose" not in line}
    same_bytes = {"dense", "nhwc", "batch_major"}
    assert reshapes == {(a, b) for a in same_bytes for b in same_bytes if a != b}


def test_one_channel_hides_a_reshape(layouts):
    gray = layouts["nhwc"][..., :1]
    assert same(gray.transpose(0, 3, 1, 2), gray.reshape(BATCH, 1, HEIGHT, WIDTH))


# The RNN in four layouts


@pytest.fixture(scope="module")
def rnn_weights():
    stream = np.random.RandomState(6)
    shapes = ((WIDTH * CHANNELS, UNITS), (UNITS, UNITS), (UNITS,))
    return [stream.normal(0, 0.4, shape) for shape in shapes]


def graph_rnn(line, inputs, weights):
    """Outputs and state of a line that builds an RNN in a TF1 graph."""
    with tf1.Graph().as_default(), tf1.Session() as session:
        space = {"tf1": tf1, "cell": tf1.nn.rnn_cell.BasicRNNCell(UNITS)}
        for name, value in inputs.items():
            steps = isinstance(value, list)
            space[name] = [tf1.constant(a) for a in value] if steps else tf1.constant(value)
        exec(line, space)
        kernel, bias = tf1.trainable_variables()
        kernel.load(np.concatenate(weights[:2]), session)
        bias.load(weights[2], session)
        return session.run([space["outputs"], space["state"]])


def keras_rnn(line, inputs, weights):
    """The same of lines that call a Keras layer."""
    cell = keras.layers.SimpleRNNCell(UNITS, dtype="float64")
    cell.build((None, WIDTH * CHANNELS))
    cell.set_weights(weights)
    space = {"keras": keras, "keras_cell": cell, **inputs}
    exec(line, space)
    return [np.array(space["outputs"]), np.array(space["state"])]


def batch_major(outputs):
    """Outputs of any of the four as [batch, time, units]."""
    if isinstance(outputs, list):
        return np.stack(outputs, axis=1)
    return outputs if len(outputs) == BATCH else outputs.transpose(1, 0, 2)


def gap(one, other):
    named = [{"outputs": batch_major(outputs), "state": state} for outputs, state in (one, other)]
    return difference(*named).max_abs


def run(lines, inputs, weights):
    return (keras_rnn if "keras" in lines else graph_rnn)(lines, inputs, weights)


def test_the_four_rnns_of_the_page_are_one(layouts, rnn_weights):
    assert [re.search(r"(\w+)\(", line)[1] for line in RNNS] == [
        "dynamic_rnn", "dynamic_rnn", "static_rnn", "RNN",
    ]  # fmt: skip
    first, *others = [run(lines, layouts, rnn_weights) for lines in RNNS]
    assert first[0].shape == (BATCH, HEIGHT, UNITS)
    for other in others:
        assert gap(first, other) <= tolerance("outputs", "float64").bound


@pytest.mark.parametrize("lines", RNNS, ids=["batch-major", "time-major", "list", "keras"])
def test_an_rnn_sees_a_reshape_for_a_transpose(layouts, rnn_weights, lines):
    wrong = {
        "batch_major": layouts["time_major"].reshape(layouts["batch_major"].shape),
        "time_major": layouts["batch_major"].reshape(layouts["time_major"].shape),
        "steps": list(layouts["batch_major"].reshape(layouts["time_major"].shape)),
    }
    expected, actual = (run(lines, inputs, rnn_weights) for inputs in (layouts, wrong))
    assert gap(expected, actual) > 1e9 * tolerance("outputs", "float64").bound


def test_a_forgotten_time_major_is_seen(layouts, rnn_weights):
    forgetful = RNNS[1].replace(", time_major=True", "")
    assert forgetful != RNNS[1]
    expected, actual = (run(lines, layouts, rnn_weights) for lines in (RNNS[1], forgetful))
    assert actual[1].shape != expected[1].shape  # one state per row, not per image


def test_as_many_images_as_rows_hide_a_forgotten_time_major_from_the_shapes(rnn_weights):
    """The trap of MNIST in batches of 28: nothing fails but the numbers."""
    square = np.random.RandomState(8).uniform(size=(HEIGHT, HEIGHT, WIDTH * CHANNELS))
    forgetful = RNNS[1].replace(", time_major=True", "")
    expected, actual = (
        graph_rnn(line, {"time_major": square}, rnn_weights) for line in (RNNS[1], forgetful)
    )
    assert [array.shape for array in actual] == [array.shape for array in expected]
    assert np.abs(actual[1] - expected[1]).max() > 1e9 * tolerance("outputs", "float64").bound


# What the page says of defaults


def default(function, name):
    return inspect.signature(function).parameters[name].default


def test_defaults_of_tf1():
    assert default(tf1.nn.dynamic_rnn, "time_major") is False
    assert "time_major" not in inspect.signature(tf1.nn.static_rnn).parameters
    for layer in (tf1.layers.conv2d, tf1.layers.max_pooling2d, tf1.layers.flatten):
        assert default(layer, "data_format") == "channels_last"
    assert default(tf.nn.max_pool2d, "data_format") == "NHWC"


def test_defaults_of_keras():
    assert "time_major" not in inspect.signature(keras.layers.RNN).parameters
    with pytest.raises((TypeError, ValueError), match="time_major"):
        keras.layers.LSTM(3, time_major=True)
    before = keras.config.image_data_format()
    try:
        for layout in ("channels_first", "channels_last"):
            keras.config.set_image_data_format(layout)
            layers = keras.layers.Conv2D(1, 1), keras.layers.MaxPooling2D(), keras.layers.Flatten()
            assert [layer.data_format for layer in layers] == [layout] * 3
    finally:
        keras.config.set_image_data_format(before)


def test_flatten_keeps_or_moves_the_channels_as_the_page_says(layouts):
    nchw = layouts["nchw"]
    with tf1.Graph().as_default(), tf1.Session() as session:
        kept = tf1.layers.flatten(tf1.constant(nchw))
        moved = tf1.layers.flatten(tf1.constant(nchw), data_format="channels_first")
        kept, moved = session.run([kept, moved])
    layer = keras.layers.Flatten(data_format="channels_first", dtype="float64")
    assert same(kept, nchw.reshape(BATCH, -1))
    assert same(moved, layouts["dense"])
    assert same(layer(nchw), layouts["dense"])
    assert not same(kept, moved)


@pytest.mark.parametrize(
    ("config", "layout"),
    [
        (CONFIGS["dense"](), "dense"),
        (CONFIGS["row-lstm"](), "batch_major"),
        (CONFIGS["conv"](), "nhwc"),
        (ConvConfig(data_format="nchw"), "nchw"),
    ],
    ids=["dense", "row-lstm", "nhwc", "nchw"],
)
def test_batches_come_in_the_layout_of_their_model(config, layout):
    images = np.random.RandomState(2).randint(0, 256, size=(3, 28, 28)).astype("uint8")
    plan = batches.BatchPlan(np.array([[2, 0, 1]], "int32"), np.zeros((1, 3), "int32"))
    actual, _ = batches.batch(Split(images, np.arange(3)), plan, 0, config=config)
    gray = images[[2, 0, 1], ..., None].astype("float32") * batches.PIXEL_SCALE
    line = next((line for a, b, line in CONVERSIONS if (a, b) == ("nhwc", layout)), "")
    space = {"height": 28, "width": 28, "channels": 1, "nhwc": gray}
    exec(line, space)
    assert same(actual, space[layout])
