"""How large a Keras model is, before it takes any memory."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import h5py  # type: ignore[import-untyped]
import keras
from keras.src.backend.common import global_state  # no public name forgets variables

from tf1port import limits
from tf1port.errors import UserError

_PIECES = 10_000  # of an array: Keras writes none, other programs cut large arrays
_ROWS, _STEPS = 4, 9  # where a model does not fix them
_SMALL = 1_000_000  # numbers that a model may have in any case
_LARGE = 1000  # units, of which a matrix has some of these
_WAITING = "uninitialized_variables"  # Keras would give them values after the next model


@contextmanager
def without_values() -> Iterator[None]:
    """While entered, what is built has variables with shapes alone."""
    before = [*(global_state.get_global_attribute(_WAITING) or [])]  # Keras appends to its own
    try:
        with keras.StatelessScope(initialize_variables=False):
            yield
    finally:
        global_state.set_global_attribute(_WAITING, before)


def check_pieces(name: str, item: Any, path: str) -> None:
    """Raises UserError where an array of an HDF5 file is in very many: HDF5 takes memory for each.

    Args:
        name, item: of a dataset, or of another object.
    """
    if not isinstance(item, h5py.Dataset) or not item.chunks:
        return
    pairs = zip(item.shape, item.chunks, strict=True)
    count = math.prod(-(-size // max(1, part)) for size, part in pairs)
    if count > _PIECES:
        raise UserError(f"{path} has {name} in {count:.2g} pieces: save it again")


def check_weights(content: bytes, path: str) -> None:
    """The same of all arrays of an HDF5 file, if it is one."""
    try:
        with h5py.File(io.BytesIO(content), "r") as file:
            file.visititems(lambda name, item: check_pieces(name, item, path))
    except UserError:
        raise
    except Exception:  # what is damaged is reported by what loads it
        return


def check_file(config: Any, stored: int, path: str) -> None:
    """Refuses a `.keras` file whose layers are larger than the weights in it.

    Args:
        config: of the model. stored: bytes of its weights, unpacked.

    Raises:
        UserError: they are.
    """
    if not _may_be_large(config):
        return
    try:
        with without_values():
            plain = {key: value for key, value in config.items() if key != "compile_config"}
            count = numbers(keras.saving.deserialize_keras_object(plain))
    except Exception:  # what Keras does not build is reported by what loads it
        return
    if count > max(stored, _SMALL):
        raise UserError(
            f"{path} is damaged: its layers have weights of {count:.4g} numbers, it has {stored} "
            "bytes of them"
        )


def _may_be_large(config: Any) -> bool:
    """Whether a number of a configuration, or a layer whose weights have many axes, is large."""
    queue = [config]
    while queue:
        item = queue.pop()
        if isinstance(item, dict):
            if "Conv" in str(item.get("class_name")):
                return True
            queue += item.values()
        elif isinstance(item, list):
            queue += item
        elif isinstance(item, (int, float)) and item > _LARGE:
            return True
    return False


def numbers(model: keras.Model) -> int:
    """How many numbers the weights of a model have."""
    return sum(math.prod(variable.shape) for variable in model.weights)


def check_outputs(model: keras.Model, path: str) -> None:
    """Raises UserError where the layers of a model give too much for a few short sequences."""
    sizes = {
        operation.name: math.prod(_sizes(tensor.shape))
        for operation in model.operations
        for node in operation._inbound_nodes
        for tensor in node.output_tensors
    }
    largest = max(sizes, key=sizes.__getitem__)
    if 8 * sum(sizes.values()) > limits.UNPACKED:
        raise UserError(
            f"the model of {path} has a layer, {largest}, that gives {sizes[largest]:.2g} numbers "
            f"for {_ROWS} rows of {_STEPS} steps: more than can be compared"
        )


def _sizes(shape: tuple[int | None, ...]) -> list[int]:
    free = [_STEPS if axis else _ROWS for axis in range(len(shape))]
    return [size or other for size, other in zip(shape, free, strict=True)]
