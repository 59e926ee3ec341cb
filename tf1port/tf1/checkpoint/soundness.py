"""What a checkpoint says of its variables, looked at before TensorFlow does.

TensorFlow takes sizes from these files as they are: at some it aborts, and it allocates what they
ask for before it looks at the data. So here each size has to be possible, and the data to be there.
"""

import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from tf1port.tf1.checkpoint.table import Compressed, pairs

_MOST = 2**63 - 1  # elements
_MOST_AXES = 254  # TensorFlow's own limit
_LENGTHS = {7, 20, 21}  # of the DataTypes, those without a fixed size: string, resource, variant


def check_index(prefix: str) -> None:
    """Checks the index of a checkpoint of format V2 against the size of its data files.

    Raises:
        ValueError: the index is damaged or made up; or as `pairs`.
        OSError: a file cannot be read.
    """
    from tensorflow.core.protobuf import tensor_bundle_pb2

    try:
        (key, value), *rest = pairs(prefix + ".index")
    except Compressed:
        return  # TensorFlow reads it
    count = _parsed(tensor_bundle_pb2.BundleHeaderProto(), _first(key, value)).num_shards
    entries = [(_name(key), _parsed(tensor_bundle_pb2.BundleEntryProto(), v)) for key, v in rest]
    sizes = {n: _size(f"{prefix}.data-{n:05d}-of-{count:05d}") for n in _shards(entries, count)}
    for name, entry in entries:
        _check_entry(name, entry, sizes)


def check_first_format(paths: Iterable[str]) -> None:
    """Checks what the files of a checkpoint of format V1 say of its variables.

    Raises: as `check_index`.
    """
    from tensorflow.core.util import saved_tensor_slice_pb2

    for path in paths:
        try:
            key, value = next(pairs(path), (b"?", b""))
        except Compressed:
            continue
        meta = _parsed(saved_tensor_slice_pb2.SavedTensorSlices(), _first(key, value)).meta
        for tensor in meta.tensor:
            shape = _shape(tensor.name, tensor.shape)
            _check_type(tensor.name, tensor.type)
            for piece in tensor.slice:
                # Each element takes a byte at least.
                extent = _extent(tensor.name, piece, shape)
                if math.prod(extent) > os.path.getsize(path):
                    raise ValueError(f"{tensor.name} is {extent}, more than the file holds")


def _check_entry(name: str, entry: Any, sizes: dict[int, int]) -> None:
    """Raises ValueError where the data of an entry cannot be what the entry says of it."""
    _check_type(name, entry.dtype)
    shape = _shape(name, entry.shape)
    for piece in entry.slices:
        _extent(name, piece, shape)
    if entry.slices:
        return  # each of them has an entry of its own
    elements, wanted = math.prod(shape), _bytes(entry.dtype)
    fits = elements <= entry.size if wanted is None else elements * wanted == entry.size
    if not fits:
        raise ValueError(f"{name} is {list(shape)} and has {entry.size} bytes")
    if entry.offset < 0 or entry.offset + entry.size > sizes[entry.shard_id]:
        raise ValueError(f"{name} lies beyond the end of its data")


def _first(key: bytes, value: bytes) -> bytes:
    """The value of the first entry, whose key is empty."""
    if key:
        raise ValueError("it does not begin as TensorFlow writes it")
    return value


def _shards(entries: Iterable[tuple[str, Any]], count: int) -> set[int]:
    """The numbers of the data files that entries are in."""
    numbers = {entry.shard_id for _, entry in entries if not entry.slices}
    if numbers and not (min(numbers) >= 0 and max(numbers) < count):
        raise ValueError(f"it names data file {max(numbers)} of {count}")
    return numbers


def _size(path: str) -> int:
    if not os.path.isfile(path):
        raise ValueError(f"there is no {os.path.basename(path)}")
    return os.path.getsize(path)


def _shape(name: str, proto: Any) -> tuple[int, ...]:
    shape = tuple(axis.size for axis in proto.dim)
    if (
        proto.unknown_rank
        or len(shape) > _MOST_AXES
        or any(size < 0 for size in shape)
        or math.prod(size for size in shape if size) > _MOST
    ):
        raise ValueError(f"{name} has the shape {list(shape)[:8]}")
    return shape


def _extent(name: str, piece: Any, shape: tuple[int, ...]) -> list[int]:
    """The shape of a part of a variable."""
    parts = piece.extent
    if len(parts) != len(shape):
        raise ValueError(f"{name} has {len(shape)} axes, a part of it {len(parts)}")
    extent = []
    for part, size in zip(parts, shape, strict=True):
        whole = not part.HasField("length")
        length = size if whole else part.length
        inside = part.start == 0 if whole else part.start >= 0 and length > 0
        if not (inside and part.start + length <= size):
            raise ValueError(f"a part of {name} is outside of it")
        extent.append(length)
    return extent


def _check_type(name: str, number: int) -> None:
    from tensorflow.core.framework import types_pb2

    if number not in types_pb2.DataType.values() or not 0 < number < 100:
        raise ValueError(f"{name} has the unknown type {number}")


def _bytes(number: int) -> int | None:
    """Bytes of an element of a type; None: it has no fixed size."""
    import tensorflow as tf

    return (
        None if number in _LENGTHS else int(np.dtype(tf.as_dtype(number).as_numpy_dtype).itemsize)
    )


def _parsed(message: Any, value: bytes) -> Any:
    from google.protobuf.message import DecodeError

    try:
        message.ParseFromString(value)
    except DecodeError as error:
        raise ValueError(str(error)) from None
    return message


def _name(key: bytes) -> str:
    return key.decode("utf-8", "backslashreplace")
