"""Rules for ops on the sizes of tensors, which become arithmetic on sizes.

A rule is a function of the Reader, the node and its input values; it returns the output values, or
None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tf1port.conversion.translation.sizes import computed, product, sizes_of
from tf1port.keras_model.program import Constant, Number, Op, Size, Sizes, Value


def _shape(reader, node, inputs):
    sizes = [dims for dims in map(sizes_of, inputs) if dims is not None]
    return [new_sizes(dims, node) for dims in sizes] if len(sizes) == len(inputs) else None


def _size(reader, node, inputs):
    sizes = sizes_of(inputs[0])
    return None if sizes is None else [new_sizes((product(sizes),), node, scalar=True)]


def new_sizes(sizes: Sequence[Size], node, *, scalar: bool = False, dtype: str = "int32") -> Value:
    """A vector of sizes as a value, or one of them where `scalar`."""
    shape: tuple[int, ...] = () if scalar else (len(sizes),)
    return Value(Sizes(tuple(sizes), scalar, node.name), dtype, shape, dims=shape)


def known_sizes(value: Value) -> tuple[Size, ...]:
    """The sizes of a vector of sizes, or the integers of a constant or of a vector of numbers."""
    producer = value.producer
    if isinstance(producer, Sizes):
        return producer.sizes
    if isinstance(producer, Op):
        return tuple(_number(item) for item in producer.inputs)
    assert isinstance(producer, Constant)
    return tuple(int(number) for number in producer.array.ravel())


def _number(value: Value) -> Size:
    return known_sizes(value)[0] if has_sizes(value) else Number(value)


def has_sizes(value: Value) -> bool:
    """Whether a value is a vector of sizes, constant integers, or a vector of single integers."""
    producer = value.producer
    if isinstance(producer, Op) and producer.op == "Pack":
        return all(item.shape == () and "int" in item.dtype for item in producer.inputs)
    if isinstance(producer, Constant):
        return np.issubdtype(producer.array.dtype, np.integer) and producer.array.ndim < 2
    return isinstance(producer, Sizes)


def are_sizes(*values: Value) -> bool:
    """Whether some values are sizes, one of them known only when the model runs."""
    return all(map(has_sizes, values)) and any(
        isinstance(value.producer, Sizes) for value in values
    )


def _strided_slice(reader, node, inputs):
    if not are_sizes(inputs[0]):
        return None
    begin, end, strides = (reader.constant(value) for value in inputs[1:])
    masks = {key: node.attr[f"{key}_mask"].i for key in ("begin", "end", "shrink_axis")}
    unsupported = node.attr["ellipsis_mask"].i or node.attr["new_axis_mask"].i
    if begin is None or end is None or strides is None or unsupported or len(begin) != 1:
        return None
    sizes = known_sizes(inputs[0])
    if masks["shrink_axis"]:
        return [new_sizes((sizes[int(begin[0])],), node, scalar=True)]
    start = None if masks["begin"] else int(begin[0])
    stop = None if masks["end"] else int(end[0])
    return [new_sizes(sizes[start : stop : int(strides[0])], node)]


def _slice(reader, node, inputs):
    begin, size = (reader.constant(value) for value in inputs[1:])
    if not are_sizes(inputs[0]) or begin is None or size is None:
        return None
    start, count = int(begin[0]), int(size[0])
    return [new_sizes(known_sizes(inputs[0])[start : None if count < 0 else start + count], node)]


def _gather(reader, node, inputs):
    index = reader.constant(inputs[1])
    if are_sizes(inputs[0]) and index is not None and index.ndim < 2:
        sizes = [known_sizes(inputs[0])[int(i)] for i in index.ravel()]
        return [new_sizes(sizes, node, scalar=index.ndim == 0)]
    return None


def _pack(reader, node, inputs):
    if are_sizes(*inputs) and all(value.shape == () for value in inputs):
        return [new_sizes([known_sizes(value)[0] for value in inputs], node)]
    return None


def _concat(reader, node, inputs):
    pieces = inputs[:-1] if node.op == "ConcatV2" else inputs[1:]
    if are_sizes(*pieces) and all(len(value.shape) == 1 for value in pieces):
        return [new_sizes([size for value in pieces for size in known_sizes(value)], node)]
    return None


def _reduced_sizes(reader, node, inputs):
    if not are_sizes(inputs[0]) or node.op != "Prod":
        return None
    return [new_sizes((product(known_sizes(inputs[0])),), node, scalar=True)]


def _arithmetic(operator: str) -> Callable[..., list[Value] | None]:
    def rule(reader, node, inputs):
        if are_sizes(*inputs) and all(value.shape == () for value in inputs):
            size = computed(operator, known_sizes(inputs[0])[0], known_sizes(inputs[1])[0])
            return [new_sizes((size,), node, scalar=True)]
        return None

    return rule


def _cast(reader, node, inputs):
    if are_sizes(inputs[0]) and node.attr["DstT"].type in (3, 9):
        dtype = "int32" if node.attr["DstT"].type == 3 else "int64"
        scalar = inputs[0].shape == ()
        return [new_sizes(known_sizes(inputs[0]), node, scalar=scalar, dtype=dtype)]
    return None


def _as_vector(reader, node, inputs):
    is_scalar = isinstance(inputs[0].producer, Sizes) and inputs[0].shape == ()
    return [new_sizes(known_sizes(inputs[0]), node)] if is_scalar else None


def _as_scalar(reader, node, inputs):
    is_vector = isinstance(inputs[0].producer, Sizes) and inputs[0].shape == (1,)
    return [new_sizes(known_sizes(inputs[0]), node, scalar=True)] if is_vector else None


def _filled(reader, node, inputs):
    """A shape that is put together of numbers is known as far as they are."""
    if not isinstance(inputs[0].producer, Op) or not has_sizes(inputs[0]):
        return None
    return reader.plain(node, [new_sizes(known_sizes(inputs[0]), node), inputs[1]])


RULES: dict[str, Callable[..., list[Value] | None]] = {
    "Shape": _shape,
    "ShapeN": _shape,
    "Size": _size,
    "StridedSlice": _strided_slice,
    "Slice": _slice,
    "Gather": _gather,
    "GatherV2": _gather,
    "Pack": _pack,
    "Concat": _concat,
    "ConcatV2": _concat,
    "Prod": _reduced_sizes,
    "Add": _arithmetic("+"),
    "AddV2": _arithmetic("+"),
    "Sub": _arithmetic("-"),
    "Mul": _arithmetic("*"),
    "FloorDiv": _arithmetic("//"),
    "Cast": _cast,
    "Fill": _filled,
    "ExpandDims": _as_vector,
    "Squeeze": _as_scalar,
}
