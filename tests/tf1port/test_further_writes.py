"""What a training step does besides an optimizer's updates is seen in the graph, and named."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.optimizers import are_frozen, find_applied, unsupported_reason


def built(step, *, kind="references", optimizer=tf1.train.GradientDescentOptimizer, rate=0.1):
    """The graph of a product with weights, trained as `step` says."""
    with tf1.Graph().as_default() as graph:
        scope = tf1.variable_scope(tf1.get_variable_scope(), use_resource=kind != "references")
        with scope:
            inputs = tf1.placeholder(tf1.float32, [None, 3], name="inputs")
            weights = tf1.get_variable("weights", [3, 2])
            other = tf1.get_variable("other", [3, 2], trainable=False)
            counter = tf1.train.get_or_create_global_step()
            rate = rate() if callable(rate) else rate
            loss = tf1.reduce_mean(tf1.square(tf1.matmul(inputs, weights)), name="loss")
            step(loss, weights, other, counter, optimizer(rate), rate)
        return Graph(graph.as_graph_def())


def reason(graph):
    """Of the weights, beside a layer of the model that is not trained."""
    return unsupported_reason(graph, {"weights"}, {"other"})


# Steps that an optimizer of Keras takes as well, and what is no part of one.


def plain(loss, weights, other, counter, optimizer, rate):
    optimizer.minimize(loss, counter, name="train")


def assigned_apart(loss, weights, other, counter, optimizer, rate):
    """Word vectors that are fed once, and averages that are swapped in for a test."""
    optimizer.minimize(loss, counter)
    weights.assign(tf1.placeholder(tf1.float32, [3, 2]))
    tf1.group(weights.assign(other), name="swap")


def rate_by_hand(loss, weights, other, counter, optimizer, rate):
    """As the program of the Penn Treebank does."""
    optimizer.minimize(loss, counter)
    rate.assign(tf1.placeholder(tf1.float32, []))
    rate.assign(rate * 0.5)


def averages_kept(loss, weights, other, counter, optimizer, rate):
    with tf1.control_dependencies([optimizer.minimize(loss, counter)]):
        tf1.train.ExponentialMovingAverage(0.9).apply([weights])


def averages_kept_at_times(loss, weights, other, counter, optimizer, rate):
    """The branch reads the weights, and writes something else."""
    average = tf1.get_variable("average", [3, 2], trainable=False)
    with tf1.control_dependencies([optimizer.minimize(loss, counter)]):
        tf1.cond(
            tf1.equal(counter % 5, 0),
            lambda: tf1.group(average.assign(0.9 * average + 0.1 * weights)),
            tf1.no_op,
        )


def summed_up(loss, weights, other, counter, optimizer, rate):
    """A rate that is lowered by hand, in one summary with what is read after the step."""
    with tf1.control_dependencies([optimizer.minimize(loss, counter)]):
        tf1.summary.scalar("loss", tf1.identity(loss))
    tf1.summary.scalar("rate", rate.assign(rate * 0.5))
    tf1.summary.merge_all()


def variable_rate():
    return tf1.get_variable("rate", initializer=0.1, trainable=False)


RIGHT = {
    "plain": (plain, {}),
    "momentum": (plain, {"optimizer": lambda rate: tf1.train.MomentumOptimizer(rate, 0.9)}),
    "Adam": (plain, {"optimizer": tf1.train.AdamOptimizer}),
    "assigned apart": (assigned_apart, {}),
    "rate by hand": (rate_by_hand, {"rate": variable_rate}),
    "averages kept": (averages_kept, {}),
    "averages kept at times": (averages_kept_at_times, {}),
    "in one summary": (summed_up, {"rate": variable_rate}),
}


@pytest.mark.parametrize("name", RIGHT)
def test_an_optimizer_alone_is_accepted(kind, name):
    step, options = RIGHT[name]
    assert reason(built(step, kind=kind, **options)) is None


# Steps that are more, or less, than an optimizer's.


def then(write):
    """A step after which something is written."""

    def step(loss, weights, other, counter, optimizer, rate):
        with tf1.control_dependencies([optimizer.minimize(loss, counter)]):
            tf1.group(write(weights, other, counter, optimizer, rate), name="train")

    return step


def sometimes(write):
    """As `then`, in every fifth step."""

    def written(*given):
        counter = given[2]
        return tf1.cond(tf1.equal(counter % 5, 0), lambda: tf1.group(write(*given)), tf1.no_op)

    return then(written)


def copied(weights, other, *_):
    return weights.assign(other.read_value())


def reset(weights, other, counter, optimizer, rate):
    slot = optimizer.get_slot(weights, "momentum")
    return slot.assign(tf1.zeros_like(slot))


def slower(weights, other, counter, optimizer, rate):
    return rate.assign(rate * 0.9)


def conditional(loss, weights, other, counter, optimizer, rate):
    tf1.cond(tf1.less(loss, 5.0), lambda: tf1.group(optimizer.minimize(loss)), tf1.no_op)


def before(loss, weights, other, counter, optimizer, rate):
    with tf1.control_dependencies([weights.assign(other)]):
        gradients = tf1.gradients(tf1.reduce_sum(weights.read_value() ** 2), [weights])
    optimizer.apply_gradients(zip(gradients, [weights], strict=True))


def row_set(weights, *_):
    return weights[0].assign(tf1.zeros([2]))


def scattered(weights, *_):
    return tf1.scatter_nd_update(weights, [[0]], tf1.zeros([1, 2]))


def multiplied(weights, *_):
    return tf1.scatter_mul(weights, [0], tf1.zeros([1, 2]))


def slot_divided(weights, other, counter, optimizer, rate):
    return tf1.scatter_div(optimizer.get_slot(weights, "momentum"), [0], tf1.ones([1, 2]))


def frozen_set(weights, other, *_):
    return other.assign(tf1.identity(weights))


def as_an_update(weights, other, *_):
    """In a scope that is named like those of optimizers' updates of rows."""
    with tf1.name_scope("update_weights"):
        return weights.assign(other.read_value())


