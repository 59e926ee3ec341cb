"""Trainings that are killed at a chosen write, and damage to what they left."""

import json
import os
import re
import signal
from contextlib import contextmanager

import pytest

from shared import runs
from shared.errors import UserError


class Killed(BaseException):
    """Stands for SIGKILL: no `except Exception` stops it."""


def train_killed(train, run, *, write):
    """Trains until the file number `write` is about to get its name; False if there are fewer."""
    rename, count = os.replace, [0]

    def replace(source, target):
        count[0] += 1
        if count[0] == write:
            raise Killed
        rename(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", replace)
        try:
            train(run)
        except Killed:
            return True
    return False


def steps_of_records(train, run, *, pace):
    """Trains with checkpoints at a shared.checkpoints.Pace; the steps after which it wrote any."""
    run.pace, save, steps = pace, run.save_records, set()

    def recording(log, *rest, **facts):
        steps.add(log.step)
        save(log, *rest, **facts)

    run.save_records = recording
    train(run)
    return steps


def go_on(train, path, side, *, config):
    """Resumes a run, or starts it again where it has no checkpoint yet; whether it was resumed."""
    result = runs.open_run(path, side, model=config.model).result()
    if result is None:
        train(runs.create_run(path, side, config=config, dataset="digits"))
        return False
    run = runs.resume_run(path, side, model=config.model, changes={})
    if result["finished"]:
        with pytest.raises(UserError, match="is finished"):
            train(run)
    else:
        train(run)
    return True


def records(path):
    """What a run's folder holds but for times and the bytes of checkpoints."""
    result = json.loads((path / "result.json").read_text())
    for line in result["train"]:
        del line["seconds_per_step"]
    results = {name: result[name] for name in ("steps", "finished", "train", "test", "config")}
    files = [checkpoint["files"] for checkpoint in result["checkpoints"]]
    log = re.sub(r"  \S+ s/step", "", (path / "log.txt").read_text())
    steps = (path / "steps.npz").read_bytes()
    return results, [sorted(names) for names in files], log, steps, sorted(os.listdir(str(path)))


def truncate(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip_a_bit(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def lose(path):
    path.unlink()


DAMAGE = [truncate, flip_a_bit, lose]


@contextmanager
def stopped_at_once(training):
    """While entered, a training of that module is interrupted before its first step."""

    class Stopped(training.Interrupt):
        def __enter__(self):
            self.signal = signal.SIGINT
            return self

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "Interrupt", Stopped)
        yield
