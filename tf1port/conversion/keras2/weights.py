"""The arrays of a Keras 2 layer as the weights of its counterpart in Keras 3.

Roles and order are the same on both sides, but for the layers that are named after cuDNN: their
kernels lie in memory as cuDNN has them, U x F for each gate, and each gate has two biases.
Shapes: F features, U units, G gates.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from tf1port.errors import UserError

_GATES = {"CuDNNLSTM": 4, "CuDNNGRU": 3}


class Weight(NamedTuple):
    """An array: its name in the file, its role in the layer, the value, what was done to it."""

    name: str
    role: str
    value: np.ndarray
    operation: str


def weights(
    class_name: str, config: Mapping[str, Any], arrays: Sequence[tuple[str, np.ndarray]]
) -> list[Weight]:
    """The weights of a layer in Keras 3's order.

    Args:
        class_name, config: of the layer in Keras 2. arrays: with their names, in the file's order.

    Raises:
        UserError: an array of a cuDNN layer has another shape than such a layer.
    """
    kind = class_name
    if class_name == "Bidirectional":
        kind = str(config["layer"]["class_name"])
    same = [Weight(name, _role(name), value, "") for name, value in arrays]
    with np.errstate(all="ignore"):  # what is not finite stays so
        return [_of_cudnn(weight, _GATES[kind]) for weight in same] if kind in _GATES else same


def assign(layer: keras.Layer, new: Sequence[Weight]) -> None:
    """Sets the weights of a layer. Raises UserError where they are not its own."""
    variables = layer.weights
    expected = [(v.path.rpartition("/")[2], tuple(v.shape)) for v in variables]
    came = [(weight.role, weight.value.shape) for weight in new]
    if expected != came:
        raise UserError(
            f"the weights of {layer.name} are not those of its configuration: expected "
            f"{_shown(expected)}, the file has {_shown(came)}"
        )
    for variable, weight in zip(variables, new, strict=True):
        variable.assign(weight.value)


def of_cudnn_kernel(kernel: np.ndarray, gates: int) -> np.ndarray:
    """A kernel [F, G U] whose gates lie in memory as [U, F], as one for x W."""
    features = kernel.shape[0]
    parts = [part.reshape(-1, features).T for part in np.split(kernel, gates, axis=1)]
    return np.ascontiguousarray(np.concatenate(parts, axis=1))


def _of_cudnn(weight: Weight, gates: int) -> Weight:
    name, role, value, _ = weight
    if value.ndim not in (1, 2) or value.shape[-1] % (2 * gates if role == "bias" else gates):
        raise UserError(f"{name} is {list(value.shape)}, which no cuDNN layer of {gates} gates has")
    if role != "bias":
        new = of_cudnn_kernel(value, gates)
        return Weight(name, role, new, "each gate transposed in memory")
    first, second = np.split(value, 2)
    if gates == _GATES["CuDNNLSTM"]:
        return Weight(name, role, first + second, "the two biases of a gate summed")
    return Weight(name, role, np.stack([first, second]), "as two rows")


def _role(name: str) -> str:
    """A role from a name: in a stack of cells, TensorFlow 1 numbers those that are there twice."""
    return re.sub(r"_\d+$", "", name.rpartition("/")[2].partition(":")[0])


def _shown(entries: Sequence[tuple[str, tuple[int, ...]]]) -> str:
    return ", ".join(f"{role} {list(shape)}" for role, shape in entries) or "none"
