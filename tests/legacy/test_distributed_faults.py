"""The parameter server: whatever is killed is resumed, or rejoins, and nothing is lost."""

import signal

import pytest

from tests.support.clusters import changed
from tests.support.parameter_server import trainings

# Workers of the row LSTM exchange moments as well as gradients.


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    """undisturbed(model, steps): what two workers end with whom nothing happens to."""
    done = {}

    def variables_of(model, steps):
        if (model, steps) not in done:
            side = trainings(tmp_path_factory.mktemp("undisturbed"), steps, model)
            done[model, steps] = side.workers(2)
        return done[model, steps]

    return variables_of


@pytest.mark.slow
@pytest.mark.sampled(2)
@pytest.mark.parametrize(
    ("model", "position"), [("row-lstm", 0), ("window-rnn", 1)], ids=["server", "chief"]
)
def test_a_killed_process_costs_nothing(tmp_path, undisturbed, model, position):
    """That of the server is noticed by all others."""
    side = trainings(tmp_path, 200, model)
    resumed, lines = side.killed(position, at_step=20, every=10)
    assert all(line.startswith("error: ") for line in lines), lines
    assert not changed(undisturbed(model, 200), resumed)


@pytest.mark.slow
def test_a_signal_to_one_worker_stops_all(tmp_path):
    """After the same step, with a checkpoint; else the others would wait for it."""
    side = trainings(tmp_path, 5000, "row-lstm")
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
@pytest.mark.sampled(4)
@pytest.mark.parametrize("moment", sorted(MOMENTS))
def test_a_worker_that_is_started_again_rejoins(tmp_path, undisturbed, moment):
    """And the training ends with the very weights of one that nothing happened to."""
    side = trainings(tmp_path, 60, "row-lstm")
    codes, lines = side.restarted(KILLED % MOMENTS[moment])
    assert codes == [0, 0, 0], lines
    assert not changed(undisturbed("row-lstm", 60), side.variables(tmp_path / "restarted"))


BETWEEN = [
    ("window-rnn", "session.run(distributed._sending(session.graph)[0], feed)"),
    ("row-lstm", "session.run(self.model.loss, feed)"),  # moments without their gradients
]


@pytest.mark.slow
@pytest.mark.sampled(2)
@pytest.mark.parametrize(("model", "moment"), BETWEEN)
def test_a_worker_that_was_killed_while_it_sent_does_not_rejoin(
    tmp_path, undisturbed, model, moment
):
    """Some of it would count twice. All go on to the weights of one that nothing happened to."""
    side = trainings(tmp_path, 60, model)
    codes, lines = side.restarted(KILLED % moment)
    assert codes == [0, 2, 2]
    assert "worker 1 was killed in the middle of a step: start all processes" in lines[2]
    assert not changed(undisturbed(model, 60), side.resumed("restarted"))


@pytest.mark.slow
def test_nobody_waits_for_a_killed_workers_gradients_of_moments_without_end(tmp_path):
    code = KILLED % "session.run(self.model.loss, feed)" + "distributed._STEP_SECONDS = 20\n"
    codes, lines = trainings(tmp_path, 60, "row-lstm").left_alone(code)
    assert codes == [2, -signal.SIGKILL], lines
    assert "a worker is gone after step 20: start all of them again" in lines[0]


@pytest.mark.slow
def test_one_command_starts_all_processes(tmp_path, undisturbed):
    """Workers and server end as those that TF_CONFIG tells of each other, to the last bit."""
    side = trainings(tmp_path, 60)
    assert not changed(undisturbed("window-rnn", 60), side.launched(2))


@pytest.mark.slow
def test_without_their_launcher_all_stop(tmp_path):
    """After the same step, with a checkpoint, as after a signal."""
    result = trainings(tmp_path, steps=5000).abandoned(at_step=20, every=10)
    assert 20 <= result["steps"] == result["checkpoints"][0]["step"] < 5000
