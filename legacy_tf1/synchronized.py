"""Batch normalization over the workers of a cluster, which TF1 itself does not have (D22).

`tf.layers.batch_normalization` would normalize each worker's shard by itself. Here the workers
exchange the means of their shards within a step, through queues of the parameter server, and the
gradients of these means on the way back.
"""

from contextlib import contextmanager
from functools import partial

import tensorflow.compat.v1 as tf

_LAYER = "synchronized_batch_normalization"  # a collection of the graph: none, or one layer


@contextmanager
def over_workers(exchange):
    """While entered, the default graph gets models that normalize all workers' shards as one batch.

    exchange: the Exchange of this worker.
    """
    tf.add_to_collection(_LAYER, partial(_batch_normalization, exchange=exchange))
    yield
    tf.get_default_graph().clear_collection(_LAYER)  # a .meta cannot hold a function


def batch_normalization():
    """The function that adds the layer: TF1's own, or for one of several workers the one here."""
    found = tf.get_collection(_LAYER)
    return found[0] if found else tf.layers.batch_normalization


class Exchange:
    """Means over the workers of a cluster, in each step that all of them run.

    Args:
        shard: number of this worker, and how many there are.
        device: of the parameter server.
        begin: makes the op that is to run before this worker sends anything of a step.
    """

    def __init__(self, shard, *, device, begin):
        self.number, self.workers = shard
        self.device, self.begin = device, begin

    def mean(self, part, name):
        """The mean of the workers' parts, with a gradient: a tensor of the shape of `part`.

        The loss of a step is the mean of the workers' losses, and what an optimizer gets the mean
        of their gradients. Each loss depends on all parts: so the gradient of a part is the mean of
        what the workers' losses have as their gradients of the mean.
        """

        @tf.custom_gradient
        def exchanged(part):
            return self._mean(part, name), lambda gradient: self._mean(gradient, name + "_gradient")

        return exchanged(part)

    def _mean(self, part, name):
        """Every worker has a queue, puts in a copy for each of them and takes one out of each.

        None is ahead by a step, as it ends with gradients that need all copies: the queues are
        empty between steps. They are read in one order, so all workers sum in that order.
        """
        with tf.device(self.device):
            queues = [
                tf.FIFOQueue(self.workers, part.dtype, shared_name="%s_%d" % (name, number))
                for number in range(self.workers)
            ]
            sent = queues[self.number].enqueue_many([tf.stack([part] * self.workers)])
            with tf.control_dependencies([sent]):
                parts = [queue.dequeue() for queue in queues]
            mean = tf.add_n(parts) / self.workers
        mean.set_shape(part.shape)
        return mean


def _batch_normalization(inputs, *, exchange, momentum, epsilon, training, name):
    """As tf.layers.batch_normalization of inputs [B, H], with the same variables and updates."""
    with tf.variable_scope(name):
        shape = [inputs.shape[-1]]
        gamma = tf.get_variable("gamma", shape, inputs.dtype, tf.ones_initializer())
        beta = tf.get_variable("beta", shape, inputs.dtype, tf.zeros_initializer())
        moving = [
            tf.get_variable("moving_" + name, shape, inputs.dtype, initial(), trainable=False)
            for name, initial in [("mean", tf.zeros_initializer), ("variance", tf.ones_initializer)]
        ]
        # Within the condition: a test waits for no other worker.
        batch = tf.cond(
            training,
            lambda: _moments(inputs, exchange, name),
            lambda: [tf.identity(variable) for variable in moving],
        )
        rate = tf.cast(1 - momentum, inputs.dtype)  # from float32, as the layer's (D13)
        for variable, value in zip(moving, batch):
            update = tf.assign_sub(variable, (variable - value) * rate)
            tf.add_to_collection(tf.GraphKeys.UPDATE_OPS, update)
        return tf.nn.batch_normalization(inputs, *batch, beta, gamma, epsilon)


def _moments(inputs, exchange, name):
    """Mean and variance [H] of the whole batch, in the two passes of tf.nn.moments."""
    with tf.control_dependencies([exchange.begin()]):
        mean = exchange.mean(tf.reduce_mean(inputs, axis=0), name + "/mean")
    # Without a gradient: over the whole batch, the deviations have the sum 0.
    squared = tf.squared_difference(inputs, tf.stop_gradient(mean))
    return [mean, exchange.mean(tf.reduce_mean(squared, axis=0), name + "/variance")]
