"""Compares a model that hands its states on with itself: a sequence in parts, and as a whole.

That the states are the graph's is no part of this: tf1port.conversion.translation.checks compares
the outputs from given states, and the final states, with the graph's own.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf1port.conversion.original_graph import perturbed_by_role
from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.program import Dim, Input, Loop, Program, Use, dims_in, in_order
from tf1port.keras_model.runner import model_in_dtype
from tf1port.numerics import comparison
from tf1port.numerics.differences import difference
from tf1port.numerics.precision import floatx

QUANTITY = "a sequence in parts, its states handed on"
ROWS, STEPS = 3, 7
PARTS = ([3, 4], [1] * STEPS)  # of two lengths; one step at a time
Arrays = Mapping[str, np.ndarray]
Weights = Mapping[str, Arrays]


def in_parts(
    conversion: Translated, model: keras.Model, weights: Weights, *, seed: int = 0
) -> Iterator[comparison.Check]:
    """Yields a comparison in float64 for each way to part a sequence.

    The first states are drawn at random, and for single steps the weights as well.

    Args:
        model: as its file has it. weights: its weights by layer and role.

    Raises:
        UserError: no input has an axis of time, the model does not take any number of steps, or
            the states make no difference.
    """
    stream = np.random.default_rng(seed)
    upcast: dict[str, Any] = {
        name: {role: value.astype("float64") for role, value in arrays.items()}
        for name, arrays in weights.items()
    }
    side = _Side(conversion.program, model_in_dtype(model, upcast, "float64"))
    for parts in PARTS:
        rows, inputs, whole = side.whole(stream)
        pieces = side.pieces(inputs, parts)
        actual = joined(whole, pieces, parts, side.program.states)
        check = comparison.check(QUANTITY, whole, actual, dtype="float64")
        each = "one at a time" if max(parts) == 1 else " + ".join(map(str, parts))
        yield check._replace(place=f"{check.place}, {rows} rows, {STEPS} steps, {each}")
        apart = side.pieces(inputs, parts, hand_on=False)
        gap = difference(whole, joined(whole, apart, parts, side.program.states))
        if gap.max_abs <= check.bound:
            raise UserError("its states make no difference to the outputs that were compared")
        drawn = {name: perturbed_by_role(arrays, stream) for name, arrays in upcast.items()}
        layer_weights.set_weights_of(side.model, drawn)


class _Side:
    """The model in float64, and which axes of its inputs are of time."""

    def __init__(self, program: Program, model: keras.Model) -> None:
        self.program, self.model = program, model
        self.axes = time_axes(program)
        roles = feeds.roles(program)
        self._lengths = [name for name, role in roles.items() if role.kind == "lengths"]
        fed = [name for name, role in roles.items() if role.kind in ("steps", "sizes")]
        if fed:
            raise UserError(f"the number of steps is {fed[0]}, which is fed: drop --stateful")

    def whole(self, stream: np.random.Generator) -> tuple[int, dict[str, np.ndarray], Arrays]:
        """The number of rows, random inputs by name, and the outputs.

        There is one row where outputs are rows of all steps: several would have to be sorted.
        """
        time_first = 0 in self.axes.values()
        for rows in (ROWS, 1):
            sizes = feeds.BatchSizes(rows, STEPS, 4, time_first, apart=False, as_fed=False)
            arrays = feeds.batch(self.program, sizes, stream, shortest=0)
            tensors = [value.producer.tensor for value in self.program.inputs]  # type: ignore[attr-defined]
            named = zip(self.program.input_names, tensors, strict=True)
            inputs = {name: arrays[tensor] for name, tensor in named}
            for name in self.program.states:
                inputs[name] = stream.normal(0, 0.5, inputs[name].shape)
            outputs = self._outputs(inputs)
            if all(value.shape[:1] != (rows * STEPS,) for value in outputs.values()):
                break
        return rows, inputs, outputs

    def pieces(self, inputs: Arrays, parts: Sequence[int], *, hand_on: bool = True) -> list[Arrays]:
        """The outputs of each part, from the final states of the one before."""
        results: list[Arrays] = []
        start = 0
        for count in parts:
            part = {name: self._part(name, inputs[name], start, count) for name in inputs}
            if hand_on and results:
                part |= handed_on(results[-1], self.program.states)
            results.append(self._outputs(part))
            start += count
        return results

    def _part(self, name: str, value: np.ndarray, start: int, count: int) -> np.ndarray:
        """What an input has for some steps."""
        if name in self.axes:
            return np.take(value, range(start, start + count), axis=self.axes[name])
        return np.clip(value - start, 0, count) if name in self._lengths else value

    def _outputs(self, inputs: Arrays) -> dict[str, np.ndarray]:
        arrays = [
            inputs[name].astype("float64") if inputs[name].dtype.kind == "f" else inputs[name]
            for name in self.program.input_names
        ]
        with floatx("float64"):
            try:
                outputs = self.model(arrays, training=False)
            except (ValueError, tf.errors.OpError) as error:
                line = str(error).strip().partition("\n")[0]
                raise UserError(f"the model does not take any number of steps: {line}") from None
        return {name: np.array(value) for name, value in outputs.items()}


def handed_on(outputs: Arrays, states: Sequence[str]) -> dict[str, np.ndarray]:
    """The states that a call starts from, of the outputs of the one before."""
    return {name: outputs[name] for name in states}


def joined(
    whole: Arrays, pieces: Sequence[Arrays], parts: Sequence[int], states: Sequence[str]
) -> dict[str, np.ndarray]:
    """The outputs of all parts as one: steps in a row, of all else those of the last part."""
    result = {}
    for name, value in whole.items():
        values = [piece[name] for piece in pieces]
        axes = [
            axis
            for axis, size in enumerate(value.shape)
            if name not in states and [v.shape[axis] for v in values] == list(parts) != [size]
        ]
        result[name] = np.concatenate(values, axis=axes[0]) if axes else values[-1]
    return result


def time_axes(program: Program) -> dict[str, int]:
    """The axis of time of each input that has one, by name.

    Raises:
        UserError: the number of steps is none of what is fed.
    """
    names = {
        id(value.producer): name
        for name, value in zip(program.input_names, program.inputs, strict=True)
    }
    found: dict[str, int] = {}
    for size in _numbers_of_steps(program):
        dims = [dim for dim in dims_in(size) if isinstance(dim, Dim)]
        found |= {
            names[id(dim.value.producer)]: dim.axis
            for dim in dims
            if isinstance(dim.value.producer, Input)
        }
    if not found:
        raise UserError("an op fixes the number of steps of its layers: drop --stateful")
    axis = next(iter(found.values()))
    for name, value in zip(program.input_names, program.inputs, strict=True):
        shape = value.shape or ()
        if name not in program.states and len(shape) > 1 and shape[axis] is None:
            found.setdefault(name, axis)
    return found


def _numbers_of_steps(program: Program) -> Iterator[Any]:
    """The numbers of steps of all layers and loops whose states are handed on."""
    starts = {id(value.producer) for value in program.inputs if value.producer.state}  # type: ignore[attr-defined]
    for producer in in_order([*program.outputs.values()]):
        if not any(id(value.producer) in starts for value in producer.operands):
            continue
        if isinstance(producer, Use):
            yield producer.positional[0].size(1)
        elif isinstance(producer, Loop):
            yield producer.length
