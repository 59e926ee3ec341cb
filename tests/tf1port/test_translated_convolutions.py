"""Convolutions with variables and pooling become layers of Keras."""

import pytest

from tests.tf1port.programs.program import (
    BOUND,
    converted,
    gap,
    loaded,
    map_of,
    running,
    source_of,
    verified,
)
from tests.tf1port.programs.sequences import E, T, V, floats, ids, lstm
from tests.tf1port.programs.stacks import squares

# isort: split
import tensorflow.compat.v1 as tf1


def over_time():
    """Words beside features of them, a convolution over time, cells."""
    fed = [ids("words", T), floats("features", T, 2)]
    (words, _), (features, _) = fed
    table = tf1.get_variable("word_embedding", [V, E])
    x = tf1.concat([tf1.nn.embedding_lookup(table, words), features], -1)
    x = tf1.layers.conv1d(x, 6, 3, padding="same", activation=tf1.nn.relu, name="conv")
    steps, _ = tf1.nn.dynamic_rnn(lstm(), x * 0.5, dtype=tf1.float32)
    return dict(fed), squares(tf1.layers.dense(steps[:, -1], 2, name="logits"))


def of_images():
    """Pictures, two convolutions with strides and dilation, their rows as steps."""
    x, array = floats("images", 9, 9, 2)
    h = tf1.layers.conv2d(x, 4, (3, 2), strides=(2, 1), activation=tf1.nn.tanh, name="first")
    h = tf1.layers.conv2d(h, 3, 2, dilation_rate=2, padding="same", use_bias=False, name="second")
    steps, _ = tf1.nn.dynamic_rnn(lstm(), tf1.reshape(h, [-1, 4, 24]), dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps[:, -1] * 0.5, 2, name="logits"))


def twice():
    """One kernel without and with a bias: no layer holds it, as two would share it."""
    x, array = floats("images", 4, 4, 2)
    kernel = tf1.get_variable("kernel", [2, 2, 2, 3])
    bias = tf1.get_variable("bias", [3])
    both = [
        tf1.nn.conv2d(x, kernel, 1, "SAME"),
        tf1.nn.bias_add(tf1.nn.conv2d(x, kernel, 1, "SAME"), bias),
    ]
    steps = tf1.reshape(tf1.concat(both, -1), [-1, 4, 24])
    steps, _ = tf1.nn.dynamic_rnn(lstm(), steps, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps[:, -1] * 0.5, 2, name="logits"))


def pooled():
    """Pooling of images, with gaps and overlaps, and over time."""
    x, array = floats("images", 12, 6, 2)
    h = tf1.layers.max_pooling2d(x, 3, (2, 3))
    h = tf1.layers.average_pooling2d(h, (2, 1), (1, 1), padding="same")
    h = tf1.reshape(h, [-1, 5, 4])
    h = tf1.layers.average_pooling1d(tf1.layers.max_pooling1d(h, 2, 1), 2, 1, padding="same")
    steps, _ = tf1.nn.dynamic_rnn(lstm(), h, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps[:, -1] * 0.5, 2, name="logits"))


LAYERS = {
    over_time: {"Conv1D": 1},
    of_images: {"Conv2D": 1},
    twice: {},
    pooled: {f"{kind}Pooling{n}D": 1 for kind in ("Max", "Average") for n in (1, 2)},
}
KINDS = {kind for kinds in LAYERS.values() for kind in kinds}
PARAMS = [
    pytest.param(build, marks=[] if build is over_time else pytest.mark.slow, id=build.__name__)
    for build in LAYERS
]


@pytest.mark.parametrize("build", PARAMS)
def test_convolutions_are_layers(build, tmp_path):
    with running(build, tmp_path, steps=1) as run:
        target = converted(run.prefix)
        assert map_of(target)["complete"], map_of(target)["left_out"]
        assert gap(run, target, loaded(target)) <= BOUND
    for kind in KINDS:
        assert source_of(target).count(f"keras.layers.{kind}(") >= LAYERS[build].get(kind, 0)
    assert ("class Variable" in source_of(target)) == (build is twice)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", LAYERS, ids=lambda build: build.__name__)
def test_verify_proves_convolutions(build, tmp_path, capsys):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 0, report["verdict"]
