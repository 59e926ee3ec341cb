"""A loss of several terms, whose gradients are taken without those of the sum itself."""

import numpy as np
import pytest

from tests.tf1port.programs.program import converted, map_of, running, verified
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.training_ops import NoTraining, find_loss, losses_of, sole_loss
from tf1port.tf1.session import loss_gradients

# isort: split
import tensorflow.compat.v1 as tf1

T, F, U = 5, 3, 4


def terms():
    """Three terms of two variables."""
    first, second = tf1.get_variable("first", [2]), tf1.get_variable("second", [2])
    a = tf1.reduce_mean(tf1.square(first), name="a")
    b = tf1.multiply(0.5, tf1.reduce_mean(tf1.square(second)), name="b")
    return a, b, tf1.reduce_sum(first * second, name="c")


SUMS = {
    "of two": lambda a, b, c: a + b,
    "in the other order": lambda a, b, c: b + a,
    "of sums": lambda a, b, c: (a + b) + c,
    "of a list": lambda a, b, c: tf1.add_n([a, b, c]),
    "with a difference": lambda a, b, c: a - b,
    "of differences": lambda a, b, c: (a - b) - c + tf1.square(a),
    "of a negative": lambda a, b, c: a + -b,
    "with a copy": lambda a, b, c: tf1.identity(a) + b,
    "with a constant": lambda a, b, c: tf1.add_n([a, b, tf1.constant(3.0)]),
    "beside a difference of constants": lambda a, b, c: (a - 1.0) + b,
    "of many": lambda a, b, c: sum((tf1.square(a) for _ in range(1500)), b),
}


def gradients_of(build):
    """The GraphDef of gradients without gates, and the loss's name."""
    with tf1.Graph().as_default() as graph:
        loss = build(*terms())
        beyond = loss[0] if isinstance(loss, list) else loss
        tf1.identity(tf1.stop_gradient(beyond) + 1.0, name="beyond")
        tf1.gradients(loss, tf1.trainable_variables())
        return graph.as_graph_def(), getattr(loss, "name", None)


@pytest.mark.parametrize("name", [name for name in SUMS if name != "of differences"])
def test_the_loss_is_what_adds_the_terms(name):
    graph_def, loss = gradients_of(SUMS[name])
    assert losses_of(graph_def) == [loss]
    assert find_loss(Graph(graph_def, backward=True)) == loss


NOT_FOUND = {
    "two at once": lambda a, b, c: [a, b],
    "a term that is used twice": lambda a, b, c: a + b + a,
    "a term that the gradient of another leads through": SUMS["of differences"],
    "a term without its gradient": lambda a, b, c: tf1.add_n([a, b, tf1.floor(c)]),
}


@pytest.mark.parametrize("name", NOT_FOUND)
def test_no_term_is_taken_for_the_loss(name):
    graph_def, _ = gradients_of(NOT_FOUND[name])
    assert losses_of(graph_def) == []
    assert sole_loss(graph_def) is None
    with pytest.raises(NoTraining, match="the loss was not found"):
        find_loss(Graph(graph_def, backward=True))


class Clipped(tf1.train.GradientDescentOptimizer):
    """The gradients are taken by tf.gradients, and clipped by their global norm."""

    def minimize(self, loss, global_step):
        variables = tf1.trainable_variables()
        gradients, _ = tf1.clip_by_global_norm(tf1.gradients(loss, variables), 0.5)
        return self.apply_gradients(zip(gradients, variables, strict=True), global_step)


class OfAnother(Clipped):
    """Another loss is minimized than the one whose gradients are taken first."""

    def minimize(self, loss, global_step):
        tf1.gradients(loss * 2.0, tf1.trainable_variables())
        return super().minimize(loss, global_step)


def actor():
    """Probabilities and a value of a GRU's state; the loss has a term of the former alone."""
    x = tf1.placeholder(tf1.float32, [None, T, F], name="x")
    returns = tf1.placeholder(tf1.float32, [None, 1], name="returns")
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    logits = tf1.layers.dense(state, 3, name="logits")
    value = tf1.layers.dense(state, 1, name="value")
    labels = tf1.placeholder(tf1.int32, [None], name="actions")
    losses = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    chosen = tf1.reduce_mean(losses)
    entropy = tf1.reduce_mean(tf1.nn.softmax(logits) * tf1.nn.log_softmax(logits))
    stream = np.random.RandomState(3)
    feed = {x: stream.randn(3, T, F), returns: stream.randn(3, 1), labels: [0, 2, 1]}
    return feed, chosen + 0.5 * tf1.reduce_mean(tf1.square(value - returns)) + 0.1 * entropy


def verified_training(optimizer, folder, capsys):
    """The exit code and verdict of three steps, and the outputs of the model."""
    with running(actor, folder, optimizer=optimizer) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys, "--steps", "3")
    return code, report["verdict"], {*map_of(target)["outputs"].values()}


@pytest.mark.slow
def test_training_by_a_sum_is_proved(tmp_path, capsys):
    code, verdict, outputs = verified_training(Clipped(0.1), tmp_path, capsys)
    assert code == 0, verdict
    assert outputs == {"logits/BiasAdd:0", "value/BiasAdd:0"}


@pytest.mark.slow
def test_gradients_of_another_loss_are_not_proved(tmp_path, capsys):
    code, verdict, _ = verified_training(OfAnother(0.1), tmp_path, capsys)
    assert code == 3, verdict
    assert "its gradients are not those that the graph applies" in verdict


class Squares:
    """A session as check_loss takes it: the loss is the sum of a variable's squares."""

    def __init__(self):
        self.imported = tf1.Graph()
        with self.imported.as_default():
            self._variable = tf1.get_variable("w", [2], tf1.float64, use_resource=False)
            self.loss = tf1.reduce_sum(tf1.square(self._variable))
            self._set = tf1.assign(self._variable, [1.0, 2.0])

    def operation(self, name):
        return self.imported.get_operation_by_name(name)

    def run(self, fetches, feed):
        with tf1.Session(graph=self.imported) as session:
            session.run(self._set)
            return session.run(fetches, feed)


def test_applied_gradients_are_those_of_the_loss():
    squares = Squares()
    applied = {"w": np.array([2.0, 4.0])}
    loss_gradients.check_loss(squares, squares.loss, {}, applied, "float64")
    with pytest.raises(NoTraining, match="not those that the graph applies"):
        loss_gradients.check_loss(squares, squares.loss, {}, {"w": applied["w"] / 2}, "float64")
