"""A run's folder, and the records that both sides keep of a training.

    config.json    what was asked for: side, model, dataset, hyper-parameters, versions
    result.json    what came of it so far, written with every checkpoint
    steps.npz      loss and accuracy of every step
    log.txt        the log lines
    events/train, events/test    TensorBoard
    and the side's own checkpoint
"""

import dataclasses
import json
import os
import shutil
import zipfile

import numpy as np

from shared.config import CONFIGS
from shared.errors import UserError
from shared.files import replacing, write_json

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
    """

    def __init__(self, path, side, *, config, dataset, resumed=False):
        self.path = str(path)
        self.side = side
        self.config = config
        self.dataset = dataset
        self.resumed = resumed

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
        """Prints a log line and keeps it in log.txt."""
        print(line, flush=True)
        with open(self.file(_LOG), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def result(self):
        """The content of result.json, or None before the first checkpoint."""
        try:
            return _read_json(self.file(_RESULT))
        except FileNotFoundError:
            return None

    def steps(self):
        """Loss [steps] and accuracy [steps] of every step so far, float32."""
        try:
            with np.load(self.file(_STEPS), allow_pickle=False) as archive:
                return archive["loss"], archive["accuracy"]
        except (OSError, ValueError, KeyError, zipfile.BadZipFile):
            raise UserError("%s is missing or broken: train anew" % self.file(_STEPS)) from None

    def save_records(self, log, **facts):
        """Writes result.json and steps.npz: what `log` holds and the facts that it cannot know."""
        with replacing(self.file(_STEPS)) as beside, open(beside, "wb") as file:
            np.savez(file, loss=log.losses[: log.step], accuracy=log.accuracies[: log.step])
        result = {
            "side": self.side,
            "model": self.config.model,
            "dataset": self.dataset,
            "seed": self.config.seed,
            "config": dataclasses.asdict(self.config),
        }
        result.update(log.summary())
        result.update(facts)
        write_json(self.file(_RESULT), result)
        return result

    def resume_command(self):
        """The command that goes on with this run."""
        package = {"legacy": "legacy_tf1", "modern": "modern_tf2"}[self.side]
        model = self.config.model
        return "python -m %s train %s --resume --out %s" % (package, model, self.path)


def create_run(path, side, *, config, dataset):
    """Makes an empty run folder; one that held a run of ours before is cleared.

    Raises:
        UserError: the folder cannot be written, or holds something else.
    """
    run = Run(path, side, config=config, dataset=dataset)
    try:
        _clear(run.path)
        os.makedirs(run.path, exist_ok=True)
        write_json(
            run.file(_CONFIG),
            {
                "side": side,
                "model": config.model,
                "dataset": dataset,
                "config": dataclasses.asdict(config),
            },
        )
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
        stored = _read_json(run.file(_CONFIG))
        run.dataset = stored["dataset"]
        kind = (stored["side"], stored["model"])
        run.config = CONFIGS[stored["model"]](**stored["config"])
    except OSError:
        raise UserError("%s holds no run: train one with --out %s" % (path, path)) from None
    except (KeyError, TypeError, ValueError):
        raise UserError("%s is broken: train anew" % run.file(_CONFIG)) from None
    if kind != (side, model):
        raise UserError("%s holds a run of %s %s, not of %s %s" % ((path,) + kind + (side, model)))
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


def _read_json(path):
    with open(path, encoding="utf-8") as file:
        return json.load(file)


def _clear(path):
    """Empties a run folder, and refuses to touch any other."""
    if not os.path.isdir(path) or not os.listdir(path):
        return
    if not os.path.isfile(os.path.join(path, _CONFIG)):
        raise UserError("%s is not empty and holds no run: choose another --out" % path)
    if not os.access(path, os.W_OK):
        raise PermissionError(13, "Permission denied")
    shutil.rmtree(path)
