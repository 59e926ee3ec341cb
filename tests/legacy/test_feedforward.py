"""The TF1 graphs of the feed-forward models: tensors, weights, layouts, and the command line."""

import json

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from legacy_tf1 import feedforward
from legacy_tf1.__main__ import main
from shared.config import ConvConfig, DenseConfig
from shared.errors import UserError
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance

SMALL_CONV = ConvConfig(filters_0=3, filters_1=4)
SMALL = {"dense": DenseConfig(units=7), "conv": SMALL_CONV}
NCHW = ConvConfig(filters_0=3, filters_1=4, data_format="nchw")


@pytest.fixture(autouse=True)
def graph():
    with tf.Graph().as_default() as new:
        yield new


@pytest.fixture
def every_layout(monkeypatch):
    """Convolution and pooling of NCHW by way of NHWC, which every CPU has."""
    monkeypatch.setattr(feedforward, "check_layout", lambda config, dtype: None)
    for name in ("conv2d", "max_pooling2d"):
        monkeypatch.setattr(tf.layers, name, transposing(getattr(tf.layers, name)))


def transposing(layer):
    def channels_last(maps, *arguments, **options):
        if options["data_format"] == "channels_last":
            return layer(maps, *arguments, **options)
        options["data_format"] = "channels_last"
        maps = layer(tf.transpose(maps, [0, 2, 3, 1]), *arguments, **options)
        return tf.transpose(maps, [0, 3, 1, 2])

    return channels_last


def drawn(config):
    stream = np.random.RandomState(3)
    shapes = config.weight_shapes()
    return {name: stream.normal(0, 0.3, shape) for name, shape in shapes.items()}


def run(config, images, weights):
    """Every layer's output, in float64."""
    model = feedforward.build_model(config, dtype="float64")
    values = feedforward.to_variables(weights, config)
    with tf.Session() as session:
        for variable in model.variables:
            variable.load(values[variable.op.name], session)
        return session.run(feedforward.layer_outputs(model), {model.inputs: images})


def convolution(images, kernel, bias):
    """relu(images * kernel + bias): images [B, height, width, channel], kernel [h, w, in, out]."""
    size = len(kernel)
    height, width = (n - size + 1 for n in images.shape[1:3])
    maps = bias + sum(
        images[:, y : y + height, x : x + width] @ kernel[y, x]
        for y in range(size)
        for x in range(size)
    )
    return np.maximum(maps, 0)


def pooling(maps, size):
    """The largest of every window of size × size pixels; what is left at the edge is dropped."""
    batch, height, width, channels = maps.shape
    height, width = height // size, width // size
    whole = maps[:, : height * size, : width * size]
    return whole.reshape(batch, height, size, width, size, channels).max(axis=(2, 4))


def oracle(weights, images, config):
    """Every layer's output in plain NumPy; images [B, input] or [B, height, width, channel]."""
    found, maps = {}, images
    if config.model == "dense":
        maps = np.maximum(images @ weights["hidden/kernel"] + weights["hidden/bias"], 0)
        found["hidden"] = maps
    else:
        for n in range(2):
            arrays = (weights["conv_%d/%s" % (n, kind)] for kind in ("kernel", "bias"))
            maps = found["conv_%d" % n] = convolution(maps, *arrays)
            maps = found["pool_%d" % n] = pooling(maps, config.pool)
    flat = maps.reshape(len(maps), -1)
    found["logits"] = flat @ weights["logits/kernel"] + weights["logits/bias"]
    return found


def channels_first(array):
    return array.transpose(0, 3, 1, 2) if array.ndim == 4 else array


def closed(one, other, quantity):
    return difference(one, other).max_abs <= tolerance(quantity, "float64").bound


@pytest.mark.parametrize("model", SMALL)
def test_layers_compute_what_the_oracle_does(model):
    config = SMALL[model]
    images = np.random.RandomState(1).uniform(size=(5, *config.input_shape))
    weights = drawn(config)
    expected = oracle(weights, images, config)
    assert closed(expected, run(config, images, weights), "outputs")


def test_nchw_is_the_oracle_with_the_channels_first(every_layout):
    images = np.random.RandomState(1).uniform(size=(5, *SMALL_CONV.input_shape))
    weights = drawn(SMALL_CONV)
    expected = oracle(weights, images, SMALL_CONV)
    found = run(NCHW, channels_first(images), weights)
    assert closed({n: channels_first(a) for n, a in expected.items()}, found, "outputs")


def test_rows_that_are_not_permuted_are_seen(every_layout, monkeypatch):
    monkeypatch.setattr(feedforward, "to_variables", lambda weights, config: weights)
    images = np.random.RandomState(1).uniform(size=(5, *SMALL_CONV.input_shape))
    weights = drawn(SMALL_CONV)
    expected = oracle(weights, images, SMALL_CONV)
    found = run(NCHW, channels_first(images), weights)
    assert closed({"a": channels_first(expected["pool_1"])}, {"a": found["pool_1"]}, "outputs")
    assert not closed({"a": expected["logits"]}, {"a": found["logits"]}, "logits")


