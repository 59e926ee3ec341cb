"""The files of a TF1 checkpoint: found by a prefix, a folder or one of them; complete."""

import os
import re

from tf1port.errors import UserError

SAVED_MODEL = "saved_model.pb"
_NOT_CHECKPOINTS = {
    ".keras": "a Keras model",
    ".h5": "Keras weights",
    ".hdf5": "Keras weights",
}


def find_files(path):
    """The prefix of a path, the files for TensorFlow to open, and the format, "V1" or "V2".

    Raises:
        UserError: there is no checkpoint, files of it are missing, or it is something else.
    """
    prefix = _prefix(path)
    if os.path.isfile(prefix + ".index"):
        _check_data_files(prefix)
        return prefix, prefix, "V2"
    return prefix, _v1_files(prefix), "V1"


def graph_beside(prefix):
    """The file with the graph of a checkpoint: its `.meta`, or that of its SavedModel; or None."""
    folder, name = os.path.split(os.path.abspath(prefix))
    saved = os.path.join(os.path.dirname(folder), SAVED_MODEL)
    if os.path.isfile(prefix + ".meta"):
        return prefix + ".meta"
    inside = name == os.path.basename(folder) == "variables"
    return saved if inside and os.path.isfile(saved) else None


def _prefix(path):
    """The prefix meant by a path: itself, a folder's newest, or that of one of its own files."""
    if os.path.isdir(path):
        return _newest(path)
    suffix = os.path.splitext(path)[1]
    if suffix in _NOT_CHECKPOINTS:
        kind = _NOT_CHECKPOINTS[suffix]
        raise UserError(f"{path} is {kind}: give the prefix of a TF1 checkpoint")
    match = re.fullmatch(r"(.+?)(\.index|\.meta|(\.data)?-\d{5}-of-\d{5})", path)
    return match.group(1) if match else path


def _newest(folder):
    """The prefix that a folder's state file names, also where the folder was moved since."""
    state = os.path.join(folder, "checkpoint")
    if os.path.isfile(os.path.join(folder, SAVED_MODEL)):
        return os.path.join(folder, "variables", "variables")
    if _exists(os.path.join(folder, "")) and _prefixes(folder) == [""]:
        return os.path.join(folder, "")  # a prefix that ends in "/", so that its files have no name
    if not os.path.isfile(state):
        prefixes = ", ".join(_prefixes(folder))
        if not prefixes:
            raise UserError(f"{folder} holds no checkpoint: give the prefix or the folder of one")
        raise UserError(f"{folder} has no file 'checkpoint': give a prefix in it ({prefixes})")
    with open(state, encoding="utf-8", errors="replace") as file:
        line = re.search(r'^model_checkpoint_path: "(.+)"', file.read(), re.MULTILINE)
    if line is None:
        raise UserError(f"{state} names no checkpoint: give a prefix")
    named = os.path.join(folder, line.group(1))
    beside = os.path.join(folder, re.split(r"[/\\]", line.group(1))[-1])
    return named if _exists(named) else beside


def _prefixes(folder):
    return sorted(name[:-6] for name in os.listdir(folder) if name.endswith(".index"))


def _exists(prefix):
    return os.path.isfile(prefix) or os.path.isfile(prefix + ".index")


def _check_data_files(prefix):
    """Refuses a V2 checkpoint of which data files are missing."""
    numbers = _shards(prefix + ".data")
    if not numbers:
        raise UserError(f"{prefix}.index is there, its data is not: fetch {prefix}.data-* as well")
    _check_shards(prefix + ".data", numbers)


def _check_shards(stem, numbers):
    """`numbers`: {count: shards present}; a complete set must be among them."""
    if any(present == set(range(count)) for count, present in numbers.items()):
        return
    count, present = max(numbers.items())
    missing = min(set(range(count)) - present)
    raise UserError(f"{stem}-{missing:05d}-of-{count:05d} is missing: fetch it as well")


def _shards(stem):
    """By the number of shards in the names, the numbers of those present."""
    folder, base = os.path.split(stem)
    numbers: dict[int, set[int]] = {}
    for name in os.listdir(folder or "."):
        match = re.fullmatch(re.escape(base) + r"-(\d{5})-of-(\d{5})", name)
        if match:
            numbers.setdefault(int(match.group(2)), set()).add(int(match.group(1)))
    return numbers


def _v1_files(prefix):
    """The path of a V1 checkpoint that TensorFlow opens: its one file, or a pattern."""
    if os.path.isfile(prefix):
        return prefix
    folder = os.path.dirname(prefix) or "."
    numbers = _shards(prefix) if os.path.isdir(folder) else {}
    if numbers:
        _check_shards(prefix, numbers)
        return f"{prefix}-?????-of-{max(numbers):05d}"
    if os.path.isdir(folder) and _shards(prefix + ".data"):
        raise UserError(f"{prefix}.index is missing beside its data: fetch it as well")
    raise UserError(f"no checkpoint {prefix}: give the prefix of its files, such as model.ckpt-100")
