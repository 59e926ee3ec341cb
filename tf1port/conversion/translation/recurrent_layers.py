"""Runs of known cells as layers of Keras, with their initial states."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from tf1port.conversion.translation import axis_rules
from tf1port.conversion.translation.axis_rules import transposed
from tf1port.conversion.translation.recurrences import Recurrence, RunOutput, check_lengths
from tf1port.conversion.translation.states import is_zero
from tf1port.errors import UserError
from tf1port.keras_model.program import Constant, Layer, Op, Sizes, Use, Value
from tf1port.tf1.checkpoint.cell_names import sizes

SEQUENCE, STATES = 0, 1  # the ports of a Use: [B, T, U], then each final state [B, U]


def value(reader, run_output: RunOutput) -> Value:
    """The value of a tensor that is an output of a cell's run."""
    ports = _ports(reader, run_output.recurrence)
    sequence = ports["sequence"]
    scope = run_output.recurrence.cell.scope
    if run_output.kind == "sequence":
        return transposed(reader, sequence, (1, 0, 2), scope=f"{scope}/transpose")
    if run_output.kind == "step":
        return _step(sequence, run_output.step, len(run_output.recurrence.run.steps), scope=scope)
    return ports[run_output.kind]


def _ports(reader, recurrence: Recurrence) -> dict[str, Value]:
    """The output values of a run, created once: its "sequence", the final "h" and "c"."""
    key = id(recurrence.run)
    if key not in reader.runs:
        check_lengths(recurrence)
        reader.runs[key] = _new_ports(reader, recurrence)
    return reader.runs[key]


def _new_ports(reader, recurrence: Recurrence) -> dict[str, Value]:
    cell, run = recurrence.cell, recurrence.run
    sequence_in = _sequence(reader, recurrence)
    back = _reversed_input(reader, recurrence, sequence_in)
    sequence_in = back.source if back else sequence_in
    size = sizes(cell.family, {role: reader.shapes[name] for role, name in cell.variables.items()})
    width = size.outputs
    states = reader.initial_states(run.initial, cell.scope, widths=(width, size.units))
    layer = _layer(reader, recurrence, count=len(states), back=back is not None)
    keywords: dict[str, Any] = {}
    if run.lengths is not None:
        keywords["mask"] = _mask(reader, reader.value(run.lengths), sequence_in, cell.scope)
    if not all(is_zero(reader, state) for state in states):
        keywords["initial_state"] = states
    use = Use(layer, (sequence_in,), keywords, cell.scope)
    batch, steps = sequence_in.size(0), sequence_in.size(1)
    shape = (*sequence_in.axes[:2], width)
    sequence = Value(use, sequence_in.dtype, shape, SEQUENCE, (batch, steps, width))
    if back is not None and back.op != "ReverseV2":  # go_backwards has the order of ReverseV2
        sequence = back.reverse(_flipped(sequence))
    if run.residual:
        sequence = reader.op(
            "AddV2", (sequence, back.reverse(sequence_in) if back else sequence_in)
        )
    ports = {"sequence": sequence}
    for port, (name, units) in enumerate(zip("hc", (width, size.units), strict=True)):
        shape = (sequence_in.axes[0], units)
        ports[name] = Value(use, sequence_in.dtype, shape, STATES + port, (batch, units))
    if reader.states is not None:
        if back:
            raise UserError(
                f"{cell.scope} reads backwards: it has no state to hand on from one part of a "
                "sequence to the next, so drop --stateful"
            )
        reader.states.add(states, [*ports.values()][1:], run.final)
    return ports


def _sequence(reader, recurrence: Recurrence) -> Value:
    """The input sequence of a run, [B, T, F]."""
    run, scope = recurrence.run, recurrence.cell.scope
    if recurrence.below is not None:
        return _ports(reader, recurrence.below)["sequence"]
    if run.inputs is not None:
        sequence = reader.value(run.inputs)
        return transposed(reader, sequence, (1, 0, 2), scope=f"{scope}/transpose")
    return _stacked(reader, [reader.value(step.x) for step in run.steps], scope=scope)


def _stacked(reader, steps: list[Value], *, scope: str) -> Value:
    """Steps [B, F] stacked as [B, T, F]; the sequence itself where they are all of its steps."""
    producers = [step.producer for step in steps]
    source = axis_rules.of_split(reader, steps)
    if source is not None:
        return source
    first = producers[0]
    if isinstance(first, Op) and first.op == "Unpack" and len(first.out_shapes) == len(steps):
        ports = [
            (producer is first, step.port) for producer, step in zip(producers, steps, strict=True)
        ]
        if ports == [(True, port) for port in range(len(steps))]:
            source, axis = first.inputs[0], first.attrs["axis"]
            if axis in (1, -2):
                return source
            if axis == 0:
                return transposed(reader, source, (1, 0, 2), scope=f"{scope}/transpose")
    if all(isinstance(producer, Op) and "step" in producer.attrs for producer in producers):
        pairs = [
            (producer.inputs[0], producer.attrs["step"])
            for producer in producers
            if isinstance(producer, Op)
        ]
        sequence = pairs[0][0]
        if pairs == [(sequence, i) for i in range(len(steps))] and reader.fixed(
            sequence.size(1)
        ) == len(steps):
            return sequence
    shape = (steps[0].axes[0], len(steps), *steps[0].axes[1:])
    if len(steps) == 1:
        inputs: tuple[Value, ...] = (steps[0], Value(Constant(np.array(1)), "int32", ()))
        op = Op("ExpandDims", {}, inputs, (steps[0].dtype,), (shape,), f"{scope}/steps")
    else:
        attrs = {"axis": 1, "N": len(steps)}
        op = Op("Pack", attrs, tuple(steps), (steps[0].dtype,), (shape,), f"{scope}/stack")
    dims = (steps[0].size(0), len(steps), *(steps[0].size(i) for i in range(1, len(shape) - 1)))
    return Value(op, steps[0].dtype, shape, dims=dims)


