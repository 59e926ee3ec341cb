"""The states of a model that hands them on: initial states are inputs, final ones are outputs.

So a caller can give a sequence in parts, of one step or of many, as programs that sample do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tf1port.errors import UserError
from tf1port.keras_model.program import (
    FED,
    ZEROS,
    Arithmetic,
    Constant,
    Dim,
    Input,
    Op,
    Size,
    Sizes,
    Value,
    in_order,
)

_PASSING = {"Reshape", "Identity", "Tile", "ExpandDims", "Squeeze", "Split", "SplitV", "Unpack"}
_PASSING |= {"Slice", "StridedSlice", "Gather", "GatherV2", "Cast"}


@dataclass(frozen=True)
class State:
    """One state of a layer or of a loop.

    start: the input [B, U] in its place before the first step. final: after the last one.
    tensor: of the graph, for `final`; empty: it has none.
    """

    start: Value
    final: Value
    tensor: str


class States:
    """The states that were met, in the order of the layers."""

    def __init__(self) -> None:
        self._found: list[State] = []

    def starts(
        self, reader, tensors: Sequence[str], scope: str, widths: Sequence[int]
    ) -> list[Value]:
        """The inputs in the place of some initial states.

        Args:
            tensors: of the graph. scope: of the layer. widths: the states' sizes U, if known.

        Raises:
            UserError: one is learned or computed, so that no caller has a state in its place.
        """
        starts = [_start(reader, tensor, reader.value(tensor), scope) for tensor in tensors]
        for start, width in zip(starts, widths, strict=False):
            start.shape = (*start.axes[:1], width)
            start.dims = start.dims and (*start.dims[:1], width)
        return starts

    def add(self, starts: Sequence[Value], finals: Sequence[Value], tensors: Sequence[str]) -> None:
        """Adds the states of a layer, by their values before the first and after the last step."""
        self._found += map(State, starts, finals, tensors)

    def used(self, outputs: Sequence[Value]) -> list[State]:
        """The states that some outputs depend on.

        Raises:
            UserError: there are none.
        """
        producers = {id(producer) for producer in in_order(outputs)}
        states = [state for state in self._found if id(state.start.producer) in producers]
        if not states:
            raise UserError("no output depends on a state that could be handed on: drop --stateful")
        return states


def is_zero(reader, state: Value) -> bool:
    """Whether a state is zeros, of whatever size."""
    producer = state.producer
    if isinstance(producer, Constant):
        return not producer.array.any()
    if isinstance(producer, Op) and producer.op in ("Fill", "ZerosLike"):
        filled = reader.constant(producer.inputs[-1]) if producer.op == "Fill" else np.array(0)
        return filled is not None and not filled.any()
    if isinstance(producer, Op) and producer.op in _PASSING:
        return is_zero(reader, producer.inputs[1 if producer.op == "Split" else 0])
    return False


def _start(reader, tensor: str, value: Value, scope: str) -> Value:
    """The input in the place of an initial state; a placeholder is one already."""
    producer = value.producer
    if isinstance(producer, Input) and not producer.state:
        producer.state = FED
        return value
    zeros = is_zero(reader, value)
    if not zeros and not _is_part_of_input(value):
        raise UserError(
            f"{scope} starts from {tensor}, which is neither zeros nor fed: a caller has no state "
            "to hand on in its place, so drop --stateful"
        )
    if value.axes and isinstance(value.size(0), Arithmetic):
        raise UserError(
            f"{scope} has other rows than what is fed, as it reads several sequences of each: a "
            "caller has no state of these to hand on, so drop --stateful"
        )
    shape = (None, *value.axes[1:]) if value.axes else ()
    start = Input(tensor, tensor.rpartition(":")[0], state=ZEROS if zeros else FED)
    start.fed_shape = reader.fed_shapes.get(tensor, value.shape)
    rows = _rows(reader, value)
    dims = None if rows is None else (rows, *(value.size(axis) for axis in range(1, len(shape))))
    return Value(start, value.dtype, shape, dims=dims)


def _rows(reader, value: Value) -> Size | None:
    """The number of rows of a state, as that of an input; None where it is not known as such.

    Else what is computed of both would have an unknown number of rows.
    """
    rows = value.size(0) if value.axes else None
    for tensor, source in reader.inputs.items():
        for axis, fixed in enumerate(reader.fed_shapes.get(tensor, ())):
            if isinstance(rows, int) and rows == fixed:
                return Dim(source, axis)
    is_input = isinstance(rows, Dim) and isinstance(rows.value.producer, Input)
    return rows if is_input else None


def _is_part_of_input(value: Value) -> bool:
    """Whether a value is a part of one placeholder, which holds the states of several layers."""
    inputs, queue = set(), [value]
    while queue:
        producer = queue.pop().producer
        if isinstance(producer, Input):
            inputs.add(id(producer))
        elif isinstance(producer, Op) and producer.op in _PASSING:
            queue += producer.inputs
        elif not isinstance(producer, Constant | Sizes):
            return False
    return len(inputs) == 1
