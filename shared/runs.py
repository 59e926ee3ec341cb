"""A run's folder, and the records that both sides keep of a training.

config.json    what was asked for: side, model, dataset, hyper-parameters
result.json    its results up to its checkpoint, which it names
steps.npz      loss and accuracy of every step, up to the checkpoint or further
log.txt        the log lines
events/train, events/test    TensorBoard
.lock          locked by the training that is running in the folder
and the side's own checkpoints, the last two

result.json is written last, and on resuming all else is cut back to it: a training may be killed
at any moment.
"""

import dataclasses
import os
import shlex
from contextlib import suppress

import numpy as np
from tqdm import tqdm

from shared import checkpoints, locks, records
from shared.config import CONFIGS
from shared.errors import UserError, disk_reason
from shared.files import remove, replacing, write_json
from shared.reporting import interpreter

# TensorBoard tags: the same on both sides, so that one TensorBoard shows them over each other.
LOSS, TRAIN_ACCURACY, TEST_ACCURACY = "loss", "train_accuracy", "test_accuracy"

_CONFIG, _RESULT, _STEPS, _LOG, _EVENTS = (
    "config.json",
    "result.json",
    "steps.npz",
    "log.txt",
    "events",
)

INITIAL_WEIGHTS, FINAL_MODEL = "initial_weights.npz", "model.keras"