def powers_reset(weights, other, counter, optimizer, rate):
    return [power.assign(0.9) for power in optimizer._get_beta_accumulators()]


def by_another(weights, *_):
    """An optimizer that Keras has not, whose gradient may be zero."""
    other = tf1.train.ProximalGradientDescentOptimizer(0.5)
    return other.apply_gradients([(tf1.nn.relu(tf1.abs(weights) - 9.0), weights)])


def in_a_loop(weights, *_):
    def body(number):
        with tf1.control_dependencies([weights.assign(weights * 0.5)]):
            return number + 1

    return tf1.while_loop(lambda number: number < 2, body, [0])


def set_option(weights, other, counter, optimizer, rate):
    (option,) = (each for each in tf1.global_variables() if each.op.name == "option")
    return option.assign(0.99)


def with_option(make):
    """An optimizer one of whose options is a variable."""

    def made(rate):
        return make(rate, tf1.get_variable("option", initializer=0.5, trainable=False))

    return {"optimizer": made}


MOMENTUM = {"optimizer": lambda rate: tf1.train.MomentumOptimizer(rate, 0.9)}
WRONG = {
    "averages copied back": (then(copied), {}),
    "slow weights copied back at times": (sometimes(copied), {}),
    "slots reset": (then(reset), MOMENTUM),
    "slots reset at times": (sometimes(reset), MOMENTUM),
    "rate decays": (then(slower), {"rate": variable_rate}),
    "rate decays at times": (sometimes(slower), {"rate": variable_rate}),
    "weights set before": (before, {}),
    "trained at times": (conditional, {}),
    "a row set": (then(row_set), {}),
    "a row set at times": (sometimes(row_set), {}),
    "rows scattered": (then(scattered), {}),
    "rows multiplied": (then(multiplied), {}),
    "slots divided": (then(slot_divided), MOMENTUM),
    "a frozen layer set": (then(frozen_set), {}),
    "a frozen layer set at times": (sometimes(frozen_set), {}),
    "in a scope of updates": (sometimes(as_an_update), {}),
    "powers reset at times": (sometimes(powers_reset), {"optimizer": tf1.train.AdamOptimizer}),
    "another optimizer": (then(by_another), {}),
    "in a loop": (then(in_a_loop), {}),
    "momentum set at times": (sometimes(set_option), with_option(tf1.train.MomentumOptimizer)),
    "rho set at times": (sometimes(set_option), with_option(tf1.train.RMSPropOptimizer)),
    "beta set at times": (sometimes(set_option), with_option(tf1.train.AdamOptimizer)),
}


@pytest.mark.parametrize("name", WRONG)
def test_more_or_less_than_an_optimizer_is_named(kind, name):
    step, options = WRONG[name]
    said = reason(built(step, kind=kind, **options))
    assert said is not None
    named = ("besides", "under a condition", "in a function", "by several")
    assert any(words in said for words in named), said


def test_what_is_trained_at_times_is_not_frozen(kind):
    assert not are_frozen(built(conditional, kind=kind), ["weights"])


def test_what_is_written_is_found_again():
    """The graphs here do train: a rate of 0.1 on the squares moves the weights."""
    graph = built(plain)
    assert find_applied(graph).keys() == {"weights"}
    assert np.isclose(graph.constant(find_applied(graph)["weights"].arguments["lr"]), 0.1)
