"""Compares the outputs of a Keras 2 file, as Keras 2 computes them, with those of its model.

Once more with all arrays of the file drawn at random: each side reads that file by its own code.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import h5py  # type: ignore[import-untyped]
import keras
import numpy as np

from tf1port.conversion.end_to_end import QUANTITY, within_rounding
from tf1port.conversion.keras2.convert import (
    Keras2Conversion,
    read_conversion,
    without_mask_warnings,
)
from tf1port.conversion.keras2.network import Input
from tf1port.conversion.keras2.original import Original
from tf1port.conversion.original_graph import perturbed
from tf1port.numerics import comparison
from tf1port.numerics.precision import floatx

_SIZES = ((3, 5), (1, 2), (4, 9))  # rows and steps where the file does not fix them
_CALLS = 2  # of a model that keeps its states, one after the other


class Batch(NamedTuple):
    """Inputs in the model's order, and what they are called in a table."""

    label: str
    arrays: list[np.ndarray]


def end_to_end(
    conversion: Keras2Conversion, model: keras.Model, unproved: list[str], *, seed: int = 0
) -> Iterator[comparison.Check]:
    """Yields a comparison per dtype, size and set of arrays.

    Args:
        model: as its file has it. unproved: a line is appended for what could not be compared.
        seed: of the random inputs and arrays.
    """
    stream = np.random.default_rng(seed)
    path = conversion.file.path
    upcast = in_float64(model)
    for dtype in ("float64", "float32"):
        original = Original(conversion.file, path, dtype)
        for batch in batches(conversion, stream):
            yield from _compared(original, model, upcast, batch, unproved)
    with tempfile.TemporaryDirectory() as folder:
        redrawn = os.path.join(folder, os.path.basename(path))
        _redraw(path, redrawn, stream)
        original = Original(conversion.file, redrawn, "float64")
        other = read_conversion(redrawn)
        changed = in_float64(other.model())
        batch = batches(conversion, stream)[0]
        batch = batch._replace(label=f"{batch.label}, variables drawn anew")
        yield from _compared(original, changed, changed, batch, unproved)


def in_float64(model: keras.Model) -> keras.Model:
    """The same model in float64, its weights upcast."""
    text = json.dumps(model.get_config())
    with floatx("float64"), without_mask_warnings():
        upcast = type(model).from_config(json.loads(text.replace('"float32"', '"float64"')))
    for layer, other in zip(model.layers, upcast.layers, strict=True):
        for variable, target in zip(layer.weights, other.weights, strict=True):
            target.assign(np.array(variable).astype(target.dtype))
    return upcast


def _compared(
    original: Original,
    model: keras.Model,
    upcast: keras.Model,
    batch: Batch,
    unproved: list[str],
) -> Iterator[comparison.Check]:
    """The comparisons of one batch; a model that keeps its states is called again with it."""
    dtype = original.dtype
    own, is_stateful = upcast if dtype == "float64" else model, _is_stateful(model)
    for number in range(_CALLS if is_stateful else 1):
        label = f"{batch.label}, call {number + 1}" if is_stateful else batch.label
        try:
            check = _check(original, own, upcast, batch.arrays, dtype, is_stateful=is_stateful)
        except Exception as error:  # either may not take a size
            line = " ".join(str(error).split())[:120]
            unproved.append(f"{QUANTITY}, {label}: {type(error).__name__}: {line}")
            return
        yield check._replace(place=f"{check.place}, Keras 2, {label}")
    if is_stateful:
        original.reset()
        reset(own)


def _check(original, own, upcast, arrays, dtype, *, is_stateful):
    expected = dict(enumerate(original([_cast(array, dtype) for array in arrays])))
    named = {f"output {key}" if key else "output": value for key, value in expected.items()}
    actual = _outputs(own, arrays, dtype, named)
    check = comparison.check(QUANTITY, named, actual, dtype=dtype)
    if dtype == "float64" or is_stateful:
        return check
    return within_rounding(check, actual, lambda: _outputs(upcast, arrays, "float64", named))


