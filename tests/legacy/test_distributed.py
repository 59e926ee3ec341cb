"""The parameter server: shards of a batch are the batch, whatever is killed is resumed."""

import numpy as np
import pytest
import tensorflow.compat.v1 as tf

from legacy_tf1 import distributed
from shared import runs
from shared.cluster import Cluster
from shared.config import RowLSTMConfig
from shared.errors import UserError
from tests.support import clusters
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance


def variables(path):
    reader = tf.train.load_checkpoint(str(path))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}


def trainings(folder, steps, model="window-rnn"):
    return clusters.Trainings(
        "legacy_tf1", "parameter-server", variables,
        servers=1, folder=folder, model=model, steps=steps, options=["--batch-size", "128"],
    )  # fmt: skip


def test_the_row_lstm_is_refused():
    cluster = Cluster({"ps": ["a:1"], "worker": ["a:2", "a:3"]}, "worker", 0)
    run = runs.Run("none", "legacy", config=RowLSTMConfig(), dataset="digits")
    with pytest.raises(UserError, match="row-lstm normalizes each batch as a whole"):
        distributed.train(run, None, cluster=cluster)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("model", "quantity"),
    [("dense", "weights of 100 steps of shards"), ("window-rnn", "stepped weights")],
)
def test_workers_end_with_the_weights_of_one_process(tmp_path, model, quantity):
    """Adam, of the window RNN, may scale the rounding of the shards' sums up; SGD does not."""
    side = trainings(tmp_path, 100, model=model)
    one = side.one_process()
    bound = tolerance(quantity, "float32").bound
    for number in (2, 4):
        assert difference(one, side.workers(number)).max_abs <= bound


BROKEN = {
    "the same shard on all workers": """
from shared.batches import BatchPlan
shard = BatchPlan.shard
BatchPlan.shard = lambda self, number, workers: shard(self, 0, workers)
""",
    "gradients summed, not averaged": """
import tensorflow.compat.v1 as tf
average = tf.train.SyncReplicasOptimizer.compute_gradients
tf.train.SyncReplicasOptimizer.compute_gradients = lambda *given, **options: [
    (2 * gradient, variable) for gradient, variable in average(*given, **options)
]
""",
}


@pytest.mark.slow
@pytest.mark.parametrize("mistake", sorted(BROKEN))
def test_a_mistake_is_seen_in_the_weights(tmp_path, mistake):
    """On the dense model, whose SGD hides no factor, as Adam would."""
    side = trainings(tmp_path, 20, model="dense")
    bound = tolerance("weights of 100 steps of shards", "float32").bound
    assert difference(side.one_process(), side.broken(BROKEN[mistake])).max_abs > 1000 * bound


@pytest.mark.slow
@pytest.mark.parametrize("position", [0, 1], ids=["server", "chief"])
def test_a_killed_process_costs_nothing(tmp_path, position):
    """That of the server is noticed by all others."""
    side = trainings(tmp_path, 400)
    whole = side.workers(2)
    resumed, lines = side.killed(position, at_step=20, every=10)
    assert all(line.startswith("error: ") for line in lines), lines
    assert {name for name in whole if not np.array_equal(whole[name], resumed[name])} == set()


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_all(tmp_path):
    """After the same step, with a checkpoint; else the others would wait for it."""
    side = trainings(tmp_path, 5000)
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
    "before it sends gradients": "",
    "before the update": "session.run(self.sent, feed)",
    "before it takes its token": """session.run(self.sent, feed)
        while session.run(self.global_step) < 21:
            time.sleep(0.02)""",
    "after the step": "session.run([self.train_op, self.sent], feed)",
}


@pytest.mark.slow
@pytest.mark.parametrize("moment", sorted(MOMENTS))
def test_a_worker_that_is_started_again_rejoins(tmp_path, moment):
    """And the training ends with the very weights of one that nothing happened to."""
    side = trainings(tmp_path, 60)
    whole = side.workers(2)
    codes, lines = side.restarted(KILLED % MOMENTS[moment])
    assert codes == [0, 0, 0], lines
    rejoined = side.variables(tmp_path / "restarted")
    assert {name for name in whole if not np.array_equal(whole[name], rejoined[name])} == set()


@pytest.mark.slow
def test_a_worker_that_was_killed_between_two_gradients_does_not_rejoin(tmp_path):
    """Some of them would count twice."""
    first = "session.run(distributed._sending(session.graph)[0], feed)"
    codes, lines = trainings(tmp_path, 60).restarted(KILLED % first)
    assert codes == [0, 2, 2]
    assert "worker 1 was killed while it sent gradients: start all processes" in lines[2]


@pytest.mark.slow
def test_without_their_launcher_all_stop(tmp_path):
    """After the same step, with a checkpoint, as after a signal."""
    result = trainings(tmp_path, steps=5000).abandoned(at_step=20, every=10)
    assert 20 <= result["steps"] == result["checkpoints"][0]["step"] < 5000