@pytest.mark.parametrize(
    ("config", "shapes"),
    [
        (SMALL["dense"], {"hidden": (5, 7)}),
        (
            SMALL_CONV,
            {
                "conv_0": (5, 24, 24, 3),
                "pool_0": (5, 12, 12, 3),
                "conv_1": (5, 10, 10, 4),
                "pool_1": (5, 5, 5, 4),
            },
        ),
        (
            NCHW,
            {
                "conv_0": (5, 3, 24, 24),
                "pool_0": (5, 3, 12, 12),
                "conv_1": (5, 4, 10, 10),
                "pool_1": (5, 4, 5, 5),
            },
        ),
    ],
    ids=["dense", "nhwc", "nchw"],
)
def test_shapes(every_layout, config, shapes):
    found = run(config, np.zeros((5, *config.input_shape)), drawn(config))
    assert {name: array.shape for name, array in found.items()} == dict(shapes, logits=(5, 10))


@pytest.mark.parametrize("config", [*SMALL.values(), NCHW], ids=["dense", "nhwc", "nchw"])
def test_variables_are_those_of_the_weights_file(every_layout, config):
    model = feedforward.build_model(config)
    shapes = {variable.op.name: tuple(variable.shape.as_list()) for variable in model.variables}
    assert shapes == config.weight_shapes()
    assert model.inputs.shape.as_list() == [None, *config.input_shape]
    weights = drawn(config)
    values = feedforward.to_variables(weights, config)
    assert difference(weights, feedforward.from_variables(values, config)).max_abs == 0


def test_nchw_moves_the_rows_of_the_logits_kernel_and_nothing_else():
    weights = {"conv_0/kernel": 0, "logits/bias": 1}
    rows = np.arange(100).reshape(100, 1) * np.ones(10)  # by height 5, width 5, channel 4
    values = feedforward.to_variables(dict(weights, **{"logits/kernel": rows}), NCHW)
    assert values["conv_0/kernel"] == 0
    assert values["logits/bias"] == 1
    y, x, channel = 3, 1, 2
    assert (values["logits/kernel"][channel * 25 + y * 5 + x] == y * 20 + x * 4 + channel).all()
    assert (rows[:, 0] == np.arange(100)).all()  # not moved in place


@pytest.mark.parametrize("config", SMALL.values(), ids=SMALL)
def test_kernels_start_as_glorot_drew_them(config):
    model = feedforward.build_model(config)
    with tf.Session() as session:
        session.run(tf.global_variables_initializer())
        for variable, value in zip(model.variables, session.run(model.variables)):
            if variable.op.name.endswith("bias"):
                assert not value.any()
            else:
                area = value.size // (value.shape[-2] * value.shape[-1])
                limit = np.sqrt(6 / (area * (value.shape[-2] + value.shape[-1])))
                assert 0.85 * limit < np.abs(value).max() <= np.float32(limit)


def test_another_layout_is_refused_by_name():
    with pytest.raises(UserError, match="--data-format is nhcw: choose one of nhwc, nchw"):
        ConvConfig(data_format="nhcw")


def has_nchw(dtype):
    try:
        feedforward.check_layout(NCHW, dtype=dtype)
    except UserError:
        return False
    return True


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_nchw_is_refused_where_the_machine_cannot_run_it_and_only_there(dtype):
    allowed = has_nchw(dtype)
    with tf.Graph().as_default(), tf.Session() as session:
        images = tf.placeholder(dtype, [None, 1, 28, 28])
        maps = tf.layers.conv2d(images, 2, 3, data_format="channels_first")
        maps = tf.layers.max_pooling2d(maps, 2, 2, data_format="channels_first")
        gradients = tf.gradients(maps, tf.trainable_variables())
        session.run(tf.global_variables_initializer())
        try:
            session.run(gradients, {images: np.ones((2, 1, 28, 28))})
        except (tf.errors.InvalidArgumentError, tf.errors.UnimplementedError):
            assert not allowed
        else:
            assert allowed


@pytest.mark.parametrize("config", SMALL.values(), ids=SMALL)
def test_the_default_layout_is_never_refused(config):
    feedforward.check_layout(config, dtype="float64")


@pytest.mark.parametrize("words", [["dense"], ["conv"]], ids=" ".join)
def test_command_line(tmp_path, capsys, words):
    out = str(tmp_path / "run")
    flags = ["--data", "digits", "--steps", "40", "--batch-size", "32", "--out", out]
    assert main(["train", *words, *flags]) == 0
    with open(out + "/result.json") as file:
        result = json.load(file)
    assert result["train"][-1]["loss"] < 2.2
    capsys.readouterr()
    assert main(["evaluate", *words, "--from", out]) == 0
    assert json.loads(capsys.readouterr().out)["loss"] == result["test"][-1]["loss"]
    assert main(["predict", *words, "--from", out, "--index", "3"]) == 0
    assert "predicted: " in capsys.readouterr().out
    assert main(["export", *words, "--from", out]) == 0


def test_command_line_trains_nchw_or_refuses_it_in_one_line(tmp_path, capsys):
    allowed = has_nchw("float32")
    out = ["--out", str(tmp_path / "run")]
    flags = ["--data", "digits", "--steps", "2", "--data-format", "nchw"]
    assert main(["train", "conv", *flags, *out]) == (0 if allowed else 2)
    if not allowed:
        (error,) = capsys.readouterr().err.splitlines()
        assert error.startswith("error: --data-format nchw needs a GPU here")


def test_dense_has_no_data_format(capsys):
    assert main(["train", "dense", "--data-format", "nchw"]) == 2
    assert capsys.readouterr().err == "error: dense has no --data-format: leave it out\n"
