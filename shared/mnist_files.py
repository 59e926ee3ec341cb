"""MNIST's files, four of IDX or one npz: where they are and whether they are MNIST.

IDX and .npy files are a short header and the array's bytes. Those are compared with MNIST's digest
as they stand and read in MNIST's shape; headers are not looked at.
"""

from __future__ import annotations

import gzip
import hashlib
import os
import struct
import zipfile
import zlib
from typing import IO, NamedTuple

import numpy as np

from shared.errors import UserError

HEADER = 1024  # bytes that a header may have at most: IDX has 16, NumPy writes 128
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others allocate what the file asks for
DAMAGE = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError,
          OverflowError, RuntimeError)  # fmt: skip


class File(NamedTuple):
    """One of MNIST's four files."""

    stem: str  # begins the IDX file's name
    key: str  # names the array in the npz
    shape: tuple[int, ...]
    digest: str  # SHA-256 of the array's bytes in C order, without any header


FILES = (
    File("train-images", "x_train", (60000, 28, 28),
         "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    File("train-labels", "y_train", (60000,),
         "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    File("t10k-images", "x_test", (10000, 28, 28),
         "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    File("t10k-labels", "y_test", (10000,),
         "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
)  # fmt: skip


def read_folder(folder: str) -> list[np.ndarray]:
    """The arrays of `FILES`, uint8 and read-only, from mnist.npz or else the four IDX files.

    Raises UserError where the folder or a file is missing, damaged or not MNIST.
    """
    if not os.path.isdir(folder):
        raise UserError(f"{folder} is not a folder; name one that holds MNIST's files")
    npz = os.path.join(folder, "mnist.npz")
    if os.path.isfile(npz):
        return read_npz(npz, name=npz)
    paths = [_find_idx(folder, expected) for expected in FILES]
    return [_read_idx(path, expected) for path, expected in zip(paths, FILES)]


def read_npz(file: str | IO[bytes], *, name: str) -> list[np.ndarray]:
    """The arrays of `FILES`, uint8 and read-only, from an npz file; `name` is for messages.

    Raises UserError where it is damaged or not MNIST.
    """
    try:
        with zipfile.ZipFile(file) as archive:
            return [_read_member(archive, expected, name=name) for expected in FILES]
    except DAMAGE as error:
        raise UserError(f"{name} is not an intact zip archive ({error}); fetch it again") from None


def _find_idx(folder: str, expected: File) -> str:
    """The path of an IDX file, in either spelling, gzipped or not; UserError if missing."""
    kind = f"idx{len(expected.shape)}-ubyte"
    names = [expected.stem + dot + kind + end for dot in "-." for end in ("", ".gz")]
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):  # some archives unpack to folders of the same name
            return path
    raise UserError(f"{folder} has neither mnist.npz nor {names[0]}[.gz]; put MNIST's files there")


def _read_idx(path: str, expected: File) -> np.ndarray:
    try:
        with gzip.open(path) if path.endswith(".gz") else open(path, "rb") as stream:
            return _read_array(stream, expected, name=path)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{path} can't be read ({error}); fetch it again") from None


def _read_member(archive: zipfile.ZipFile, expected: File, *, name: str) -> np.ndarray:
    member = expected.key + ".npy"
    if member not in archive.namelist():
        raise UserError(f"{name} lacks {member}; fetch it again")
    if archive.getinfo(member).compress_type not in METHODS:
        raise UserError(f"{name} is not compressed as np.savez does it; fetch it again")
    with archive.open(member) as stream:
        return _read_array(stream, expected, name=f"{expected.key} in {name}")


def _read_array(stream: IO[bytes] | gzip.GzipFile, expected: File, *, name: str) -> np.ndarray:
    """The last bytes of a stream as an array. Raises UserError where they are not MNIST's."""
    size = int(np.prod(expected.shape))
    content = memoryview(stream.read(HEADER + size + 1))[-size:]  # no more is read, however large
    if hashlib.sha256(content).hexdigest() != expected.digest:
        raise UserError(f"{name} is not MNIST's: its content has another digest; fetch it again")
    return np.frombuffer(content, np.uint8).reshape(expected.shape)
