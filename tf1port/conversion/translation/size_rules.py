"""What a graph computes of the sizes of its tensors, as arithmetic on sizes.

A rule takes the Reader, the node and the values that it takes, and gives those that it makes, or
None where the node is one like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tf1port.conversion.translation.sizes import computed, product, sizes_of
from tf1port.keras_model.program import Constant, Size, Sizes, Value


def _shape(reader, node, taken):
    sizes = [one for one in map(sizes_of, taken) if one is not None]
    return [new_sizes(one, node) for one in sizes] if len(sizes) == len(taken) else None


def _size(reader, node, taken):
    sizes = sizes_of(taken[0])
    return None if sizes is None else [new_sizes((product(sizes),), node, scalar=True)]


def new_sizes(sizes: Sequence[Size], node, *, scalar: bool = False, dtype: str = "int32") -> Value:
    """A vector of sizes as a value, or one of them where `scalar`."""
    shape: tuple[int, ...] = () if scalar else (len(sizes),)
    return Value(Sizes(tuple(sizes), scalar, node.name), dtype, shape, dims=shape)


def known_sizes(value: Value) -> tuple[Size, ...]:
    """The sizes that a value is, or the whole numbers of a constant one."""
    producer = value.producer
    if isinstance(producer, Sizes):
        return producer.sizes
    assert isinstance(producer, Constant)
    return tuple(int(number) for number in producer.array.ravel())


def has_sizes(value: Value) -> bool:
    """Whether a value is sizes, or whole numbers that are known now."""
    producer = value.producer
    if isinstance(producer, Constant):
        return np.issubdtype(producer.array.dtype, np.integer) and producer.array.ndim < 2
    return isinstance(producer, Sizes)


def are_sizes(*values: Value) -> bool:
    """Whether some values are sizes, one of them known only when the model runs."""
    return all(map(has_sizes, values)) and any(
        isinstance(value.producer, Sizes) for value in values
    )


def _strided_slice(reader, node, taken):
    if not are_sizes(taken[0]):
        return None
    begin, end, strides = (reader.constant(value) for value in taken[1:])
    masks = {key: node.attr[f"{key}_mask"].i for key in ("begin", "end", "shrink_axis")}
    others = node.attr["ellipsis_mask"].i or node.attr["new_axis_mask"].i
    if begin is None or end is None or strides is None or others or len(begin) != 1:
        return None
    sizes = known_sizes(taken[0])
    if masks["shrink_axis"]:
        return [new_sizes((sizes[int(begin[0])],), node, scalar=True)]
    start = None if masks["begin"] else int(begin[0])
    stop = None if masks["end"] else int(end[0])
    return [new_sizes(sizes[start : stop : int(strides[0])], node)]


def _slice(reader, node, taken):
    begin, size = (reader.constant(value) for value in taken[1:])
    if not are_sizes(taken[0]) or begin is None or size is None:
        return None
    start, count = int(begin[0]), int(size[0])
    return [new_sizes(known_sizes(taken[0])[start : None if count < 0 else start + count], node)]


def _gather(reader, node, taken):
    index = reader.constant(taken[1])
    if are_sizes(taken[0]) and index is not None and index.ndim < 2:
        sizes = [known_sizes(taken[0])[int(i)] for i in index.ravel()]
        return [new_sizes(sizes, node, scalar=index.ndim == 0)]
    return None


def _pack(reader, node, taken):
    if are_sizes(*taken) and all(value.shape == () for value in taken):
        return [new_sizes([known_sizes(value)[0] for value in taken], node)]
    return None


def _concat(reader, node, taken):
    parts = taken[:-1] if node.op == "ConcatV2" else taken[1:]
    if are_sizes(*parts) and all(len(value.shape) == 1 for value in parts):
        return [new_sizes([size for value in parts for size in known_sizes(value)], node)]
    return None


def _reduced_sizes(reader, node, taken):
    if not are_sizes(taken[0]) or node.op != "Prod":
        return None
    return [new_sizes((product(known_sizes(taken[0])),), node, scalar=True)]


def _arithmetic(operator: str) -> Callable[..., list[Value] | None]:
    def rule(reader, node, taken):
        if are_sizes(*taken) and all(value.shape == () for value in taken):
            size = computed(operator, known_sizes(taken[0])[0], known_sizes(taken[1])[0])
            return [new_sizes((size,), node, scalar=True)]
        return None

    return rule


def _cast(reader, node, taken):
    if are_sizes(taken[0]) and node.attr["DstT"].type in (3, 9):
        dtype = "int32" if node.attr["DstT"].type == 3 else "int64"
        scalar = taken[0].shape == ()
        return [new_sizes(known_sizes(taken[0]), node, scalar=scalar, dtype=dtype)]
    return None


def _as_vector(reader, node, taken):
    one = isinstance(taken[0].producer, Sizes) and taken[0].shape == ()
    return [new_sizes(known_sizes(taken[0]), node)] if one else None


def _as_scalar(reader, node, taken):
    one = isinstance(taken[0].producer, Sizes) and taken[0].shape == (1,)
    return [new_sizes(known_sizes(taken[0]), node, scalar=True)] if one else None


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
    "ExpandDims": _as_vector,
    "Squeeze": _as_scalar,
}
