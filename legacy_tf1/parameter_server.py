"""What the workers of a cluster share on the parameter server besides the model's variables."""

import numpy as np
import tensorflow.compat.v1 as tf

from shared import cluster as clusters
from shared.config import MAX_STEPS

DEVICE = "/job:%s/task:0" % clusters.SERVER
DONE, ABORT = 0, 1  # what a worker says at its end
_CLOSED, _OPEN, _STARTED = -1, 0, 1  # whether a worker may start, and whether it has


class Facts:
    """Variables of the parameter server that are in no checkpoint.

    Attributes:
        results: [2, workers, 2] float32, loss and accuracy of the shards of even and odd steps.
        last_step: the step after which all stop.
        digest: shared.cluster.digest of the chief.
    """

    def __init__(self, workers, digest):
        with tf.variable_scope("facts"):
            self._states = _variable("states", np.full(workers, _CLOSED, np.int32))
            self.results = _variable("results", np.zeros([2, workers, 2], np.float32))
            self._sent = _variable("sent", np.zeros([workers, 2], np.int64))
            self.last_step = _variable("last_step", np.int64(MAX_STEPS + 1))
            self.digest = _variable("digest", digest)
        variables = tf.get_collection("facts")
        self.initializer = tf.variables_initializer(variables)
        self._uninitialized = tf.size(tf.report_uninitialized_variables(variables))
        self.opening = tf.assign(self._states, np.full(workers, _OPEN, np.int32)).op
        self.starting = [tf.scatter_update(self._states, n, _STARTED).op for n in range(workers)]
        self.ending = [ended().enqueue(value) for value in (DONE, ABORT)]

    def begin(self, step, number, values):
        """An op that notes loss and accuracy of a worker's shard, whose gradients it will send."""
        place = [[tf.cast(step % 2, tf.int32), number]]
        noted = tf.scatter_nd_update(self.results, place, [tf.stack(values)])
        return tf.group(noted, self.sending(step, number))

    def sending(self, step, number):
        """An op that notes that a worker will send its moments or gradients of a step."""
        return tf.scatter_nd_update(self._sent, [[number, 0]], [step])

    def end(self, step, number):
        """An op that notes that a worker has sent the gradients of a step."""
        return tf.scatter_nd_update(self._sent, [[number, 1]], [step]).op

    def sent(self, session, number):
        """The last step of which a worker began to send moments or gradients, and has sent all."""
        return map(int, session.run(self._sent)[number])

    def are_initialized(self, session):
        """Whether the chief has been here."""
        return not session.run(self._uninitialized)

    def is_closed(self, session, number):
        """Whether a worker may not start yet."""
        return session.run(self._states)[number] == _CLOSED

    def has_started(self, session, number):
        """Whether a worker was here before."""
        return session.run(self._states)[number] == _STARTED


class Turns:
    """The order in which the workers send their gradients: by their numbers, in every step.

    SyncReplicasOptimizer adds gradients in the order in which they arrive, and a sum of rounded
    numbers is another one in another order: so a training ended with other weights each time.
    """

    def __init__(self, workers):
        with tf.device(DEVICE):
            self._queues = [
                tf.FIFOQueue(1, tf.int32, [()], shared_name="turn_%d" % number)
                for number in range(workers)
            ]

    def begin(self):
        """An op that gives the first turn of a training to the first worker."""
        return self._queues[0].enqueue(0)

    def wait(self, number):
        """An op that waits for the turn of a worker."""
        return self._queues[number].dequeue()

    def end(self, number):
        """An op that gives the turn to the next worker."""
        return self._queues[(number + 1) % len(self._queues)].enqueue(0)


def ended():
    """The queue in which each worker says that it has ended, and how: DONE or ABORT."""
    with tf.device(DEVICE):
        return tf.FIFOQueue(-1, tf.int32, [()], shared_name="ended")


def _variable(name, value):
    """A variable that is in no checkpoint."""
    return tf.get_variable(
        name, initializer=tf.constant(value), trainable=False, collections=["facts"]
    )
