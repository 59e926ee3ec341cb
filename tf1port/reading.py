"""Reads TOML, JSON and npz files of a third party: within limits of size, and in their own types.

The limits keep a small file from taking much memory or time; they are far beyond what a port has.
"""

from __future__ import annotations

import json
import os
import tomllib
import warnings
import zipfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from tf1port import limits
from tf1port.errors import UserError

if TYPE_CHECKING:  # `scan` reads TOML, and does without NumPy
    import numpy as np

_UNITS = ((10**9, "GB"), (10**6, "MB"), (10**3, "kB"), (1, "bytes"))


def read_toml(path: str) -> dict[str, Any]:
    """The content of a TOML file. Raises UserError where it cannot be read or is not valid."""
    try:
        return tomllib.loads(_content(path, limits.TOML).decode("utf-8"))
    except RecursionError:
        raise UserError(f"{path} is nested too deeply: give a flatter one") from None
    except ValueError as error:  # no TOML, or no UTF-8
        raise UserError(f"{path} is not valid TOML: {str(error).splitlines()[0]}") from None


def read_json(path: str) -> Any:
    """The content of a JSON file.

    Raises:
        OSError: it cannot be read.
        ValueError: it is no JSON, or nested too deeply.
        UserError: it is too long.
    """
    return parsed_json(_content(path, limits.JSON, refuse=False))


def parsed_json(content: str | bytes) -> Any:
    """The value of JSON. Raises ValueError where it is none, or nested too deeply."""
    try:
        return json.loads(content)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def read_npz(path: str) -> dict[str, np.ndarray]:
    """The arrays of an npz file by name. Raises UserError where it is none, or takes too much.

    Nothing is unpickled.
    """
    try:
        with open(path, "rb") as file, zipfile.ZipFile(file) as archive:
            check_members(archive, path)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # NumPy computes with sizes before it refuses them
                return dict(_arrays(archive))
    except UserError:
        raise
    except Exception as error:  # the parsers of Python and NumPy raise nearly anything
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"cannot read {path}: {reason}; write it with np.savez") from None


def check_members(archive: zipfile.ZipFile, path: str) -> None:
    """Raises UserError where an archive unpacks to far more than it is."""
    check_unpacked(sum(member.file_size for member in archive.infolist()), path)


def check_unpacked(size: int, path: str) -> None:
    """Raises UserError where a file unpacks to a size, in bytes, that is far more than it is."""
    most = max(limits.UNPACKED, limits.UNPACKED_TIMES * os.path.getsize(path))
    if size > most:
        raise UserError(
            f"{path} unpacks to {_amount(size)}, more than {_amount(most)}: write it uncompressed"
        )


def _arrays(archive: zipfile.ZipFile) -> Iterator[tuple[str, np.ndarray]]:
    import numpy as np

    for name in archive.namelist():
        with archive.open(name) as file:
            yield name.removesuffix(".npy"), np.lib.format.read_array(file, allow_pickle=False)


def _content(path: str, most: int, *, refuse: bool = True) -> bytes:
    """The bytes of a file. Raises UserError where it is too long, or, unless `refuse`, OSError."""
    try:
        with open(path, "rb") as file:
            content = file.read(most + 1)
    except OSError as error:
        if not refuse:
            raise
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    if len(content) > most:
        raise UserError(f"{path} has more than {_amount(most)}: give a shorter file")
    return content


def _amount(size: int) -> str:
    unit, name = next(pair for pair in _UNITS if size >= pair[0])
    return f"{size / unit:.3g} {name}"
