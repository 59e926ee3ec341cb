"""Looks an HDF5 file over before anything in it is read: its data is its own, and not too much.

A file can name others, hold itself, and unpack to far more than it is.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from tf1port import limits
from tf1port.errors import UserError
from tf1port.keras_model import sizes
from tf1port.reading import check_unpacked

_LINKS = 100_000  # Keras writes some ten for a layer
_LEVELS = 100  # of groups; Keras has as many as there are parts in a name
_NUMBERS = "fiub"  # kinds of NumPy's types


def check(file: h5py.File, path: str) -> None:
    """Refuses a file with links to others, data that lie elsewhere, or more than Keras writes.

    Raises:
        UserError: it has; what it would read of others would pass for its own.
    """
    for number, (name, link, item) in enumerate(_objects(file)):
        external = isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)
        if external or not isinstance(link, h5py.HardLink):
            raise UserError(f"{path} has {name} in another place: it is no file of Keras'")
        if number > _LINKS or name.count("/") > _LEVELS:
            raise UserError(f"{path} has more groups than a model has: it is no file of Keras'")


def _objects(file: h5py.File) -> Iterator[tuple[str, Any, Any]]:
    """Each link with its name and what it leads to; None for what is not hard.

    A group that has several names, one of them perhaps within itself, is looked into once.
    """
    waiting, seen = [("", file)], {_address(file)}
    while waiting:
        start, group = waiting.pop()
        for key in group:
            link = group.get(key, getlink=True)
            item = group[key] if isinstance(link, h5py.HardLink) else None
            yield start + key, link, item
            if isinstance(item, h5py.Group) and _address(item) not in seen:
                seen.add(_address(item))
                waiting.append((f"{start}{key}/", item))


def _address(item: Any) -> Any:
    info = h5py.h5o.get_info(item.id)
    return info.fileno, info.addr


def attribute(item: Any, key: str) -> Any:
    """An attribute of a group; None: it has none. Raises UserError: it is too long."""
    if key not in item.attrs:
        return None
    found = item.attrs.get_id(key)
    if math.prod(found.shape) * found.dtype.itemsize > limits.JSON:
        raise UserError(f"{key} of the file is longer than any that Keras writes")
    return item.attrs[key]


def arrays(groups: dict[str, list[tuple[str, Any]]], path: str) -> dict[str, list[Any]]:
    """The arrays of some lists of datasets with their names, likewise.

    Raises:
        UserError: one is no dataset of numbers, or all take too much memory.
    """
    named = [pair for group in groups.values() for pair in group]
    for name, item in named:
        if not isinstance(item, h5py.Dataset) or item.dtype.kind not in _NUMBERS:
            raise UserError(f"{path} has no numbers at {name}: it is no file of Keras'")
        sizes.check_pieces(name, item, path)
    check_unpacked(sum(math.prod(item.shape) * item.dtype.itemsize for _, item in named), path)
    return {
        key: [(name, np.asarray(item)) for name, item in group] for key, group in groups.items()
    }
