"""Strategies: shards of a batch are the batch, whatever is killed is resumed."""

import keras
import pytest

from tests.support import clusters
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance


def variables(path):
    model = keras.models.load_model(path / "model.keras")
    both = (*model.weights, *model.optimizer.variables)
    return {variable.path: variable.numpy() for variable in both}


def trainings(folder, *, strategy="multiworker", model="window-rnn", steps=100):
    return clusters.Trainings(
        "modern_tf2", strategy, variables, servers=0, folder=folder, model=model, steps=steps
    )


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("model", "quantity"),
    [("row-lstm", "weights of 100 steps of shards"), ("window-rnn", "stepped weights")],
)
@pytest.mark.parametrize("strategy", ["mirrored", "multiworker"])
def test_workers_end_with_the_weights_of_one_process(tmp_path, model, quantity, strategy):
    """Those of the row LSTM too, whose batch normalization sees the whole batch.

    Adam, of the window RNN, may scale the rounding of the shards' sums up; SGD does not.
    """
    side = trainings(tmp_path, model=model, strategy=strategy)
    one = side.one_process()
    bound = tolerance(quantity, "float32").bound
    of_workers = side.launched if strategy == "mirrored" else side.workers
    for number in (2, 4) if model == "row-lstm" else (2,):
        assert difference(one, of_workers(number)).max_abs <= bound


@pytest.mark.slow
def test_one_command_starts_all_workers(tmp_path):
    """They end as those that TF_CONFIG tells of each other, to the last bit."""
    side = trainings(tmp_path, steps=20)
    launched, workers = side.launched(2), side.workers(2)
    assert not clusters.changed(workers, launched)


@pytest.mark.slow
@pytest.mark.sampled(2)
@pytest.mark.parametrize("position", [0, 1], ids=["chief", "worker"])
def test_a_killed_process_costs_nothing(tmp_path, position):
    side = trainings(tmp_path, steps=200)
    whole = side.workers(2)
    resumed, lines = side.killed(position, at_step=20, every=10)
    assert all(line.startswith("error: a worker is gone after step") for line in lines), lines
    assert not clusters.changed(whole, resumed)


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_all(tmp_path):
    """After the same step, with a checkpoint; else the others would wait for it."""
    side = trainings(tmp_path, steps=5000)
    codes, result = side.stopped(1, at_step=20, every=10)
    assert codes == [130, 143]
    assert 20 <= result["steps"] == result["checkpoints"][0]["step"] < 5000


@pytest.mark.slow
def test_without_their_launcher_all_stop(tmp_path):
    """After the same step, with a checkpoint, as after a signal."""
    result = trainings(tmp_path, steps=5000).abandoned(at_step=20, every=10)
    assert 20 <= result["steps"] == result["checkpoints"][0]["step"] < 5000


@pytest.mark.slow
def test_a_run_of_one_process_goes_on_as_many(tmp_path):
    """What was saved without a strategy is synchronized under one, and the other way round."""
    side = trainings(tmp_path, model="row-lstm")
    one = side.one_process()
    half = [*side.words, "--steps", "50", "--out", "half"]
    clusters.run(half, tmp_path)
    bound = tolerance("weights of 100 steps of shards", "float32").bound
    assert difference(one, side.resumed("half")).max_abs <= bound


BROKEN = {
    "the same shard on all workers": """
from shared.batches import BatchPlan
shard = BatchPlan.shard
BatchPlan.shard = lambda self, number, workers: shard(self, 0, workers)
""",
    "gradients summed, not averaged": """
from modern_tf2 import window_rnn
import keras
keras.src.losses.loss.scale_loss_for_distribution = lambda value: value
""",
    "batch normalization of each replica": """
import keras
former = keras.layers.BatchNormalization
keras.layers.BatchNormalization = lambda synchronized=None, **options: former(**options)
""",
}


@pytest.mark.slow
@pytest.mark.sampled(2)
@pytest.mark.parametrize("mistake", BROKEN)
def test_a_mistake_is_seen_in_the_weights(tmp_path, mistake):
    """On the row LSTM, whose SGD hides no factor, as Adam would."""
    side = trainings(tmp_path, model="row-lstm", steps=20)
    bound = tolerance("weights of 100 steps of shards", "float32").bound
    assert difference(side.one_process(), side.broken(BROKEN[mistake])).max_abs > 1000 * bound


FIT = """
import keras, numpy as np, tensorflow as tf
strategy = tf.distribute.MultiWorkerMirroredStrategy()
with strategy.scope():
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile("sgd", "mean_squared_error")
model.fit(np.ones([8, 3]), np.ones([8, 1]), batch_size=8, verbose=0)
"""


@pytest.mark.slow
def test_fit_of_keras_still_fails_over_workers(tmp_path):
    """Where it does not, D23 and the loop of modern_tf2/distributed.py can go."""
    with clusters.started(clusters.cluster.local(2, servers=0), ["-c", FIT], tmp_path) as both:
        codes = [process.wait() for process in both]
    assert all(codes), "Keras' fit works under MultiWorkerMirroredStrategy: use it (D23)"
    assert "keras" in both[0].log.read_text()
