"""The moving averages of a batch normalization, which a training step updates or does not."""

from functools import partial

import numpy as np
import pytest

from tests.tf1port.graphs import first_control_flow
from tests.tf1port.programs.program import converted, running, verified
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.statistics_updates import not_updated

# isort: split
import tensorflow.compat.v1 as tf1

T, F, U = 6, 3, 4
AVERAGES = ["bn/moving_mean", "bn/moving_variance"]


def adam(loss, **options):
    return tf1.train.AdamOptimizer(0.01).minimize(loss, **options)


def updates():
    return tf1.get_collection(tf1.GraphKeys.UPDATE_OPS)


class Waiting:
    """The step waits for the updates of the averages."""

    def minimize(self, loss, global_step):
        with tf1.control_dependencies(updates()):
            return adam(loss, global_step=global_step)


class Grouped:
    """The step is a group of the optimizer's updates and those of the averages."""

    def minimize(self, loss, global_step):
        return tf1.group(adam(loss, global_step=global_step), *updates())


class OfTheLoss:
    """The step is the loss, which waits for both, as in slim."""

    def minimize(self, loss, global_step):
        with tf1.control_dependencies(updates()):
            loss = tf1.identity(loss)
        step = adam(loss, global_step=global_step)
        with tf1.control_dependencies([step]):
            return tf1.identity(loss)


class InTurn:
    """Two optimizers in two steps, one of which runs the updates."""

    def minimize(self, loss, global_step):
        kernels, rest = tf1.trainable_variables()[:1], tf1.trainable_variables()[1:]
        with tf1.control_dependencies(updates()):
            first = adam(loss, global_step=global_step, var_list=kernels)
        adam(loss, var_list=rest)
        return first


class Alone:
    """The step updates the weights alone."""

    def minimize(self, loss, global_step):
        return adam(loss, global_step=global_step)


class OnlyMean(Alone):
    """The step waits for the update of one of the two averages."""

    def minimize(self, loss, global_step):
        with tf1.control_dependencies(updates()[:1]):
            return super().minimize(loss, global_step)


def normalized():
    """A GRU whose state is normalized, by its batch if a flag says so."""
    x = tf1.placeholder(tf1.float32, [None, T, F], name="x")
    training = tf1.placeholder_with_default(False, [], name="training")
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    state = tf1.layers.batch_normalization(state, training=training, momentum=0.9, name="bn")
    logits = tf1.layers.dense(state, 2, name="logits")
    feed = {x: 1 + np.random.RandomState(3).randn(5, T, F)}
    return feed, tf1.reduce_mean(tf1.square(logits - 1), name="loss")


STEPS = {Waiting: [], Grouped: [], OfTheLoss: [], InTurn: [], Alone: AVERAGES}
STEPS[OnlyMean] = AVERAGES[1:]


@pytest.mark.parametrize("step", STEPS)
def test_an_update_counts_if_the_step_runs_it(step):
    with first_control_flow(), tf1.Graph().as_default() as graph:
        _, loss = normalized()
        step().minimize(loss, tf1.train.get_or_create_global_step())
        tf1.train.Saver()
        learning = {variable.op.name for variable in tf1.trainable_variables()}
        found = not_updated(Graph(graph.as_graph_def()), AVERAGES, learning)
    assert found == STEPS[step]


def test_a_graph_that_trains_nothing_needs_no_updates():
    with first_control_flow(), tf1.Graph().as_default() as graph:
        normalized()
        assert not_updated(Graph(graph.as_graph_def()), AVERAGES, {"bn/beta"}) == []


@pytest.mark.slow
@pytest.mark.parametrize("flags", [[], ["--outputs", "logits/BiasAdd"]], ids=["stack", "by op"])
def test_averages_that_the_step_leaves_are_named_and_not_proved(flags, tmp_path, capsys):
    with running(normalized, tmp_path, optimizer=Alone()) as run:
        target = converted(run.prefix, *flags)
        said = " ".join(capsys.readouterr().out.split())
        prove = partial(verified, run.prefix, target, capsys)
        outputs, _ = prove(*flags)
        code, report = prove("--steps", "3", *flags)
    assert "nothing that the train op runs updates the moving averages of bn/moving_mean" in said
    assert outputs == 0
    assert code == 3, report["verdict"]
    assert "updates the moving averages of bn/moving_mean" in report["verdict"]


@pytest.mark.slow
def test_averages_that_the_step_updates_are_proved(tmp_path, capsys):
    with running(normalized, tmp_path, optimizer=Waiting()) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 0, report["verdict"]
