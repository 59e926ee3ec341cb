"""What result.json, steps.npz and config.json of a run have to be like before anybody uses them."""

import json
import os
import re

import numpy as np

from shared.files import read_npz

_NUMBER = (int, float)
_LINE = {"epoch": int, "step": int, "loss": _NUMBER, "accuracy": _NUMBER, "min_accuracy": _NUMBER}
_TIMED = dict(_LINE, seconds_per_step=(int, float, type(None)))
_CHECKPOINT = {"name": str, "step": int, "train_seconds": _NUMBER, "files": dict}


def read_json(path, *keys):
    """A JSON object; raises OSError, or ValueError where it is broken or lacks a key."""
    with open(path, encoding="utf-8") as file:
        try:
            value = json.load(file)
        except RecursionError:
            raise ValueError("%s is nested too deeply" % path) from None
    if not isinstance(value, dict) or not value.keys() >= set(keys):
        raise ValueError("%s holds something else" % path)
    return value


def read_result(path):
    """The content of result.json. Raises OSError, or ValueError where it is not one."""
    result = read_json(path, "train", "test", "train_seconds")
    _check(result, {"train_seconds": _NUMBER, "train": list, "test": list})
    for line in result["train"]:
        _check(line, _TIMED)
    for line in result["test"]:
        _check(line, _LINE)
    if not _is(result.get("steps", 0), int):
        raise ValueError("steps is no number")
    _check_checkpoints(result.get("checkpoints", []))
    return result


def read_steps(path):
    """Loss [steps] and accuracy [steps] of steps.npz. Raises OSError, ValueError or KeyError."""
    arrays = read_npz(path)
    loss, accuracy = arrays["loss"], arrays["accuracy"]
    for array in (loss, accuracy):
        if array.dtype != np.float32 or array.shape != (loss.size,):
            raise ValueError("%s is not of one number for each step" % path)
    return loss, accuracy


def _check_checkpoints(checkpoints):
    if not isinstance(checkpoints, list):
        raise ValueError("checkpoints is no list")
    for checkpoint in checkpoints:
        _check(checkpoint, _CHECKPOINT)
        files = checkpoint["files"]
        names = [checkpoint["name"], *files]
        if not all(name and os.path.basename(name) == name for name in names):
            raise ValueError("a checkpoint is outside of the folder")
        if any(re.search("[^ -~]", name) for name in names):  # TensorFlow and Keras write ASCII
            raise ValueError("a checkpoint has a name that is none of a file")
        if not all(isinstance(digest, str) for digest in files.values()):
            raise ValueError("a digest is no text")


def _check(fields, types):
    """Raises ValueError unless `fields` is a dict that has values of some types by name."""
    if not isinstance(fields, dict):
        raise ValueError("it has something else than fields")
    for name, type in types.items():
        if name not in fields or not _is(fields[name], type):
            raise ValueError("%s is missing or of another type" % name)


def _is(value, type):
    """Whether a value is of a type, or of one of several; what counts is not negative."""
    if isinstance(value, bool):
        return False  # an int to Python
    return isinstance(value, type) and not (type is int and value < 0)
