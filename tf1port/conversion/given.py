"""Values that a user gives for a graph's placeholders: arrays of a file, and constants."""

import os
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError
from tf1port.reading import parsed_json, read_npz
from tf1port.tf1.graph.op_defs import output_type
from tf1port.tf1.graph.pruning import full_name


class Given(NamedTuple):
    """Values by the full name of a tensor.

    Attributes:
        path: of the file with the arrays; None: there is none.
        arrays: one batch each. constants: numbers, flags or lists of them.
    """

    path: str | None = None
    arrays: Mapping[str, np.ndarray] = {}
    constants: Mapping[str, Any] = {}

    def value(self, name: str, shape: Iterable[int], dtype: Any) -> np.ndarray | None:
        """The value of a placeholder, a constant in its shape; None: it is not given."""
        if name in self.arrays:
            return self.arrays[name].astype(dtype)
        if name not in self.constants:
            return None
        constant = np.asarray(self.constants[name], dtype)
        return np.broadcast_to(constant, tuple(shape)) if constant.ndim == 0 else constant

    def feed(self, operations: Iterable[Any], feed: Mapping[Any, np.ndarray]) -> dict[Any, Any]:
        """A feed with the given values of placeholders in place of random ones."""
        result = dict(feed)
        for operation in operations:
            tensor = operation.outputs[0]
            shape = np.shape(feed[tensor]) if tensor in feed else ()
            value = self.value(tensor.name, shape, tensor.dtype.as_numpy_dtype)
            result |= {} if value is None else {tensor: value}
        return result

    @property
    def notes(self) -> list[str]:
        """Lines on what is given."""
        names = ", ".join(_short(name) for name in self.arrays)
        lines = [f"{names}: of {os.path.basename(self.path)}"] if self.path else []
        return lines + [f"{_short(n)}: always {v}, as given" for n, v in self.constants.items()]


NOTHING = Given()


def read(path: str | None, constants: Mapping[str, Any], graph: Any) -> Given:
    """The values for a tf1port.tf1.graph.index.Graph.

    Args:
        path: of an `.npz` file with arrays by the name of a placeholder; None: none.
        constants: values by such names.

    Raises:
        UserError: the file cannot be read, or the graph takes no such value.
    """
    arrays = {full_name(name): value for name, value in load(path).items()} if path else {}
    named = {full_name(name): value for name, value in constants.items()}
    for name, value in arrays.items():
        _check(f"{path}: {_short(name)}", value, name, graph)
    for name, value in named.items():
        _check(f"--feed {_short(name)}", np.asarray(value), name, graph)
    return Given(path, arrays, named)


def load(path: str) -> dict[str, np.ndarray]:
    """The arrays of an `.npz` file by name. Raises UserError where it is none."""
    return read_npz(path)


def parsed(words: Iterable[str]) -> dict[str, Any]:
    """Values of `NAME=VALUE` by name: numbers, true or false, lists of them as in JSON.

    Raises:
        UserError: a word is not of this form.
    """
    values = {}
    for word in words:
        name, sign, text = word.rpartition("=")
        try:
            values[name] = parsed_json(text)
            np.asarray(values[name], float)
        except (ValueError, TypeError):
            sign = ""
        if not (sign and name):
            raise UserError(f"--feed is {word!r}: give NAME=VALUE, such as keep=1.0 or flag=true")
    return values


def _check(place: str, value: np.ndarray, name: str, graph: Any) -> None:
    """Refuses a value that a tensor does not take."""
    node = graph.node(name)
    if node is None:
        raise UserError(f"{place}: the graph has no tensor {_short(name)}: give a placeholder's")
    dtype = tf1.as_dtype(output_type(node, int(name.rpartition(":")[2])) or 1).base_dtype
    shape, kind = graph.shape(name), np.dtype(dtype.as_numpy_dtype).kind
    kinds = {"f": "fiu", "i": "iu", "u": "iu"} if value.ndim == 0 else {"i": "iu", "u": "iu"}
    fits = value.dtype.kind in kinds.get(kind, kind)
    if value.ndim and shape is not None:
        pairs = zip(shape, value.shape, strict=False)
        fits = fits and len(shape) == value.ndim and all(a in (None, b) for a, b in pairs)
    if not fits:
        sizes = "any shape" if shape is None else ["?" if n is None else n for n in shape]
        came = f"{value.dtype.name} {list(value.shape)}".replace("'", "")
        wanted = f"{dtype.name} {sizes}".replace("'", "")
        raise UserError(f"{place} is {came}, the graph takes {wanted}")


def _short(name: str) -> str:
    return name.removesuffix(":0")
