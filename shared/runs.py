"""A run's folder, and the records that both sides keep of a training.

config.json    what was asked for: side, model, dataset, hyper-parameters
result.json    what came of it so far, written with every checkpoint
steps.npz      loss and accuracy of every step
log.txt        the log lines
events/train, events/test    TensorBoard
and the side's own checkpoint
"""

import dataclasses
import json
import os
import shlex
import shutil

import numpy as np

from shared.config import CONFIGS
from shared.errors import UserError
from shared.files import read_npz, replacing, write_json

# TensorBoard tags: the same on both sides, so that one TensorBoard shows them over each other.
LOSS, TRAIN_ACCURACY, TEST_ACCURACY = "loss", "train_accuracy", "test_accuracy"

_CONFIG, _RESULT, _STEPS, _LOG, _EVENTS = (
    "config.json",
    "result.json",
    "steps.npz",
    "log.txt",
    "events",
)


class Run:
    """One run's folder.

    Attributes:
        path: the folder.
        side: "legacy" or "modern".
        config: the model's frozen dataclass.
        dataset: the name of the dataset, "mnist" or "digits".
        resumed: whether the run goes on from its checkpoint.
        quiet: whether log lines and progress bars stay off the terminal.
    """

    def __init__(self, path, side, *, config, dataset, resumed=False):
        self.path = str(path)
        self.side = side
        self.config = config
        self.dataset = dataset
        self.resumed = resumed
        self.quiet = False

    @property
    def name(self):
        return "%s of %s" % (self.config.model, self.path)

    def file(self, *names):
        """The path of a file in the folder."""
        return os.path.join(self.path, *names)

    def events(self, split):
        """The folder of the TensorBoard events of "train" or "test"."""
        return self.file(_EVENTS, split)

    def say(self, line):
        """Prints a log line, unless the run is quiet, and keeps it in log.txt."""
        if not self.quiet:
            print(line, flush=True)
        with open(self.file(_LOG), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def cut_log(self, lines):
        """Takes back from log.txt all but its first `lines` lines."""
        with open(self.file(_LOG), "a+", encoding="utf-8") as file:
            file.seek(0)
            for _ in range(lines):
                file.readline()
            file.truncate(file.tell())

    def result(self):
        """The content of result.json, or None before the first checkpoint."""
        try:
            return _read_json(self.file(_RESULT), "train", "test", "train_seconds")
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise UserError("%s is broken: train anew" % self.file(_RESULT)) from None

    def steps(self):
        """Loss [steps] and accuracy [steps] of every step so far, float32."""
        try:
            arrays = read_npz(self.file(_STEPS))
            return arrays["loss"], arrays["accuracy"]
        except (OSError, ValueError, KeyError):
            raise UserError("%s is missing or broken: train anew" % self.file(_STEPS)) from None

    def save_config(self):
        """Writes config.json, by which the folder is known as a run."""
        write_json(self.file(_CONFIG), self._description())

    def save_records(self, log, **facts):
        """Writes result.json and steps.npz: what `log` holds and the facts that it cannot know.

        And config.json again, because a resumed run may have become longer.
        """
        with replacing(self.file(_STEPS)) as beside, open(beside, "wb") as file:
            np.savez(file, loss=log.losses[: log.step], accuracy=log.accuracies[: log.step])
        result = dict(self._description(), seed=self.config.seed, **log.summary())
        write_json(self.file(_RESULT), dict(result, **facts))
        self.save_config()

    def resume_command(self, *, data_dir=None):
        """The command that goes on with this run; `data_dir` is where it found its data."""
        package = {"legacy": "legacy_tf1", "modern": "modern_tf2"}[self.side]
        words = [
            "python",
            "-m",
            package,
            "train",
            self.config.model,
            "--resume",
            "--out",
            self.path,
        ]
        words += ["--data-dir", data_dir] if data_dir else []
        return " ".join(map(shlex.quote, words))

    def _description(self):
        return {
            "side": self.side,
            "model": self.config.model,
            "dataset": self.dataset,
            "config": dataclasses.asdict(self.config),
        }


def create_run(path, side, *, config, dataset):
    """Makes an empty run folder; one that held a run of ours before is cleared.

    Raises:
        UserError: the folder cannot be written, or holds something else.
    """
    run = Run(path, side, config=config, dataset=dataset)
    try:
        _clear(run.path)
        os.makedirs(run.path, exist_ok=True)
        run.save_config()
    except OSError as error:
        reason = error.strerror or error
        raise UserError("cannot write to %s: %s; choose another --out" % (path, reason)) from None
    return run


def open_run(path, side, *, model):
    """Opens the folder of a former run.

    Raises:
        UserError: there is no run, or one of another side or model.
    """
    run = Run(path, side, config=None, dataset=None)
    try:
        stored = _read_config(path)
        run.dataset = stored["dataset"]
        kind = (stored["side"], stored["model"])
        run.config = CONFIGS[stored["model"]](**stored["config"])
    except OSError:
        raise UserError("%s holds no run: train one with --out %s" % (path, path)) from None
    except (KeyError, TypeError, ValueError):
        raise UserError("%s is broken: train anew" % run.file(_CONFIG)) from None
    if kind != (side, model):
        raise UserError("%s holds a run of %s %s, not of %s %s" % (path, *kind, side, model))
    return run


def resume_run(path, side, *, model, changes):
    """Opens a run to go on with; only its length may be changed.

    Raises:
        UserError: there is no run or no checkpoint, or `changes` ask for another model.
    """
    run = open_run(path, side, model=model)
    for name, value in changes.items():
        old = getattr(run.config, name)
        if name not in ("epochs", "steps") and value != old:
            flag = "--" + name.replace("_", "-")
            raise UserError(
                "%s has a checkpoint of another config: %s is %s there, not %s"
                % (path, flag, old, value)
            )
    if run.result() is None:
        raise UserError("%s has no checkpoint to resume: leave out --resume" % path)
    run.config = dataclasses.replace(run.config, **changes)
    run.resumed = True
    return run


def _read_config(path):
    return _read_json(os.path.join(str(path), _CONFIG), "side", "model", "dataset", "config")


def _read_json(path, *keys):
    """A JSON object; raises OSError, or ValueError where it is broken or lacks a key."""
    with open(path, encoding="utf-8") as file:
        value = json.load(file)
    if not isinstance(value, dict) or not value.keys() >= set(keys):
        raise ValueError("%s holds something else" % path)
    return value


def _clear(path):
    """Empties a run folder, and refuses to touch any other."""
    if not os.path.isdir(path) or not os.listdir(path):
        return
    try:
        _read_config(path)
    except (OSError, ValueError):
        raise UserError("%s is not empty and holds no run: choose another --out" % path) from None
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied")
    shutil.rmtree(path)
