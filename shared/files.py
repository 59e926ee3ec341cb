"""Atomic writes: files are written beside their target, then renamed."""

import io
import json
import os
import re
import shutil
import tempfile
import warnings
import zipfile
from contextlib import contextmanager

import numpy as np

from shared.errors import UserError

UNPACKED = 1 << 28  # bytes of the arrays of an npz file, which can be a thousandth of them

_PART = ".part-%d-"  # with the id of the process that writes it


@contextmanager
def replacing(path):
    """Yields a path beside `path` to write to, renamed to it at the end or removed on failure."""
    folder, name = os.path.split(str(path))
    beside = os.path.join(folder, _PART % os.getpid() + name)
    try:
        yield beside
        os.replace(beside, str(path))
    finally:
        if os.path.exists(beside):
            os.remove(beside)


def write_json(path, value):
    """Writes `value` as indented JSON. Raises ValueError where a number is not finite."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, allow_nan=False)
        file.write("\n")


def link(source, target):
    """Makes `target` a hard link to the file `source`, or a copy where there are no hard links."""
    with replacing(target) as beside:
        try:
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, beside)


def remove(path):
    """Removes a file, or a folder with all that is in it."""
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        os.remove(path)


def is_abandoned(name):
    """Whether a file of this name is a temporary one of `replacing` whose process is gone."""
    match = re.match(r"\.part-((\d+)-)?", name)
    return match is not None and not (match.group(2) and _is_running(int(match.group(2))))


def read_npz(path):
    """The arrays of an npz file by name; nothing is ever unpickled.

    np.load would do, but that of NumPy 1.18 reports a damaged file on standard error by itself.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged, has anything but plain arrays, or would be larger than UNPACKED.
    """
    with open(str(path), "rb") as file:
        content = io.BytesIO(file.read(UNPACKED))  # from here on, an OSError is damage too
    try:
        with zipfile.ZipFile(content) as archive, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # NumPy computes with sizes before it refuses them
            return dict(_arrays(archive))
    except Exception as error:  # the parsers of Python and NumPy raise nearly anything
        raise ValueError("%s is damaged: %s" % (path, error)) from None


def _arrays(archive):
    """Pairs of name and array of an npz file, of which no more is unpacked than allowed."""
    if sum(member.file_size for member in archive.infolist()) > UNPACKED:
        raise ValueError("it unpacks to more than %d bytes" % UNPACKED)
    for name in archive.namelist():
        data = io.BytesIO(archive.read(name))
        yield name[: -len(".npy")], np.lib.format.read_array(data, allow_pickle=False)


@contextmanager
def replacing_folder(path):
    """Yields the path of a new folder to fill, renamed to `path` at the end.

    Raises:
        UserError: the folder of `path` is not writable.
    """
    target = os.path.abspath(str(path))
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        beside = tempfile.mkdtemp(prefix=_PART % os.getpid(), dir=os.path.dirname(target))
    except OSError as error:
        raise UserError("cannot write to %s: %s" % (path, error.strerror or error)) from None
    try:
        folder = os.path.join(beside, os.path.basename(target))
        yield folder
        os.rename(folder, target)
    finally:
        shutil.rmtree(beside)


def _is_running(process):
    """Whether a process other than this one runs with an id."""
    if process == os.getpid():
        return False
    if os.name != "posix":
        return True  # Windows' kill ends what it is asked about
    try:
        os.kill(process, 0)
    except PermissionError:
        return True
    except (ProcessLookupError, OverflowError):
        return False
    return True
