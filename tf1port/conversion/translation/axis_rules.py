"""Rules for ops that only rearrange a tensor: reshape, transpose, reverse, stack.

They have the signature of those in tf1port.conversion.translation.size_rules. Two ops that undo
each other cancel out.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tf1port.conversion.translation.size_rules import has_sizes, known_sizes
from tf1port.conversion.translation.sizes import computed, product, sizes_of
from tf1port.keras_model.program import Constant, Op, Size, Sizes, Value

_STEPS = "all steps"  # in the attributes of a reshape [B, T U] of a sequence [B, T, U]


def _reshape(reader, node, inputs):
    if not has_sizes(inputs[1]):
        return None
    return [reshaped(reader, inputs[0], known_sizes(inputs[1]), node)]


def reshaped(reader, value: Value, target: Sequence[Size], node) -> Value:
    """A value in another shape; where a former reshape is undone, the value before that one."""
    op = value.producer
    source = op.inputs[0] if isinstance(op, Op) and _STEPS in op.attrs else value.rows_of or value
    sizes = sizes_of(source)
    target = _opened(reader, sizes, target)
    if sizes is not None and _matches_target(sizes, target):
        return source
    shape_value = Value(Sizes(tuple(target), scope=node.name), "int32", (len(target),))
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in target)
    op = Op("Reshape", {}, (source, shape_value), (value.dtype,), (shape,), node.name)
    result = Value(op, value.dtype, shape)
    if sizes is not None and _is_rows(sizes, target):
        result.rows_of, result.dims = source, (product(sizes[:-1]), sizes[-1])
    elif -1 not in target:
        result.dims = tuple(target)
    else:
        result.dims = _filled(result, sizes, target)
        _resolve(result, op)
    return result


def _opened(reader, sizes: Sequence[Size] | None, target: Sequence[Size]) -> Sequence[Size]:
    """A target of numbers that are sizes which the graph fixes and the model leaves open."""
    if not reader.fed_shapes or not sizes:
        return target
    if len(sizes) == len(target) and _matches_target([*map(reader.fixed, sizes)], target):
        return sizes
    numbers = {reader.fixed(size): size for size in (*sizes, product(sizes[:-1]))}
    numbers |= {size: size for size in sizes if isinstance(size, int)}
    return [numbers.get(size, size) for size in target]


def _resolve(value: Value, op: Op) -> None:
    """Writes the size that a reshape leaves open, where the others give it: Keras knows it then."""
    dims = value.dims or ()
    if any(
        isinstance(size, int) and known is None
        for size, known in zip(dims, value.axes, strict=True)
    ):
        value.shape = tuple(size if isinstance(size, int) else None for size in dims)
        target = Value(Sizes(dims, scope=op.scope), "int32", (len(dims),))
        op.inputs, op.out_shapes = (op.inputs[0], target), (value.shape,)


def _is_rows(sizes: Sequence[Size], target: Sequence[Size]) -> bool:
    """Whether a target puts all axes but the last one together."""
    if len(sizes) < 3 or len(target) != 2:
        return False
    return sizes[-1] == target[1] and target[0] in (-1, product(sizes[:-1]))


def _filled(value: Value, sizes, target) -> tuple[Size, ...]:
    """The sizes of a reshape's target, its -1 computed from the sizes of the input if possible."""
    fixed = list(target)
    fixed.remove(-1)
    open_size: Size = value.size(list(target).index(-1))
    if sizes is not None:
        remaining = [size for size in sizes if not isinstance(size, int)]
        unknown = [size for size in fixed if not isinstance(size, int)]
        total = int(np.prod([size for size in sizes if isinstance(size, int)], dtype=int))
        known_total = int(np.prod([size for size in fixed if isinstance(size, int)], dtype=int))
        if known_total and total % known_total == 0 and all(size in remaining for size in unknown):
            for size in unknown:
                remaining.remove(size)
            open_size = product([*remaining, total // known_total])
    return tuple(open_size if size == -1 else size for size in target)


def _matches_target(sizes, target) -> bool:
    """Whether a shape is the target of a reshape, in which one size may be left open."""
    if len(sizes) != len(target):
        return False
    return all(size == wanted or wanted == -1 for size, wanted in zip(sizes, target, strict=True))


def _transpose(reader, node, inputs):
    perm = reader.constant(inputs[1])
    if perm is None or inputs[0].shape is None:
        return None
    order = tuple(int(axis) for axis in perm)
    return [_softmax_of(inputs[0], order) or transposed(reader, inputs[0], order, scope=node.name)]


def _softmax_of(value: Value, perm: tuple[int, ...]) -> Value | None:
    """The softmax along another axis that TF1 computes between two transpositions; else None."""
    op = value.producer
    if not isinstance(op, Op) or op.op not in ("Softmax", "LogSoftmax"):
        return None
    before = op.inputs[0].producer
    if not isinstance(before, Op) or "perm" not in before.attrs:
        return None
    first = before.attrs["perm"]
    if tuple(first[axis] for axis in perm) != tuple(range(len(perm))):
        return None
    source = before.inputs[0]
    softmax = Op(op.op, {"axis": first[-1]}, (source,), op.out_dtypes, (source.shape,), op.scope)
    return Value(softmax, value.dtype, source.shape, dims=source.dims)


def transposed(reader, value: Value, perm: tuple[int, ...], *, scope: str) -> Value:
    """A transposed value; two transpositions in a row become one, or none."""
    producer = value.producer
    if isinstance(producer, Op) and "perm" in producer.attrs:
        before = producer.attrs["perm"]
        perm, value = tuple(before[axis] for axis in perm), producer.inputs[0]
    if perm == tuple(range(len(perm))):
        return value
    sizes = sizes_of(value) or ()
    dims = tuple(sizes[axis] for axis in perm)
    shape = tuple(value.shape[axis] for axis in perm) if value.shape else None
    axes = np.array(perm)
    order = Value(Constant(axes), "int32", axes.shape)
    op = Op("Transpose", {"perm": perm}, (value, order), (value.dtype,), (shape,), scope)
    return Value(op, value.dtype, shape, dims=dims)


def _reverse(reader, node, inputs):
    """A sequence reversed twice is the sequence, also with a transposition in between."""
    value, axes_or_lengths = inputs
    inner, perm = value, None
    if isinstance(value.producer, Op) and "perm" in value.producer.attrs:
        inner, perm = value.producer.inputs[0], value.producer.attrs["perm"]
    before = inner.producer
    if not isinstance(before, Op) or before.op != node.op:
        return None
    if not _same_order(reader, node, axes_or_lengths, before, perm or (0, 1)):
        return None
    source = before.inputs[0]
    return [source if perm is None else transposed(reader, source, perm, scope=node.name)]


def _same_order(reader, node, axes_or_lengths: Value, before: Op, perm) -> bool:
    """Whether a node reverses the same axis as an earlier op, over the same lengths."""
    if node.op == "ReverseV2":
        axes, axes_before = reader.constant(axes_or_lengths), reader.constant(before.inputs[1])
        are_known = axes is not None and axes_before is not None
        return are_known and [perm[axis] for axis in axes.tolist()] == axes_before.tolist()
    dims = (node.attr["seq_dim"].i, node.attr["batch_dim"].i)
    same_lengths = axes_or_lengths is before.inputs[1]
    return same_lengths and (perm[dims[0]], perm[dims[1]]) == (
        before.attrs["seq_dim"],
        before.attrs["batch_dim"],
    )


def _packed_steps(reader, node, inputs):
    """All steps of one sequence stacked in order are the sequence."""
    steps = [step for step in map(_step, inputs) if step is not None]
    if len(steps) < max(2, len(inputs)):
        return None
    sequence = steps[0][0]
    if reader.fixed(sequence.size(1)) != len(steps) or steps != [
        (sequence, i) for i in range(len(steps))
    ]:
        return None
    axis = node.attr["axis"].i
    if axis in (1, -2):
        return [sequence]
    if axis == 0:
        return [transposed(reader, sequence, (1, 0, 2), scope=node.name)]
    return None


def _joined_steps(reader, node, inputs):
    """All steps [B, U] of one sequence side by side, [B, T U], are a reshape of the sequence."""
    steps, axis = [_step(value) for value in inputs[:-1]], reader.constant(inputs[-1])
    if len(steps) < 2 or steps[0] is None or axis is None or int(axis) not in (1, -1):
        return None
    sequence = steps[0][0]
    if reader.fixed(sequence.size(1)) != len(steps):
        return None
    if steps != [(sequence, index) for index in range(len(steps))]:
        return None
    batch, count, width = (sequence.size(axis) for axis in range(3))
    joined = reshaped(reader, sequence, (batch, computed("*", count, width)), node)
    assert isinstance(joined.producer, Op)
    joined.producer.attrs = {_STEPS: True}
    return [joined]


def of_split(reader, steps: Sequence[Value]) -> Value | None:
    """The sequence [B, T, F] whose split along time, squeezed, are some steps, all of them."""
    pieces = [step.producer for step in steps]
    if not all(isinstance(op, Op) and op.op in ("Squeeze", "Reshape") for op in pieces):
        return None
    values = [op.inputs[0] for op in pieces if isinstance(op, Op)]
    split = values[0].producer
    if not isinstance(split, Op) or split.op != "Split" or len(split.out_shapes) != len(steps):
        return None
    axis, sequence = reader.constant(split.inputs[0]), split.inputs[1]
    ports = [(value.producer is split, value.port) for value in values]
    if axis is None or int(axis) not in (1, -2) or len(sequence.shape or ()) != 3:
        return None
    if any(len(step.shape or ()) != 2 for step in steps):
        return None
    if reader.fixed(sequence.size(1)) != len(steps):
        return None
    return sequence if ports == [(True, port) for port in range(len(steps))] else None


def _step(value: Value) -> tuple[Value, int] | None:
    """The sequence that a value is one step of, and the index of the step; None if it is none."""
    producer = value.producer
    if isinstance(producer, Op) and "step" in producer.attrs:
        return producer.inputs[0], producer.attrs["step"]
    return None


RULES: dict[str, Callable[..., list[Value] | None]] = {
    "Reshape": _reshape,
    "Transpose": _transpose,
    "ReverseV2": _reverse,
    "ReverseSequence": _reverse,
    "Pack": _packed_steps,
    "ConcatV2": _joined_steps,
}