class Run:
    """One run's folder. While entered, no other training has it.

    Attributes:
        path: the folder.
        side: "legacy" or "modern".
        config: the model's frozen dataclass.
        dataset: the name of the dataset, "mnist" or "digits".
        resumed: whether the run continues from its checkpoint.
        quiet: whether log lines and progress bars stay off the terminal.
        checkpoints: the shared.checkpoints.Checkpoints that the next records name, newest first.
        pace: the shared.checkpoints.Pace at which a training writes them.
        signal: the number of the signal that stopped the training, or None.
    """

    def __init__(self, path, side, *, config, dataset, resumed=False):
        self.path = str(path)
        self.side = side
        self.config = config
        self.dataset = dataset
        self.resumed = resumed
        self.quiet = False
        self.checkpoints = []
        self.pace = checkpoints.Pace()
        self.signal = None
        self._lock = None
        self._begun = None  # the name of the checkpoint that was written last, or is being written

    def __enter__(self):
        self.lock()
        return self

    def __exit__(self, kind, error, traceback):
        """Lets go of the folder. Raises UserError where a training failed because of the disk."""
        lock, self._lock = self._lock, None
        # Whatever wrote at that moment, TensorFlow or NumPy, names the loss in its own words.
        removed = lock is not None and not lock.holds
        if lock is not None:
            lock.release()
        if removed:
            _remove_remains(self.path, self._begun)
        if removed and isinstance(error, Exception) and not isinstance(error, UserError):
            raise self._removed() from error
        reason = disk_reason(error)
        if reason:
            raise self._stopped(reason) from error

    def lock(self):
        """Keeps other trainings out of the folder, from now to the end of the `with` block.

        Raises:
            UserError: one is in it, or the folder cannot be written.
        """
        try:
            self._lock = self._lock or locks.Lock(self.path)
        except BlockingIOError:
            raise UserError(
                "another training is at work in %s: wait for its end or choose another --out"
                % self.path
            ) from None
        except OSError as error:
            raise _unwritable(self.path, error) from None

    @property
    def name(self):
        return "%s of %s" % (self.config.model, self.path)

    def file(self, *names):
        """The path of a file in the folder."""
        return os.path.join(self.path, *names)

    def events(self, split):
        """The folder of the TensorBoard events of "train" or "test"."""
        return self.file(_EVENTS, split)

    def write_line(self, line):
        """Prints a log line, unless the run is quiet, and appends it to log.txt."""
        if not self.quiet:
            with tqdm.external_write_mode():  # above the bar
                print(line, flush=True)
        with open(self.file(_LOG), "a", encoding="utf-8") as file:
            file.write(line + "\n")

    def cut_log(self, lines):
        """Takes back from log.txt all but its first `lines` lines."""
        with open(self.file(_LOG), "ab+") as file:
            file.seek(0)
            for _ in range(lines):
                file.readline()
            file.truncate(file.tell())

    def result(self):
        """The content of result.json, or None before the first checkpoint."""
        try:
            result = records.read_result(self.file(_RESULT))
            checkpoints.recorded(result)
            return result
        except FileNotFoundError:
            return None
        except (OSError, ValueError):
            raise UserError("%s is broken: train again" % self.file(_RESULT)) from None

    def steps(self):
        """Loss [steps] and accuracy [steps] of every step so far, float32."""
        try:
            return records.read_steps(self.file(_STEPS))
        except (OSError, ValueError, KeyError):
            raise UserError("%s is missing or broken: train again" % self.file(_STEPS)) from None

    def checkpoint(self):
        """The path, or prefix, of the newest whole checkpoint; None where the records name none.

        Raises:
            UserError: none that they name is whole, or they are broken.
        """
        result = self.result()
        if not (result and result.get("checkpoints")):
            return None
        self.checkpoints = checkpoints.whole(self.path, checkpoints.recorded(result))
        return self.file(self.checkpoints[0].name)

    def has_checkpoint(self, name):
        """Whether the records name a checkpoint already."""
        self._begun = name
        return name in [checkpoint.name for checkpoint in self.checkpoints]

    def save_config(self):
        """Writes config.json, by which the folder is known as a run."""
        write_json(self.file(_CONFIG), self._description())

    def save_records(self, log, checkpoint=None, **facts):
        """Writes steps.npz and result.json: what `log` holds and the facts that it cannot know.

        And config.json again, because a resumed run may have become longer.

        Args:
            log: shared.step_log.StepLog.
            checkpoint: the name of the checkpoint of its last step, written before.

        Raises:
            UserError: the folder is not the one that the training began in.
        """
        if self._lock and not self._lock.holds:
            if checkpoint is not None:
                checkpoints.remove_strays(self.path, checkpoint)
            raise self._removed()
        with replacing(self.file(_STEPS)) as beside, open(beside, "wb") as file:
            np.savez(file, loss=log.losses[: log.step], accuracy=log.accuracies[: log.step])
        result = dict(self._description(), seed=self.config.seed, **log.summary())
        if checkpoint is not None and not self.has_checkpoint(checkpoint):
            new = checkpoints.describe(
                self.path, checkpoint, step=log.step, train_seconds=result["train_seconds"]
            )
            self.checkpoints = [new, *self.checkpoints][: checkpoints.KEPT]
        self.pace.saved()
        result["checkpoints"] = [one._asdict() for one in self.checkpoints]
        write_json(self.file(_RESULT), dict(result, **facts))
        self.save_config()
        if self.checkpoints:
            checkpoints.remove_others(self.path, self.checkpoints)

    def resume_command(self, *, data_dir=None):
        """The command that continues this run; `data_dir` is where its data came from."""
        package = {"legacy": "legacy_tf1", "modern": "modern_tf2"}[self.side]
        words = [
            interpreter(),
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

    def _stopped(self, reason):
        """The UserError of a training that could not write."""
        advice = "nothing is kept: train again"
        if self.checkpoints and os.path.exists(self.file(_RESULT)):
            step = self.checkpoints[0].step
            advice = "the checkpoint of step %d is kept: go on with --resume" % step
        return UserError("cannot write to %s: %s; %s" % (self.path, reason, advice))

    def _removed(self):
        return UserError("%s was removed during the training: train again" % self.path)

    def _description(self):
        return {
            "side": self.side,
            "model": self.config.model,
            "dataset": self.dataset,
            "config": dataclasses.asdict(self.config),
        }


def create_run(path, side, *, config, dataset, overwrite=False):
    """Makes an empty run folder and locks it.

    Args:
        path: the folder.
        side, config, dataset: as for Run.
        overwrite: whether a former run in it, with a checkpoint, is removed.

    Raises:
        UserError: the folder cannot be written, holds something else or a run that is not to be
            overwritten, or a training is in it.
    """
    run = Run(path, side, config=config, dataset=dataset)
    _check_ours(run.path)
    if not overwrite:
        _check_unused(run)
    try:
        os.makedirs(run.path, exist_ok=True)
        run.lock()
        _clear(run.path)
        run.save_config()
    except OSError as error:
        raise _unwritable(path, error) from None
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
        # A run with more steps than before may have been killed before config.json was written.
        run.config = CONFIGS[stored["model"]](**_recorded_config(run) or stored["config"])
    except OSError:
        raise UserError("%s holds no run: train one with --out %s" % (path, path)) from None
    except (KeyError, TypeError, ValueError, UserError):  # the last of a value out of its range
        raise UserError("%s is broken: train again" % run.file(_CONFIG)) from None
    if kind != (side, model):
        raise UserError("%s holds a run of %s %s, not of %s %s" % (path, *kind, side, model))
    return run


def resume_run(path, side, *, model, changes):
    """Opens and locks a run to continue; only its length may be changed.

    Raises:
        UserError: there is no run or no checkpoint, `changes` ask for another model, or a training
            is in the folder.
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
    run.lock()
    checkpoints.remove_unfinished(run.path)
    return run


def recorded_files(path):
    """The names of a run's records and of the checkpoints' files that they name."""
    try:
        result = Run(path, None, config=None, dataset=None).result() or {}
    except UserError:
        result = {}
    files = [name for one in checkpoints.recorded(result) for name in one.files]
    return [_CONFIG, _RESULT, _STEPS, _LOG, *files]


def _read_config(path):
    path = os.path.join(str(path), _CONFIG)
    return records.read_json(path, "side", "model", "dataset", "config")


def _recorded_config(run):
    """The fields of the config in result.json; None where it has none or is broken."""
    try:
        return (run.result() or {}).get("config")
    except UserError:
        return None


def _unwritable(path, error):
    reason = error.strerror or error
    return UserError("cannot write to %s: %s; choose another --out" % (path, reason))


def _check_ours(path):
    """Refuses a folder that holds anything but a run, or what a killed one left unfinished."""
    if not os.path.isdir(path):
        return
    try:
        _read_config(path)
    except (OSError, ValueError):
        names = [name for name in os.listdir(path) if name != locks.NAME]
        if not all(map(checkpoints.is_unfinished, names)):
            raise UserError(
                "%s is not empty and holds no run: choose another --out" % path
            ) from None


def _check_unused(run):
    """Refuses a folder in which a training has got somewhere."""
    try:
        result = run.result()
    except UserError:  # broken records: there is nothing to go on from
        return
    if result and result.get("steps"):
        content, advice = "a finished run", "pass --overwrite to train anew"
        if not result.get("finished"):
            content = "a run that stopped after step %d" % result["steps"]
            advice = "pass --resume to go on, --overwrite to train anew"
        raise UserError("%s holds %s: %s, or choose another --out" % (run.path, content, advice))


def _remove_remains(path, checkpoint):
    """Removes what a training wrote in the place of its folder, which was removed.

    TensorFlow makes the folders of its events and checkpoints, also where a run's was.
    """
    own = {_EVENTS, _RESULT, _STEPS, _LOG, INITIAL_WEIGHTS, FINAL_MODEL, "checkpoint", checkpoint}
    with suppress(OSError):
        names = os.listdir(path)
        if not {_CONFIG, locks.NAME} & {*names}:  # else it is the folder of another run
            for name in names:
                of_checkpoint = checkpoint and name.startswith(checkpoint + ".")
                if name in own or of_checkpoint or checkpoints.is_unfinished(name):
                    remove(os.path.join(path, name))
            os.rmdir(path)


def _clear(path):
    """Empties a run's folder, result.json first; config.json, which marks it as a run's, stays."""
    for name in sorted(os.listdir(path), key=lambda name: name != _RESULT):
        if name not in (locks.NAME, _CONFIG):
            remove(os.path.join(path, name))
