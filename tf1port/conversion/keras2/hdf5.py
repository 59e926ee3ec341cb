"""Reads a Keras 2 HDF5 file as data: its configurations and its arrays; no code in it is run."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from tf1port import limits
from tf1port.conversion.keras2 import contents
from tf1port.errors import UserError
from tf1port.reading import parsed_json

Arrays = list[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Keras2File:
    """The content of a file that `model.save` of Keras 2 wrote.

    keras_version, backend: of the program that wrote it; "2.2.4-tf" is TensorFlow 1.15's.
    model: its model_config. training: its training_config, or None.
    weights: the arrays of each layer by the layer's name, with their names, in the file's order.
    optimizer: the optimizer's arrays with their names; none where it was not saved.
    """

    path: str
    keras_version: str
    backend: str
    model: dict[str, Any]
    training: dict[str, Any] | None
    weights: Mapping[str, Arrays]
    optimizer: Arrays

    @property
    def is_standalone(self) -> bool:
        """Whether it is of Keras outside of TensorFlow, which ended with 2.3."""
        numbers = re.findall(r"\d+", self.keras_version)[:2]
        return "-tf" not in self.keras_version and [*map(int, numbers)] < [2, 4]


def is_hdf5(path: str) -> bool:
    """Whether there is an HDF5 file at a path, by its first bytes."""
    try:
        return bool(h5py.is_hdf5(path))
    except (OSError, TypeError, ValueError):
        return False


def check_options(path: str, options: Mapping[str, Any]) -> None:
    """Raises UserError where an option of TF1 checkpoints alone is given for a file."""
    given = [name for name, value in options.items() if value and name != "trust"]
    if given:
        flag = given[0].replace("_", "-")
        raise UserError(f"--{flag} is of TF1 checkpoints, {path} is a Keras 2 file: leave it out")


def read(path: str) -> Keras2File:
    """Reads a file.

    Raises:
        UserError: it is damaged, holds weights alone, was written by another backend or by Keras 1,
            has data outside of itself, or unpacks to too much.
    """
    try:
        with limits.step(f"reading {path}"), h5py.File(path, "r") as file:
            contents.check(file, path)
            return _read(file, path)
    except UserError:
        raise
    except Exception as error:  # the readers of HDF5 and NumPy raise nearly anything
        line = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{path} is damaged or no file of Keras 2: {line}") from None


def _read(file: h5py.File, path: str) -> Keras2File:
    model = _json(file, "model_config")
    if not isinstance(model, dict):
        raise UserError(
            f"{path} holds weights without their model (no model_config): give the file that "
            "model.save wrote, or build the model and save it"
        )
    group = file["model_weights"]
    version, backend = _text(group, file, "keras_version"), _text(group, file, "backend")
    if version.startswith("1") or not version:
        raise UserError(f"{path} is of Keras {version or '1'}: save it again with Keras 2 first")
    if backend not in ("tensorflow", ""):
        raise UserError(
            f"{path} was written with the backend {backend}, whose layers compute other things: "
            "load and save it with TensorFlow first"
        )
    if "layer_names" in file.attrs:  # where tf_keras would look for the weights instead
        raise UserError(f"{path} has layers beside its model: it is no file of Keras'")
    groups = {f"layer {name}": _datasets(group[name]) for name in _names(group, "layer_names")}
    groups["optimizer"] = _datasets(file.get("optimizer_weights"))
    found = contents.arrays(groups, path)
    optimizer = found.pop("optimizer")
    weights = {key.removeprefix("layer "): arrays for key, arrays in found.items()}
    training = _json(file, "training_config")
    return Keras2File(path, version, backend, model, training, weights, optimizer)


def _json(file: h5py.File, key: str) -> Any:
    """A configuration; None: the file has none."""
    value = contents.attribute(file, key)
    return None if value is None else parsed_json(value)


def _text(group: h5py.Group, file: h5py.File, key: str) -> str:
    value = contents.attribute(group if key in group.attrs else file, key)
    if value is None:
        return ""
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _names(group: h5py.Group, key: str) -> list[str]:
    """A list of names; Keras cuts one that is too long for an attribute into several."""
    parts = [contents.attribute(group, key)] if key in group.attrs else []
    while f"{key}{len(parts)}" in group.attrs:
        parts.append(contents.attribute(group, f"{key}{len(parts)}"))
    return [
        name.decode("utf-8") if isinstance(name, bytes) else str(name)
        for part in parts
        for name in part
    ]


def _datasets(group: h5py.Group | None) -> list[tuple[str, h5py.Dataset]]:
    """The datasets of a layer or of the optimizer, with their names; none where there is none."""
    return [(name, group[name]) for name in _names(group, "weight_names")] if group else []
