"""MNIST's files, four of IDX or one npz: where they are and whether they are MNIST."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from shared import byte_arrays
from shared.errors import UserError


class Part(NamedTuple):
    """One of the four arrays that make up MNIST."""

    stem: str  # begins the IDX file's name
    key: str  # names the array in the npz
    shape: tuple[int, ...]
    digest: str  # SHA-256 of the array's bytes in C order, without any header


# Images stand before their labels: `check` relies on it.
PARTS = (
    Part("train-images", "x_train", (60000, 28, 28),
         "741c988805d008ac6e4c904b69001ba184c24b2c540a4ef403f4c71b676cf757"),
    Part("train-labels", "y_train", (60000,),
         "1feba77c54802fa5339a11837ea4b2866434b83314ec45192930f1df69120c13"),
    Part("t10k-images", "x_test", (10000, 28, 28),
         "6d87418db22cc8025d05968bec9bd5c3932904b23485740db143a061a2c9d161"),
    Part("t10k-labels", "y_test", (10000,),
         "ddeff807876a9661a1110d45c266c86239a3a1b7d37da0c3716a7a683c852ff5"),
)  # fmt: skip


def read_folder(folder: str) -> list[np.ndarray]:
    """The arrays of `PARTS`, uint8 and read-only, from mnist.npz or else the four IDX files.

    Raises UserError where the folder or a file is missing, damaged or not MNIST.
    """
    if not os.path.isdir(folder):
        raise UserError(f"{folder} is not a folder; name one that holds MNIST's files")
    npz = os.path.join(folder, "mnist.npz")
    if os.path.isfile(npz):
        return read_npz(npz)
    paths = [find_idx(folder, part) for part in PARTS]
    arrays = [read_idx(path, part.shape) for path, part in zip(paths, PARTS)]
    check(arrays, paths)
    return arrays


def find_idx(folder: str, part: Part) -> str:
    """The path of a part's IDX file, in either spelling, gzipped or not; UserError if missing."""
    kind = f"idx{len(part.shape)}-ubyte"
    names = [part.stem + dot + kind + end for dot in "-." for end in ("", ".gz")]
    for name in names:
        path = os.path.join(folder, name)
        if os.path.isfile(path):  # some archives unpack to folders of the same name
            return path
    raise UserError(f"{folder} has neither mnist.npz nor {names[0]}[.gz]; put MNIST's files there")


def read_idx(path: str, shape: tuple[int, ...]) -> np.ndarray:
    """A uint8 array shaped like `shape` but for the number of examples; UserError if damaged."""
    data = byte_arrays.read_file(path, gzipped=path.endswith(".gz"))
    return byte_arrays.parse_idx(data, shape, name=path)


def read_npz(path: str) -> list[np.ndarray]:
    """The arrays of `PARTS`, uint8 and read-only; UserError if damaged or not MNIST."""
    return parse_npz(byte_arrays.read_file(path), path)


def parse_npz(data: bytes, name: str) -> list[np.ndarray]:
    """Like `read_npz`, for a file's content; messages call it `name`."""
    arrays = byte_arrays.parse_npz(data, {part.key: part.shape for part in PARTS}, name=name)
    check(arrays, [f"{part.key} in {name}" for part in PARTS])
    return arrays


def check(arrays: Sequence[np.ndarray], names: Sequence[str]) -> None:
    """Raises UserError unless the arrays are MNIST; `names` says where each came from.

    The digests come last, so that the user learns what is wrong where more can be said.
    """
    for labels, name in zip(arrays[1::2], names[1::2]):
        if (labels > 9).any():
            raise UserError(f"{name} has the label {labels.max()}, outside 0..9; fetch it anew")
    for i in range(0, len(arrays), 2):
        counts = len(arrays[i]), len(arrays[i + 1])
        if counts[0] != counts[1]:
            raise UserError(
                f"{names[i]} has {counts[0]:,} images but {names[i + 1]} has {counts[1]:,} labels; "
                "fetch both anew"
            )
    for part, array, name in zip(PARTS, arrays, names):
        if len(array) != part.shape[0]:
            raise UserError(
                f"{name} has {len(array):,} examples instead of {part.shape[0]:,}; "
                "is it the right file?"
            )
    for part, array, name in zip(PARTS, arrays, names):
        if hashlib.sha256(array.reshape(-1).data).hexdigest() != part.digest:
            raise UserError(f"{name} is not MNIST: its content has another digest; fetch it anew")
