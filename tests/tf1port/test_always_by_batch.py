"""A batch normalization that is always in training, beside what a flag switches."""

import numpy as np
import pytest

from tests.tf1port.programs.program import converted, map_of, running, verified

# isort: split
import tensorflow.compat.v1 as tf1

pytestmark = pytest.mark.slow
T, F, U = 6, 3, 4


def dropped(state, training):
    return tf1.layers.dropout(state, 0.5, training=training)


def normalized(state, training):
    return tf1.layers.batch_normalization(state, training=training, momentum=0.9, name="switched")


def by_hand(state, training):
    """Moments whose averages a flag switches to, and that are looked at by a summary."""
    moments = tf1.nn.moments(state, [0])
    with tf1.variable_scope("by_hand"):
        averages = [
            tf1.get_variable(
                "moving_mean", [U], initializer=tf1.zeros_initializer(), trainable=False
            ),
            tf1.get_variable(
                "moving_variance", [U], initializer=tf1.ones_initializer(), trainable=False
            ),
        ]
        offset, scale = (tf1.get_variable(name, [U]) for name in ("beta", "gamma"))
    for average, moment in zip(averages, moments, strict=True):
        tf1.assign_sub(average, (average - moment) * 0.1)
    tf1.summary.scalar("mean_of_the_batch", tf1.reduce_mean(moments[0]))
    mean, variance = tf1.cond(training, lambda: list(moments), lambda: averages)
    return tf1.nn.batch_normalization(state, mean, variance, offset, scale, 1e-3)


def by_steps(x, name):
    return tf1.layers.batch_normalization(x, training=True, name=name)


def as_images(x, name):
    """The same by the fused op, which knows images alone."""
    images = tf1.layers.batch_normalization(x[..., None], training=True, name=name)
    return tf1.reshape(images, [-1, T, F])


def program(always, switched):
    """A GRU over a sequence that is normalized by its batch, and what a flag switches behind it."""

    def build():
        x = tf1.placeholder(tf1.float32, [None, T, F], name="x")
        training = tf1.placeholder(tf1.bool, [], name="training")
        steps = always(x, "unswitched") if always else x
        _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), steps, dtype=tf1.float32)
        logits = tf1.layers.dense(switched(state, training), 2, name="logits")
        feed = {x: 1 + np.random.RandomState(3).randn(5, T, F), training: np.array(False)}
        return feed, tf1.reduce_mean(tf1.square(logits - 1), name="loss")

    return build


@pytest.mark.sampled(3)
@pytest.mark.parametrize("switched", [dropped, normalized], ids=lambda each: each.__name__)
@pytest.mark.parametrize("always", [by_steps, as_images], ids=lambda each: each.__name__)
def test_what_no_flag_switches_is_named(always, switched, tmp_path, capsys):
    with running(program(always, switched), tmp_path) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys)
    assert code == 3, report["verdict"]
    assert "by the moments of each batch, which unswitched always uses" in report["verdict"]
    assert any("unswitched" in line for line in map_of(target)["left_out"])


@pytest.mark.parametrize("switched", [dropped, normalized, by_hand], ids=lambda one: one.__name__)
def test_what_a_flag_switches_is_not(switched, tmp_path, capsys):
    with running(program(None, switched), tmp_path) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys)
    assert code == 0, report["verdict"]
    assert "moments" not in report["verdict"]
