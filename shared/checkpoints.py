"""The checkpoints that a run's records name: the last two, with a digest of every file.

result.json names them and is written after them. So a folder always agrees with its result.json,
whenever a training is killed: a checkpoint that it does not name was never finished.

And when the next one is due: a killed training loses the steps since its last checkpoint.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import time
from contextlib import suppress
from typing import NamedTuple

from shared.errors import UserError
from shared.files import is_abandoned, remove

KEPT = 2
SECONDS = 60.0  # between two checkpoints, at most

# Files of either side's checkpoints, and TensorFlow's temporary files while it writes them.
_OF_CHECKPOINTS = re.compile(r"model\.ckpt-\d+\.(index|meta|data-.+)|model-\d+\.keras")
_UNFINISHED = re.compile(r"model\.ckpt-\d+(\..+\.(tempstate|tmp)|_temp_).*|checkpoint\.tmp.+")


class Checkpoint(NamedTuple):
    """The entry of a checkpoint in result.json."""

    name: str  # of its file, or the prefix that its files have in common
    step: int  # training steps done before it
    train_seconds: float  # s, spent on them
    files: dict[str, str]  # SHA-256 by file name, hexadecimal


class Pace:
    """When a checkpoint is due: after so many steps or seconds, whichever comes first.

    Args:
        steps: training steps between two checkpoints; None: as many as fit in the seconds.
        seconds: s between two checkpoints.
    """

    def __init__(self, steps=None, seconds=SECONDS):
        self.steps, self.seconds = steps, seconds
        self._last = time.monotonic()  # unlike time.time, it never goes back

    def saved(self):
        """Notes that a checkpoint was written just now."""
        self._last = time.monotonic()

    @property
    def is_due(self):
        """Whether the seconds are over."""
        return time.monotonic() - self._last >= self.seconds

    def next_step(self, step, *, end):
        """The step after `step`, at most `end`, at which a checkpoint is due by its number."""
        return end if self.steps is None else min(end, (step // self.steps + 1) * self.steps)


def describe(folder, name, *, step, train_seconds):
    """The Checkpoint whose files, `name` or `name`.…, were just written to the folder."""
    names = [file for file in os.listdir(folder) if file == name or file.startswith(name + ".")]
    files = {file: _digest(os.path.join(folder, file)) for file in sorted(names)}
    return Checkpoint(name, step, train_seconds, files)


def recorded(result):
    """The Checkpoints in the content of result.json, newest first; none in that of old runs.

    Raises:
        ValueError: they are no checkpoints.
    """
    try:
        return [Checkpoint(**fields) for fields in result.get("checkpoints", [])]
    except TypeError as error:
        raise ValueError(str(error)) from None


def whole(folder, checkpoints):
    """The checkpoints from the newest intact one on; newer ones are named on standard error.

    Raises:
        UserError: none of them is whole.
    """
    for number, checkpoint in enumerate(checkpoints):
        if _is_whole(folder, checkpoint):
            for damaged in checkpoints[:number]:
                path = os.path.join(folder, damaged.name)
                line = "%s is missing or damaged: using %s, the checkpoint before"
                print(line % (path, checkpoint.name), file=sys.stderr)
            return checkpoints[number:]
    names = " and ".join(checkpoint.name for checkpoint in checkpoints)
    raise UserError("no checkpoint of %s is whole (%s damaged): train again" % (folder, names))


def remove_others(folder, checkpoints):
    """Removes the files of all other checkpoints."""
    names = {file for checkpoint in checkpoints for file in checkpoint.files}
    _remove(folder, lambda name: _OF_CHECKPOINTS.fullmatch(name) and name not in names)


def remove_strays(folder, name):
    """Removes a checkpoint from a folder that is no run's, and the folder if nothing else is in it.

    TensorFlow makes the folders that it writes to, also where a run's was removed.
    """
    files = describe(folder, name, step=0, train_seconds=0.0).files if os.path.isdir(folder) else ()
    with suppress(OSError):
        for file in (*files, "checkpoint"):
            if os.path.exists(os.path.join(folder, file)):
                os.remove(os.path.join(folder, file))
        os.rmdir(folder)


def remove_unfinished(folder):
    """Removes the unfinished files of a killed process."""
    _remove(folder, is_unfinished)


def is_unfinished(name):
    """Whether a file of this name is an unfinished one of a killed process."""
    return bool(is_abandoned(name) or _UNFINISHED.fullmatch(name))


def _remove(folder, selects):
    for name in filter(selects, os.listdir(folder)):
        remove(os.path.join(folder, name))


def _is_whole(folder, checkpoint):
    try:
        return all(
            _digest(os.path.join(folder, name)) == digest
            for name, digest in checkpoint.files.items()
        )
    except OSError:
        return False


def _digest(path):
    """The SHA-256 of a file, hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()