def _step(sequence: Value, index: int, count: int, *, scope: str) -> Value:
    """One step [B, U] of a sequence."""
    place = index if index < count - 1 or count == 1 else -1
    vectors = ([0, place], [0, place + 1], [1, 1])
    operands = [Value(Constant(np.array(v)), "int32", (2,)) for v in vectors]
    attrs = {"begin_mask": 1, "end_mask": 1, "shrink_axis_mask": 2}
    attrs |= {"ellipsis_mask": 0, "new_axis_mask": 0, "step": index}
    shape = (sequence.axes[0], sequence.axes[2])
    name = f"{scope}/strided_slice"
    op = Op("StridedSlice", attrs, (sequence, *operands), (sequence.dtype,), (shape,), name)
    return Value(op, sequence.dtype, shape, dims=(sequence.size(0), sequence.size(2)))


class Reversed(NamedTuple):
    """The source of a run's reversed input, and the op that reversed it."""

    source: Value
    op: str
    attrs: Mapping[str, Any]
    axes_or_lengths: Value  # of ReverseV2 the axes, of ReverseSequence the lengths

    def reverse(self, value: Value) -> Value:
        """A sequence reversed in the same way."""
        scope = self.source.producer.scope
        inputs = (value, self.axes_or_lengths)
        op = Op(self.op, self.attrs, inputs, (value.dtype,), (value.shape,), f"{scope}/reverse")
        return Value(op, value.dtype, value.shape, dims=value.dims)


def _reversed_input(reader, recurrence: Recurrence, sequence: Value) -> Reversed | None:
    """The Reversed input of a run that becomes a layer with go_backwards; None: it does not."""
    producer = sequence.producer
    if not isinstance(producer, Op) or producer.op not in ("ReverseV2", "ReverseSequence"):
        return None
    if not reader.raw.isdisjoint(recurrence.cell.variables.values()):
        return None  # the cell runs forwards as well: one layer has one direction
    source, axes_or_lengths = producer.inputs
    back = Reversed(source, producer.op, producer.attrs, axes_or_lengths)
    lengths = recurrence.run.lengths
    if producer.op == "ReverseV2":
        axes = reader.constant(axes_or_lengths)
        plain = lengths is None and axes is not None and axes.tolist() == [1]
        return back if plain else None
    if lengths is None or (producer.attrs["seq_dim"], producer.attrs["batch_dim"]) != (1, 0):
        return None
    return back if _uncast(axes_or_lengths) is _uncast(reader.value(lengths)) else None


def _uncast(value: Value) -> Value:
    while isinstance(value.producer, Op) and value.producer.op == "Cast":
        value = value.producer.inputs[0]
    return value


def _flipped(sequence: Value) -> Value:
    """A sequence [B, T, U] reversed in time."""
    axes = Value(Constant(np.array([1])), "int32", (1,))
    scope = f"{sequence.producer.scope}/reverse"
    op = Op("ReverseV2", {}, (sequence, axes), (sequence.dtype,), (sequence.shape,), scope)
    return Value(op, sequence.dtype, sequence.shape, dims=sequence.dims)


def _layer(reader, recurrence: Recurrence, *, count: int, back: bool) -> Layer:
    """The one layer of a cell, however often it is run."""
    cell, constants = recurrence.cell, recurrence.constants
    options = {"constants": constants, "go_backwards": back}
    variables = dict(cell.variables)
    layer = reader.layer(
        "recurrent", options, variables, outputs=1 + count, cells=(cell,), scope=cell.scope
    )
    masked = recurrence.run.lengths is not None
    layer.options["masked"] = masked or layer.options.get("masked", False)
    return layer


def _mask(reader, lengths: Value, sequence: Value, scope: str) -> Value:
    """True for the steps [B, T] before the end of a row, created once per lengths."""
    key = (id(lengths), sequence.size(1))
    if key not in reader.masks:
        reader.masks[key] = _new_mask(lengths, sequence, scope)
    return reader.masks[key]


def _new_mask(lengths: Value, sequence: Value, scope: str) -> Value:
    steps = Value(Sizes((sequence.size(1),), True, scope), lengths.dtype, ())
    shape = (*lengths.axes[:1], sequence.axes[1])
    op = Op("SequenceMask", {}, (lengths, steps), ("bool",), (shape,), f"{scope}/sequence_mask")
    return Value(op, "bool", shape, dims=(lengths.size(0), sequence.size(1)))
