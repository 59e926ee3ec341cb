"""The parameter server: the workers' shards of a batch are the batch."""

import pytest

from tests.support.clusters import changed
from tests.support.parameter_server import trainings
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance


@pytest.mark.slow
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("words", "workers", "quantity"),
    [
        ("dense", 2, "weights of 100 steps of shards"),
        ("row-lstm --kernel generic", 2, "weights of 100 steps of shards"),
        ("row-lstm --kernel fused-cpu", 4, "weights of 100 steps of shards"),
        ("window-rnn", 2, "stepped weights"),
    ],
)
def test_workers_end_with_the_weights_of_one_process(tmp_path, words, workers, quantity):
    """Those of the row LSTM and its moving averages too: its normalization sees the whole batch.

    Adam, of the window RNN, may scale the rounding of the shards' sums up; SGD does not.
    """
    side = trainings(tmp_path, 100, *words.split())
    bound = tolerance(quantity, "float32").bound
    assert difference(side.one_process(), side.workers(workers)).max_abs <= bound


# The chief's gradients first, then those of the last worker, of the one before it, …
IN_ANOTHER_ORDER = """
from legacy_tf1 import parameter_server
parameter_server.Turns.end = lambda self, number: self._queues[number - 1].enqueue(0)
"""


@pytest.mark.slow
def test_four_workers_end_with_the_same_weights_each_time(tmp_path):
    """To the last bit: their gradients are summed in one order, and another one is seen."""
    side = trainings(tmp_path, 50, "dense")
    first, again = side.workers(4), side.workers(4, out="again")
    assert not changed(first, again)
    other = side.broken(IN_ANOTHER_ORDER, 4)
    assert changed(first, other)


BROKEN = {
    ("dense", "the same shard on all workers"): """
from shared.batches import BatchPlan
shard = BatchPlan.shard
BatchPlan.shard = lambda self, number, workers: shard(self, 0, workers)
""",
    ("dense", "gradients summed, not averaged"): """
import tensorflow.compat.v1 as tf
average = tf.train.SyncReplicasOptimizer.compute_gradients
tf.train.SyncReplicasOptimizer.compute_gradients = lambda *given, **options: [
    (2 * gradient, variable) for gradient, variable in average(*given, **options)
]
""",
    ("row-lstm", "batch normalization of each shard"): """
from legacy_tf1 import synchronized
synchronized.Exchange.mean = lambda self, part, name: part
""",
    ("row-lstm", "gradients of the moments not exchanged"): """
from legacy_tf1 import synchronized
mean = synchronized.Exchange._mean
synchronized.Exchange._mean = lambda self, part, name: (
    part if name.endswith("gradient") else mean(self, part, name)
)
""",
    ("row-lstm", "moving averages of every worker"): """
from legacy_tf1 import distributed
import tensorflow.compat.v1 as tf
distributed._Worker._averages = lambda self: tf.get_collection(tf.GraphKeys.UPDATE_OPS)
""",
}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(("model", "mistake"), sorted(BROKEN))
def test_a_mistake_is_seen_in_the_weights(tmp_path, model, mistake):
    """With SGD, which hides no factor, as Adam would."""
    side = trainings(tmp_path, 20, model)
    bound = tolerance("weights of 100 steps of shards", "float32").bound
    broken = side.broken(BROKEN[model, mistake])
    assert difference(side.one_process(), broken).max_abs > 1000 * bound
