"""Batch normalization over workers, here sessions in threads, is that of the whole batch."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from legacy_tf1 import row_lstm, synchronized
from shared.config import RowLSTMConfig
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance

RANDOM = np.random.RandomState(0)
X, FACTORS = RANDOM.normal(3, 2, [8, 3]), RANDOM.normal(0, 1, [8, 3])  # [B, H] float64
LIMIT = tf.RunOptions(timeout_in_ms=20000)


class Graph:
    """A batch normalization of [B, H] with a loss, and its session."""

    def __init__(self, target=""):
        self.x, self.factors = (tf.placeholder(tf.float64, [None, 3]) for _ in range(2))
        self.training = tf.placeholder_with_default(False, [])
        layer = synchronized.batch_normalization()
        options = {"momentum": 0.9, "epsilon": 1e-3, "name": "normalization"}
        self.outputs = layer(self.x, training=self.training, **options)
        loss = tf.reduce_mean(tf.exp(self.outputs) * self.factors)
        self.gradients = tf.gradients(loss, [self.x, *tf.trainable_variables()])
        self.updates = tf.get_collection(tf.GraphKeys.UPDATE_OPS)
        self.moving = [v for v in tf.global_variables() if v not in tf.trainable_variables()]
        self.initializer = tf.global_variables_initializer()
        self.session = tf.Session(target)

    def run(self, fetches, shard=slice(None), *, training=True):
        feed = {self.x: X[shard], self.factors: FACTORS[shard], self.training: training}
        return self.session.run(fetches, feed, options=LIMIT)


@pytest.fixture(scope="module")
def one():
    """The graph of one process."""
    with tf.Graph().as_default():
        return Graph()


def start(workers):
    """The graphs of workers, which share variables and queues as those of a parameter server."""
    target = tf.train.Server.create_local_server().target
    graphs = []
    for number in range(workers):
        exchange = synchronized.Exchange((number, workers), device="/cpu:0", begin=tf.no_op)
        with tf.Graph().as_default(), synchronized.over_workers(exchange):
            graphs.append(Graph(target))
    graphs[0].session.run(graphs[0].initializer)
    return graphs


def gap(expected, got):
    return difference(dict(enumerate(expected)), dict(enumerate(got))).max_abs


@pytest.mark.parametrize("workers", [2, 4])
def test_a_step_is_that_of_the_whole_batch(one, workers):
    """Gradients of the mean of the losses, moving averages that one of the workers updates."""
    one.session.run(one.initializer)
    graphs = start(workers)
    last = graphs[-1]
    size = len(X) // workers
    for _ in range(2):
        with ThreadPoolExecutor(workers) as pool:
            runs = [
                pool.submit(
                    graph.run,
                    [graph.gradients, [] if number else graph.updates],
                    slice(number * size, (number + 1) * size),
                )
                for number, graph in enumerate(graphs)
            ]
        inputs, *variables = zip(*(run.result()[0] for run in runs))
        got = [np.concatenate(inputs) / workers, *(np.mean(each, axis=0) for each in variables)]
        expected, _ = one.run([one.gradients, one.updates])
        assert gap(expected, got) <= tolerance("gradients", "float64").bound
    # A test, which no other worker takes part in
    tested = [graph.run([*graph.moving, graph.outputs], training=False) for graph in (one, last)]
    assert gap(*tested) <= tolerance("outputs", "float64").bound


def test_a_workers_model_has_the_variables_of_one_process():
    found = []
    exchange = synchronized.Exchange((0, 2), device="/cpu:0", begin=tf.no_op)
    for context in (nullcontext(), synchronized.over_workers(exchange)):
        with tf.Graph().as_default():
            with context:
                model = row_lstm.build_model(RowLSTMConfig(kernel="generic"), dtype="float64")
            found.append([(v.op.name, v.shape, v.dtype.base_dtype) for v in model.variables])
            assert synchronized.batch_normalization() is tf.layers.batch_normalization
    assert found[0] == found[1]
    assert {dtype for _, _, dtype in found[0]} == {tf.float64}
