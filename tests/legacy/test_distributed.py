"""The parameter server: shards of a batch are the batch, whatever is killed is resumed."""

import signal

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from tests.support import clusters
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance


def variables(path):
    reader = tf.train.load_checkpoint(str(path))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


MODELS = ["window-rnn", "row-lstm"]  # workers of the second exchange moments as well as gradients


def trainings(folder, steps, model="window-rnn", *options):
    return clusters.Trainings(
        "legacy_tf1", "parameter-server", variables,
        servers=1, folder=folder, model=model, steps=steps,
        options=["--batch-size", "128", *options],
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "quantity"),
    [
        ("dense", "weights of 100 steps of shards"),
        ("row-lstm --kernel generic", "weights of 100 steps of shards"),
        ("row-lstm --kernel fused-cpu", "weights of 100 steps of shards"),
        ("window-rnn", "stepped weights"),
    ],
)
def test_workers_end_with_the_weights_of_one_process(tmp_path, words, quantity):
    """Those of the row LSTM and its moving averages too: its normalization sees the whole batch.

    Adam, of the window RNN, may scale the rounding of the shards' sums up; SGD does not.
    """
    side = trainings(tmp_path, 100, *words.split())
    one = side.one_process()
    bound = tolerance(quantity, "float32").bound
    for number in (2, 4):
        assert difference(one, side.workers(number)).max_abs <= bound


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
    assert {name for name in first if not np.array_equal(first[name], again[name])} == set()
    other = side.broken(IN_ANOTHER_ORDER, 4)
    assert {name for name in first if not np.array_equal(first[name], other[name])} != set()


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
@pytest.mark.parametrize(("model", "mistake"), sorted(BROKEN))
def test_a_mistake_is_seen_in_the_weights(tmp_path, model, mistake):
    """With SGD, which hides no factor, as Adam would."""
    side = trainings(tmp_path, 20, model)
    bound = tolerance("weights of 100 steps of shards", "float32").bound
    broken = side.broken(BROKEN[model, mistake])
    assert difference(side.one_process(), broken).max_abs > 1000 * bound


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("position", [0, 1], ids=["server", "chief"])
def test_a_killed_process_costs_nothing(tmp_path, position, model):
    """That of the server is noticed by all others."""
    side = trainings(tmp_path, 400, model)
    whole = side.workers(2)
    resumed, lines = side.killed(position, at_step=20, every=10)
    assert all(line.startswith("error: ") for line in lines), lines
    assert {name for name in whole if not np.array_equal(whole[name], resumed[name])} == set()


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
def test_a_signal_to_one_worker_stops_all(tmp_path, model):
    """After the same step, with a checkpoint; else the others would wait for it."""
    side = trainings(tmp_path, 5000, model)
    codes, result = side.stopped(2, at_step=20, every=10)
    assert codes == [130, 143]
    assert 20 <= result["steps"] == result["checkpoints"][0]["step"] < 5000


# A worker that is killed in its 21st step, once.
KILLED = """
import os, signal, time
import tensorflow.compat.v1 as tf
from legacy_tf1 import distributed
train_step = distributed._Worker._train_step

def step_of_one_that_is_killed(self, session, feed):
    if self.shard[0] == 1 and self.log.step == 20 and not os.path.exists("killed"):
        open("killed", "w").close()
        feed = {**feed, self.step: 21}
        %s
        os.kill(os.getpid(), signal.SIGKILL)
    train_step(self, session, feed)

distributed._Worker._train_step = step_of_one_that_is_killed
"""
MOMENTS = {
    "before it sends anything": "",
    "before the update": "session.run(self.sent, feed)",
    "before it takes its token": """session.run(self.sent, feed)
        while session.run(self.global_step) < 21:
            time.sleep(0.02)""",
    "after the step": "session.run([self.train_op, self.sent], feed)",
}


@pytest.mark.slow
@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("moment", sorted(MOMENTS))
def test_a_worker_that_is_started_again_rejoins(tmp_path, moment, model):
    """And the training ends with the very weights of one that nothing happened to."""
    side = trainings(tmp_path, 60, model)
    whole = side.workers(2)
    codes, lines = side.restarted(KILLED % MOMENTS[moment])
    assert codes == [0, 0, 0], lines
    rejoined = side.variables(tmp_path / "restarted")
    assert {name for name in whole if not np.array_equal(whole[name], rejoined[name])} == set()


BETWEEN = [
    ("window-rnn", "session.run(distributed._sending(session.graph)[0], feed)"),
    ("row-lstm", "session.run(self.model.loss, feed)"),  # moments without their gradients
]


@pytest.mark.slow
@pytest.mark.parametrize(("model", "moment"), BETWEEN)
def test_a_worker_that_was_killed_while_it_sent_does_not_rejoin(tmp_path, model, moment):
    """Some of it would count twice. All go on to the weights of one that nothing happened to."""
    side = trainings(tmp_path, 60, model)
    whole = side.workers(2)
    codes, lines = side.restarted(KILLED % moment)
    assert codes == [0, 2, 2]
    assert "worker 1 was killed in the middle of a step: start all processes" in lines[2]
    clusters.run([*side.distributed, "--workers", "2", "--resume", "--out", "restarted"], tmp_path)
    resumed = side.variables(tmp_path / "restarted")
    assert {name for name in whole if not np.array_equal(whole[name], resumed[name])} == set()


@pytest.mark.slow
def test_nobody_waits_for_a_killed_workers_gradients_of_moments_without_end(tmp_path):
    code = KILLED % "session.run(self.model.loss, feed)" + "distributed._STEP_SECONDS = 20\n"
    codes, lines = trainings(tmp_path, 60, "row-lstm").left_alone(code)
    assert codes == [2, -signal.SIGKILL], lines
    assert "a worker is gone after step 20: start all of them again" in lines[0]


@pytest.mark.slow
def test_without_their_launcher_all_stop(tmp_path):
    """After the same step, with a checkpoint, as after a signal."""
    result = trainings(tmp_path, steps=5000).abandoned(at_step=20, every=10)
    assert 20 <= result["steps"] == result["checkpoints"][0]["step"] < 5000