def _outputs(model: keras.Model, arrays, dtype: str, names) -> dict[str, np.ndarray]:
    inputs = [_cast(array, dtype) for array in arrays]
    with floatx(dtype), without_mask_warnings():
        x = inputs if len(inputs) > 1 else inputs[0]
        # Traced, as in model.predict, but for one of the dtypes, where it is run op by op.
        outputs = model(x, training=False) if dtype == "float64" else model.predict_on_batch(x)
    listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
    return {name: np.array(value) for name, value in zip(names, listed, strict=True)}


def _cast(array: np.ndarray, dtype: str) -> np.ndarray:
    return array.astype(dtype) if array.dtype.kind == "f" else array


def batches(conversion: Keras2Conversion, stream: np.random.Generator) -> list[Batch]:
    """Random inputs of some sizes; one where the file fixes all of them."""
    network = conversion.network
    result: dict[str, Batch] = {}
    tables = [
        int(layer.config["input_dim"])
        for layer in network.layers
        if layer.class_name == "Embedding"
    ]
    values = [
        float(layer.config.get("mask_value", 0.0))
        for layer in network.layers
        if layer.class_name == "Masking"
    ]
    for rows, steps in _SIZES:
        shapes = [_shape(one, rows, steps) for one in network.inputs]
        arrays = [
            _array(one, shape, stream, count=min(tables, default=2), masked=values)
            for one, shape in zip(network.inputs, shapes, strict=True)
        ]
        label = ", ".join(str(list(shape)) for shape in shapes)
        result.setdefault(label, Batch(label, arrays))
    return list(result.values())


def _shape(one: Input, rows: int, steps: int) -> tuple[int, ...]:
    sizes = [size or (steps if axis else rows) for axis, size in enumerate(one.batch_shape)]
    return tuple(sizes)


def _array(
    one: Input,
    shape: Sequence[int],
    stream: np.random.Generator,
    *,
    count: int,
    masked: list[float],
) -> np.ndarray:
    """Values of one input; the ends of rows, and some steps within, are what a mask leaves out."""
    if "int" in one.dtype:
        array = stream.integers(0, count, size=shape).astype(one.dtype)
    elif one.dtype == "bool":
        array = stream.integers(0, 2, size=shape).astype(bool)
    else:
        array = stream.normal(size=shape).astype("float64")
    if masked and array.dtype.kind == "f" and array.ndim > 2:
        array[np.arange(shape[1])[None] >= _lengths(shape)[:, None]] = masked[0]
    if array.dtype.kind == "i" and array.ndim == 2:
        array[np.arange(shape[1])[None] >= _lengths(shape)[:, None]] = 0
    return array


def _lengths(shape: Sequence[int]) -> np.ndarray:
    """Full rows, short rows and rows of one step, in turn."""
    return np.resize([shape[1], (shape[1] + 1) // 2, 1], shape[0])


def _is_stateful(model: keras.Model) -> bool:
    return any(getattr(layer, "stateful", False) for layer in model.layers)


def reset(model: keras.Model) -> None:
    """Sets the states that a model keeps between calls to zero."""
    for layer in model.layers:
        if getattr(layer, "stateful", False):
            layer.reset_states()


def _redraw(path: str, target: str, stream: np.random.Generator) -> None:
    """A copy of a file with other values in all arrays of its layers."""

    def draw(name: str, item: h5py.Dataset | h5py.Group) -> None:
        if isinstance(item, h5py.Dataset) and item.dtype.kind == "f":
            role = name.rpartition("/")[2].partition(":")[0]
            item[...] = perturbed(np.asarray(item), stream, role=role)

    shutil.copyfile(path, target)
    os.chmod(target, 0o600)
    with h5py.File(target, "r+") as file:
        file["model_weights"].visititems(draw)
