"""Writes `.keras` files: whole, or not at all."""

import errno
import functools
import os
import tempfile
import zipfile
from typing import IO

import keras

from tf1port.errors import UserError
from tf1port.files import replacing
from tf1port.progress import progress

_CHUNK = 2**22  # bytes that are copied at a time


def check_keras_name(path: str) -> None:
    """Raises UserError where a path is none of a `.keras` file, by which Keras knows it."""
    if not path.endswith(".keras"):
        raise UserError(f"--to is {path}: give a file that ends in .keras")


def check_target(path: str) -> None:
    """Raises UserError where a file of a path cannot be written, before anything else is done."""
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise UserError(f"cannot write {path}: there is no folder {folder}, make it first")
    if not os.access(folder, os.W_OK):
        raise UserError(f"cannot write {path}: {folder} is not yours to write to, choose another")
    if os.path.isdir(path):
        raise UserError(f"cannot write {path}: {os.strerror(errno.EISDIR)}, choose another --to")


def write(model: keras.Model, path: str) -> None:
    """Writes a model as a `.keras` file that replaces one of that name.

    Raises:
        UserError: it cannot be written; what was there before is still there.
    """
    try:
        with replacing(path) as beside:
            save(model, beside)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from None


def save(model: keras.Model, path: str) -> None:
    """Writes a `.keras` file by way of a folder, as Keras would build the archive in memory."""
    prefix = f".part-{os.getpid()}-"
    with tempfile.TemporaryDirectory(prefix=prefix, dir=os.path.dirname(path) or ".") as folder:
        keras.saving.save_model(model, folder, zipped=False)
        with zipfile.ZipFile(path, "w") as archive:
            for entry in filter(os.DirEntry.is_file, os.scandir(folder)):
                with archive.open(entry.name, "w", force_zip64=True) as target:
                    with open(entry, "rb") as source:
                        _copy(source, target, size=entry.stat().st_size)


def _copy(source: IO[bytes], target: IO[bytes], *, size: int) -> None:
    chunks = iter(functools.partial(source.read, _CHUNK), b"")
    count = -(-size // _CHUNK)
    for chunk in progress(chunks, "write", unit=f" × {_CHUNK >> 20} MB", total=count, delay=0.5):
        target.write(chunk)
