"""Reads a Keras 2 HDF5 file as data: its configurations and its arrays; no code in it is run."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import h5py  # type: ignore[import-untyped]
import numpy as np

from tf1port.errors import UserError

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
            or has data outside of itself.
    """
    try:
        with h5py.File(path, "r") as file:
            _check_self_contained(file, path)
            return _read(file, path)
    except (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError) as error:
        line = " ".join(str(error).split())[:100]
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
    names = _names(group, "layer_names")
    weights = {name: _arrays(group[name]) for name in names}
    optimizer = _arrays(file["optimizer_weights"]) if "optimizer_weights" in file else []
    training = _json(file, "training_config")
    return Keras2File(path, version, backend, model, training, weights, optimizer)


def _check_self_contained(file: h5py.File, path: str) -> None:
    """Refuses links to other files and data that lie elsewhere: they would be read as its own."""
    for name, link, item in _links(file, ""):
        external = isinstance(item, h5py.Dataset) and (item.external or item.is_virtual)
        if not isinstance(link, h5py.HardLink) or external:
            raise UserError(f"{path} has {name} in another place: it is no file of Keras'")


def _links(group: h5py.Group, start: str) -> Iterator[tuple[str, Any, Any]]:
    """Each link with its name and what it leads to, at any depth; None for what is not hard."""
    for key in group:
        link = group.get(key, getlink=True)
        item = group[key] if isinstance(link, h5py.HardLink) else None
        yield start + key, link, item
        if isinstance(item, h5py.Group):
            yield from _links(item, f"{start}{key}/")


def _json(file: h5py.File, key: str) -> Any:
    """A configuration; None: the file has none."""
    value = file.attrs.get(key)
    if isinstance(value, bytes):
        value = value.decode("utf-8")
    return None if value is None else json.loads(value)


def _text(group: h5py.Group, file: h5py.File, key: str) -> str:
    value = group.attrs.get(key, file.attrs.get(key, ""))
    return value.decode("utf-8") if isinstance(value, bytes) else str(value)


def _names(group: h5py.Group, key: str) -> list[str]:
    """A list of names; Keras cuts one that is too long for an attribute into several."""
    parts = [group.attrs[key]] if key in group.attrs else []
    while f"{key}{len(parts)}" in group.attrs:
        parts.append(group.attrs[f"{key}{len(parts)}"])
    return [
        name.decode("utf-8") if isinstance(name, bytes) else str(name)
        for part in parts
        for name in part
    ]


def _arrays(group: h5py.Group) -> Arrays:
    return [(name, np.asarray(group[name])) for name in _names(group, "weight_names")]
