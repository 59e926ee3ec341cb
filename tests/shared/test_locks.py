"""A folder has one training at a time, and one that was killed leaves it free."""

import errno
import gc
import os
import subprocess
import sys

import pytest

from shared import locks, runs
from shared.config import WindowRNNConfig
from shared.errors import UserError
from shared.locks import Lock

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CONFIG = WindowRNNConfig(window=5, batch_size=10, train_examples=50, test_examples=20, steps=30)
HOLD = "import sys; from shared.locks import Lock; lock = Lock(sys.argv[1]); print(); input()"


@pytest.fixture
def holder(tmp_path):
    """Another process, which holds the folder tmp_path/run with a run in it."""
    runs.create_run(tmp_path / "run", "legacy", config=CONFIG, dataset="digits")
    (tmp_path / "run" / "result.json").write_text('{"train": [], "test": [], "train_seconds": 0}')
    command = [sys.executable, "-c", HOLD, str(tmp_path / "run")]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        process.stdout.readline()
        yield process
        process.kill()


def create(path):
    return runs.create_run(path, "legacy", config=CONFIG, dataset="digits")


def resume(path):
    return runs.resume_run(path, "legacy", model="window-rnn", changes={})


def train(path):
    with runs.open_run(path, "legacy", model="window-rnn"):
        pass


@pytest.mark.parametrize("start", [create, resume, train])
def test_another_training_is_refused_and_changes_nothing(holder, tmp_path, start):
    path = tmp_path / "run"
    (path / ".part-1-steps.npz").write_text("being written")
    before = {name: (path / name).read_bytes() for name in os.listdir(str(path))}
    with pytest.raises(UserError) as error:
        start(path)
    assert str(error.value) == (
        "another training is at work in %s: wait for its end or choose another --out" % path
    )
    assert {name: (path / name).read_bytes() for name in os.listdir(str(path))} == before
    runs.open_run(path, "legacy", model="window-rnn")  # evaluate and the like only read


@pytest.mark.parametrize("start", [create, resume, train])
def test_the_lock_of_a_killed_process_is_taken_over(holder, tmp_path, start):
    holder.kill()
    holder.wait()
    assert ".lock" in os.listdir(str(tmp_path / "run"))
    start(tmp_path / "run")
    gc.collect()
    assert ".lock" not in os.listdir(str(tmp_path / "run"))


def test_a_run_is_locked_from_its_creation_to_the_end_of_its_training(tmp_path):
    run = create(tmp_path)
    with pytest.raises(UserError, match="another training is at work"):
        create(tmp_path)
    with run, pytest.raises(UserError, match="another training is at work"):
        create(tmp_path)
    create(tmp_path)
    assert os.listdir(str(tmp_path)) == ["config.json"]


def test_a_run_that_is_forgotten_is_let_go(tmp_path):
    run = create(tmp_path)
    del run
    gc.collect()
    Lock(tmp_path).release()


def test_a_lock_that_was_let_go_just_when_it_was_opened(tmp_path, monkeypatch):
    lock, flock = Lock(tmp_path), locks.fcntl.flock

    def late(*arguments):
        lock.release()
        flock(*arguments)

    monkeypatch.setattr(locks.fcntl, "flock", late)
    again = Lock(tmp_path)
    assert os.listdir(str(tmp_path)) == [".lock"]
    monkeypatch.undo()
    with pytest.raises(BlockingIOError):
        Lock(tmp_path)
    again.release()


def test_the_lock_of_another_run_at_the_same_place_stays(tmp_path):
    (tmp_path / "run").mkdir()
    moved = Lock(tmp_path / "run")
    (tmp_path / "run").rename(tmp_path / "moved")
    (tmp_path / "run").mkdir()
    other = Lock(tmp_path / "run")
    moved.release()
    with pytest.raises(BlockingIOError):
        Lock(tmp_path / "run")
    other.release()


def test_a_system_without_locks(tmp_path, monkeypatch):
    monkeypatch.setattr(locks, "fcntl", None)
    lock = Lock(tmp_path)
    assert os.listdir(str(tmp_path)) == []
    lock.release()


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    def flock(*arguments):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", flock)
    Lock(tmp_path).release()
    assert os.listdir(str(tmp_path)) == []
