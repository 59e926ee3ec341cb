"""uint8 arrays out of IDX and npz files, whose claims are believed only after they were checked.

Sizes are measured on bytes that were really read, at most `LIMIT` of them, so that no header can
make this module allocate memory. The npz's arrays are parsed here, because np.load trusts headers.
A `shape` that is asked for binds all dimensions but the first, the number of examples.
"""

from __future__ import annotations

import ast
import gzip
import io
import struct
import zipfile
import zlib
from typing import IO, Any, BinaryIO

import numpy as np

from shared.errors import UserError

LIMIT = 64 << 20  # bytes in any one file or array; MNIST's largest has 47 million
METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}  # the others allocate what the file asks for
ZIP_ERRORS = (zipfile.BadZipFile, zlib.error, struct.error, EOFError, OSError, ValueError,
              OverflowError, RuntimeError)  # fmt: skip
LITERAL_ERRORS = (KeyError, ValueError, TypeError, SyntaxError, OverflowError, MemoryError,
                  RecursionError)  # fmt: skip


def read_file(path: str, *, gzipped: bool = False) -> bytes:
    """A file's content, unpacked if gzipped; UserError if unreadable, damaged or over `LIMIT`."""
    try:
        with open(path, "rb") as file:
            return _gunzip(file, path) if gzipped else read_limited(file, path)
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror or error}") from None


def _gunzip(file: BinaryIO, name: str) -> bytes:
    try:
        with gzip.GzipFile(fileobj=file) as stream:
            return read_limited(stream, name)
    except (EOFError, OSError, zlib.error) as error:
        raise UserError(f"{name} is not an intact gzip file ({error}); fetch it anew") from None


def read_limited(stream: IO[bytes] | gzip.GzipFile, name: str) -> bytes:
    """All that a binary stream holds; UserError if that is more than `LIMIT` bytes.

    Asking for one byte more makes gzip and zip streams reach their end, where they check their CRC.
    """
    data = stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise UserError(f"{name} has more than {LIMIT:,} bytes, which no MNIST file has")
    return data


def parse_idx(data: bytes, shape: tuple[int, ...], *, name: str) -> np.ndarray:
    """An IDX file's bytes as a read-only uint8 array; UserError where they are anything else."""
    start = 4 + 4 * len(shape)
    if len(data) < start:
        raise UserError(f"{name} is truncated within its header; fetch it anew")
    magic, *claimed = struct.unpack_from(f">{1 + len(shape)}I", data)
    expected = 0x800 + len(shape)  # 8: unsigned bytes
    if magic != expected:
        raise UserError(
            f"{name} has the magic number {magic:#010x} instead of {expected:#010x}; "
            "is it the right file?"
        )
    return _view(data, start, claimed=tuple(claimed), shape=shape, name=name)


def parse_npz(data: bytes, shapes: dict[str, tuple[int, ...]], *, name: str) -> list[np.ndarray]:
    """An npz file's bytes as read-only uint8 arrays, in the order of `shapes`, by their keys.

    Raises UserError where the archive or an array is missing, damaged or of another kind.
    """
    try:
        members = _members(data, [f"{key}.npy" for key in shapes], name=name)
    except ZIP_ERRORS as error:
        raise UserError(f"{name} is not an intact zip archive ({error}); fetch it anew") from None
    return [
        parse_npy(member, shape, name=f"{key} in {name}")
        for member, (key, shape) in zip(members, shapes.items())
    ]


def _members(data: bytes, wanted: list[str], *, name: str) -> list[bytes]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        missing = [member for member in wanted if member not in archive.namelist()]
        if missing:
            raise UserError(f"{name} lacks {', '.join(missing)}; fetch it anew")
        if any(archive.getinfo(member).compress_type not in METHODS for member in wanted):
            raise UserError(f"{name} is not compressed as np.savez does it; fetch it anew")
        return [_read_member(archive, member, name=name) for member in wanted]


def _read_member(archive: zipfile.ZipFile, member: str, *, name: str) -> bytes:
    with archive.open(member) as stream:
        return read_limited(stream, f"{member} in {name}")


def parse_npy(data: bytes, shape: tuple[int, ...], *, name: str) -> np.ndarray:
    """A .npy file's bytes as a read-only uint8 array; UserError where they are anything else.

    Nothing is ever unpickled.
    """
    try:
        descr, fortran, claimed, start = _npy_header(data)
    except LITERAL_ERRORS:
        raise UserError(f"{name} is not an intact .npy array; fetch the file anew") from None
    if "O" in str(descr):
        raise UserError(f"{name} holds pickled objects, which are never loaded; fetch MNIST anew")
    if descr != "|u1":
        raise UserError(f"{name} has dtype {descr!r} instead of uint8 ('|u1'); fetch MNIST anew")
    view = _view(data, start, claimed=claimed, shape=shape, name=name, fortran=bool(fortran))
    return np.ascontiguousarray(view)


def _npy_header(data: bytes) -> tuple[Any, Any, tuple[int, ...], int]:
    """descr, fortran_order, shape and where the data begin; raises `LITERAL_ERRORS`."""
    if len(data) < 12 or data[:6] != b"\x93NUMPY":
        raise ValueError
    start, length = (10, "<H") if data[6] == 1 else (12, "<I")
    end = start + struct.unpack_from(length, data, 8)[0]
    if end > min(len(data), 1024):  # a uint8 array's header has some 100 bytes
        raise ValueError
    header = ast.literal_eval(data[start:end].decode("latin1").strip())
    return header["descr"], header["fortran_order"], tuple(map(int, header["shape"])), end


def _view(
    data: bytes,
    start: int,
    *,
    claimed: tuple[int, ...],
    shape: tuple[int, ...],
    name: str,
    fortran: bool = False,
) -> np.ndarray:
    """data[start:] as a uint8 array of the claimed shape, without a copy, once that is checked."""
    if len(claimed) != len(shape) or claimed[1:] != shape[1:]:
        raise UserError(
            f"{name} has the dimensions {claimed} instead of {shape}; is it the right file?"
        )
    size = claimed[0] * int(np.prod(shape[1:], dtype=np.int64))  # Python's int can't overflow
    found = len(data) - start
    if found != size:
        raise UserError(
            f"{name} is {'truncated' if found < size else 'too long'}: {found:,} bytes follow its "
            f"header, which claims {size:,}; fetch it anew"
        )
    order = "F" if fortran else "C"
    return np.ndarray(claimed, np.uint8, buffer=data, offset=start, order=order)  # type: ignore
