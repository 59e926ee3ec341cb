"""What becomes of the ops that are more than an op of their own: sizes, layers, reshaping.

A rule takes the Reader, the node and the values that it takes, and gives those that it makes, or
None where the node is one like any other.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tf1port.conversion.translation.sizes import computed, product, sizes_of
from tf1port.keras_model.program import Constant, Op, Size, Sizes, Use, Value
from tf1port.tf1.graph.equations import ACTIVATIONS

SIZES = {"Shape", "ShapeN", "Size", "Rank"}
_ELEMENTWISE = {
    *ACTIVATIONS,
    *("Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "BiasAdd", "Neg", "Exp"),
    *("Log", "Log1p", "Sqrt", "Rsqrt", "Square", "SquaredDifference", "Pow", "Cast", "Softmax"),
    *("LogSoftmax", "Abs", "Sign", "Floor", "SelectV2", "Select", "ZerosLike", "OnesLike", "Less"),
    *("Greater", "LessEqual", "GreaterEqual", "Equal", "NotEqual", "LogicalAnd", "LogicalNot"),
    *("LogicalOr", "ReverseV2", "ReverseSequence", "AddN", "Cumsum"),
}


def dims(op: str, taken: Sequence[Value], shape) -> tuple[Size, ...] | None:
    """The sizes of what an op makes, as far as they are those of what it takes."""
    if op == "Split" and shape is not None:
        return _of_parts(taken, shape)
    if shape is None or op not in _ELEMENTWISE:
        return None
    like = [value for value in taken if value.shape is not None and len(value.shape) == len(shape)]
    like.sort(key=lambda value: value.dims is None)  # those first whose sizes are others' as well
    found: list[Size] = []
    for axis, known in enumerate(shape):
        sizes = [value.size(axis) for value in like if value.shape and value.shape[axis] is None]
        if known is not None:
            found.append(known)
        elif sizes:
            found.append(sizes[0])
        else:
            return None
    return tuple(found)


def _of_parts(taken: Sequence[Value], shape) -> tuple[Size, ...] | None:
    """The sizes of a part along an axis whose size is known."""
    if taken[1].shape is None or len(taken[1].shape) != len(shape):
        return None
    pairs = enumerate(shape)
    return tuple(taken[1].size(axis) if known is None else known for axis, known in pairs)


# sizes


def _shape(reader, node, taken):
    sizes = [one for one in map(sizes_of, taken) if one is not None]
    return [_sizes(one, node) for one in sizes] if len(sizes) == len(taken) else None


def _size(reader, node, taken):
    sizes = sizes_of(taken[0])
    return None if sizes is None else [_sizes((product(sizes),), node, scalar=True)]


def _sizes(sizes: Sequence[Size], node, *, scalar: bool = False, dtype: str = "int32") -> Value:
    shape: tuple[int, ...] = () if scalar else (len(sizes),)
    return Value(Sizes(tuple(sizes), scalar, node.name), dtype, shape, dims=shape)


def _known(value: Value) -> tuple[Size, ...]:
    """The sizes that a value is, or the whole numbers of a constant one."""
    producer = value.producer
    if isinstance(producer, Sizes):
        return producer.sizes
    assert isinstance(producer, Constant)
    return tuple(int(number) for number in producer.array.ravel())


def _has_sizes(value: Value) -> bool:
    """Whether a value is sizes, or whole numbers that are known now."""
    producer = value.producer
    if isinstance(producer, Constant):
        return np.issubdtype(producer.array.dtype, np.integer) and producer.array.ndim < 2
    return isinstance(producer, Sizes)


def _of_sizes(*values: Value) -> bool:
    """Whether some values are sizes, one of them known only when the model runs."""
    return all(map(_has_sizes, values)) and any(
        isinstance(value.producer, Sizes) for value in values
    )


def _strided_slice(reader, node, taken):
    if not _of_sizes(taken[0]):
        return None
    begin, end, strides = (reader.constant(value) for value in taken[1:])
    masks = {key: node.attr[f"{key}_mask"].i for key in ("begin", "end", "shrink_axis")}
    others = node.attr["ellipsis_mask"].i or node.attr["new_axis_mask"].i
    if begin is None or end is None or strides is None or others or len(begin) != 1:
        return None
    sizes = _known(taken[0])
    if masks["shrink_axis"]:
        return [_sizes((sizes[int(begin[0])],), node, scalar=True)]
    start = None if masks["begin"] else int(begin[0])
    stop = None if masks["end"] else int(end[0])
    return [_sizes(sizes[start : stop : int(strides[0])], node)]


def _slice(reader, node, taken):
    begin, size = (reader.constant(value) for value in taken[1:])
    if not _of_sizes(taken[0]) or begin is None or size is None:
        return None
    start, count = int(begin[0]), int(size[0])
    return [_sizes(_known(taken[0])[start : None if count < 0 else start + count], node)]


def _gather(reader, node, taken):
    index = reader.constant(taken[1])
    if _of_sizes(taken[0]) and index is not None and index.ndim < 2:
        sizes = [_known(taken[0])[int(i)] for i in index.ravel()]
        return [_sizes(sizes, node, scalar=index.ndim == 0)]
    return _embedding(reader, node, taken)


def _pack(reader, node, taken):
    if _of_sizes(*taken) and all(value.shape == () for value in taken):
        return [_sizes([_known(value)[0] for value in taken], node)]
    return _packed_steps(reader, node, taken)


def _concat(reader, node, taken):
    parts = taken[:-1] if node.op == "ConcatV2" else taken[1:]
    if _of_sizes(*parts) and all(len(value.shape) == 1 for value in parts):
        return [_sizes([size for value in parts for size in _known(value)], node)]
    axis = reader.constant(taken[-1] if node.op == "ConcatV2" else taken[0])
    made = reader_concat_dims(parts, axis, reader.shape(f"{node.name}:0"))
    if made is None:
        return None
    (value,) = reader._plain(node, taken)
    value.dims = made
    return [value]


def reader_concat_dims(parts, axis, shape):
    """The sizes of some values side by side; None: they are not known."""
    if axis is None or shape is None or any(value.shape is None for value in parts):
        return None
    axis = int(axis) % len(shape)
    found = [parts[0].size(index) for index in range(len(shape))]
    for value in parts[1:]:
        found[axis] = computed("+", found[axis], value.size(axis))
    return tuple(found)


def _reduced_sizes(reader, node, taken):
    if not _of_sizes(taken[0]) or node.op != "Prod":
        return None
    return [_sizes((product(_known(taken[0])),), node, scalar=True)]


def _arithmetic(operator: str) -> Callable[..., list[Value] | None]:
    def rule(reader, node, taken):
        if _of_sizes(*taken) and all(value.shape == () for value in taken):
            size = computed(operator, _known(taken[0])[0], _known(taken[1])[0])
            return [_sizes((size,), node, scalar=True)]
        return _biased(reader, node, taken) if operator == "+" else None

    return rule


def _cast(reader, node, taken):
    if _of_sizes(taken[0]) and node.attr["DstT"].type in (3, 9):
        dtype = "int32" if node.attr["DstT"].type == 3 else "int64"
        scalar = taken[0].shape == ()
        return [_sizes(_known(taken[0]), node, scalar=scalar, dtype=dtype)]
    return None


# moving axes about


def _reshape(reader, node, taken):
    if not _has_sizes(taken[1]):
        return None
    return [reshaped(reader, taken[0], _known(taken[1]), node)]


def reshaped(reader, value: Value, target: Sequence[Size], node) -> Value:
    """A value in another shape: itself, or that which it was reshaped of, where it has that one."""
    source = value.rows_of or value
    sizes = sizes_of(source)
    if sizes is not None and _same(sizes, target):
        return source
    wanted = Value(Sizes(tuple(target), scope=node.name), "int32", (len(target),))
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in target)
    made = Op("Reshape", {}, (source, wanted), (value.dtype,), (shape,), node.name)
    found = Value(made, value.dtype, shape)
    if sizes is not None and _is_rows(sizes, target):
        found.rows_of, found.dims = source, (product(sizes[:-1]), sizes[-1])
    elif -1 not in target:
        found.dims = tuple(target)
    else:
        found.dims = _filled(found, sizes, target)
    return found


def _is_rows(sizes: Sequence[Size], target: Sequence[Size]) -> bool:
    """Whether a target puts all axes but the last one together."""
    if len(sizes) < 3 or len(target) != 2:
        return False
    return sizes[-1] == target[1] and target[0] in (-1, product(sizes[:-1]))


def _filled(value: Value, sizes, target) -> tuple[Size, ...]:
    """The sizes of a target whose -1 is the rest of others, where that shows."""
    rest = list(target)
    rest.remove(-1)
    size: Size = value.size(list(target).index(-1))
    if sizes is not None:
        left = [one for one in sizes if not isinstance(one, int)]
        open_ = [one for one in rest if not isinstance(one, int)]
        whole = int(np.prod([one for one in sizes if isinstance(one, int)], dtype=int))
        known = int(np.prod([one for one in rest if isinstance(one, int)], dtype=int))
        if known and whole % known == 0 and all(one in left for one in open_):
            for one in open_:
                left.remove(one)
            size = product([*left, whole // known])
    return tuple(size if one == -1 else one for one in target)


def _same(sizes, target) -> bool:
    """Whether a shape is the target of a reshape, in which one size may be left open."""
    if len(sizes) != len(target):
        return False
    return all(one == other or other == -1 for one, other in zip(sizes, target, strict=True))


def _transpose(reader, node, taken):
    perm = reader.constant(taken[1])
    if perm is None or taken[0].shape is None:
        return None
    return [transposed(reader, taken[0], tuple(int(axis) for axis in perm), scope=node.name)]


def transposed(reader, value: Value, perm: tuple[int, ...], *, scope: str) -> Value:
    """A value with its axes in another order; itself where that was changed before."""
    producer = value.producer
    if isinstance(producer, Op) and "perm" in producer.attrs:
        before = producer.attrs["perm"]
        perm, value = tuple(before[axis] for axis in perm), producer.taken[0]
    if perm == tuple(range(len(perm))):
        return value
    sizes = sizes_of(value) or ()
    dims_ = tuple(sizes[axis] for axis in perm)
    shape = tuple(value.shape[axis] for axis in perm) if value.shape else None
    axes = np.array(perm)
    order = Value(Constant(axes), "int32", axes.shape)
    made = Op("Transpose", {"perm": perm}, (value, order), (value.dtype,), (shape,), scope)
    return Value(made, value.dtype, shape, dims=dims_)


def _reverse(reader, node, taken):
    """What is reversed twice is itself, also where its axes were exchanged between."""
    value, how = taken
    inner, perm = value, None
    if isinstance(value.producer, Op) and "perm" in value.producer.attrs:
        inner, perm = value.producer.taken[0], value.producer.attrs["perm"]
    before = inner.producer
    if not isinstance(before, Op) or before.op != node.op:
        return None
    if not _same_order(reader, node, how, before, perm or (0, 1)):
        return None
    source = before.taken[0]
    return [source if perm is None else transposed(reader, source, perm, scope=node.name)]


def _same_order(reader, node, how: Value, before: Op, perm) -> bool:
    """Whether a node reverses along the axis that an op reversed along, in the same way."""
    if node.op == "ReverseV2":
        axes, others = reader.constant(how), reader.constant(before.taken[1])
        known = axes is not None and others is not None
        return known and [perm[axis] for axis in axes.tolist()] == others.tolist()
    dims_ = (node.attr["seq_dim"].i, node.attr["batch_dim"].i)
    same = how is before.taken[1]
    return same and (perm[dims_[0]], perm[dims_[1]]) == (
        before.attrs["seq_dim"],
        before.attrs["batch_dim"],
    )


def _expand_dims(reader, node, taken):
    if isinstance(taken[0].producer, Sizes) and taken[0].shape == ():
        return [_sizes(_known(taken[0]), node)]
    axis, sizes = reader.constant(taken[1]), sizes_of(taken[0])
    if axis is None or sizes is None:
        return None
    (value,) = reader._plain(node, taken)
    place = int(axis) % (len(sizes) + 1)
    value.dims = (*sizes[:place], 1, *sizes[place:])
    return [value]


def _squeeze(reader, node, taken):
    sizes = sizes_of(taken[0])
    if sizes is None:
        return None
    if isinstance(taken[0].producer, Sizes) and sizes == (1,):
        return [_sizes(_known(taken[0]), node, scalar=True)]
    axes = {int(axis) % len(sizes) for axis in node.attr["squeeze_dims"].list.i}
    axes = axes or {axis for axis, size in enumerate(sizes) if size == 1}
    (value,) = reader._plain(node, taken)
    value.dims = tuple(size for axis, size in enumerate(sizes) if axis not in axes)
    return [value]


def _split(reader, node, taken):
    """The parts have the sizes of the whole but along the axis."""
    value, axis = (taken[0], taken[2]) if node.op == "SplitV" else taken[::-1]
    place, sizes = reader.constant(axis), sizes_of(value)
    if place is None or sizes is None:
        return None
    made = reader._plain(node, taken)
    for part in made:
        if part.shape is not None and part.shape[int(place)] is not None:
            own = list(sizes)
            own[int(place)] = part.shape[int(place)]
            part.dims = tuple(own)
    return made


def _packed_steps(reader, node, taken):
    """All steps of one sequence put together again are the sequence."""
    steps = [step for step in map(_step, taken) if step is not None]
    if len(steps) < max(2, len(taken)):
        return None
    sequence = steps[0][0]
    if sequence.size(1) != len(steps) or steps != [(sequence, i) for i in range(len(steps))]:
        return None
    axis = node.attr["axis"].i
    if axis in (1, -2):
        return [sequence]
    if axis == 0:
        return [transposed(reader, sequence, (1, 0, 2), scope=node.name)]
    return None


def _step(value: Value) -> tuple[Value, int] | None:
    """The sequence that a value is a step of, and the number of that."""
    producer = value.producer
    if isinstance(producer, Op) and "step" in producer.attrs:
        return producer.taken[0], producer.attrs["step"]
    return None


# layers


def _embedding(reader, node, taken):
    axis = reader.constant(taken[2]) if len(taken) > 2 else np.array(0)
    table = reader.variable(taken[0])
    if table is None or axis is None or int(axis) or node.attr["batch_dims"].i:
        return None
    if taken[0].shape is None or len(taken[0].shape) != 2 or taken[1].shape is None:
        return None
    ids, width = taken[0].shape
    options = {"input_dim": ids, "output_dim": width}
    layer = reader.layer("Embedding", options, {"embeddings": table}, scope=node.name)
    use = Use(layer, (taken[1],), scope=node.name)
    sizes = (*(sizes_of(taken[1]) or ()), width)
    return [Value(use, taken[0].dtype, (*taken[1].shape, width), dims=sizes)]


def _product(reader, node, taken):
    kernel = reader.variable(taken[1])
    turned = node.attr["transpose_a"].b or node.attr["transpose_b"].b
    if turned or any(value.shape is None or len(value.shape) != 2 for value in taken):
        return None
    if kernel is not None:
        return [_dense(reader, taken[0], {"kernel": kernel}, None, node)]
    (value,) = reader._plain(node, taken)
    value.dims = (taken[0].size(0), taken[1].size(1))
    return [value]


def _of_product(reader, node, taken):
    """A product of two matrices, neither of which a layer holds."""
    (value,) = reader._plain(node, taken)
    if all(one.shape is not None and len(one.shape) == 2 for one in taken):
        value.dims = (taken[0].size(0), taken[1].size(1))
    return [value]


def _dense(reader, rows: Value, variables, activation, node) -> Value:
    """A dense layer on what some rows are made of, and its rows."""
    source = rows.rows_of or rows
    units = reader.shapes[variables["kernel"]][1]
    options: dict[str, Any] = {"units": units, "activation": activation}
    options["use_bias"] = "bias" in variables
    layer = reader.layer("Dense", options, variables, scope=node.name)
    use = Use(layer, (source,), scope=node.name)
    sizes = (*(sizes_of(source) or ())[:-1], units)
    made = Value(use, rows.dtype, (*source.axes[:-1], units), dims=sizes)
    return made if source is rows else reshaped(reader, made, (-1, units), node)


def _as_dense(reader, value: Value, tensor: str) -> Use | None:
    """The dense layer whose output a value is, if nothing else computes with it."""
    if reader.uses[reader.graph.origin(tensor)] != 1:
        return None
    producer = (value.rows_of or value).producer
    if not isinstance(producer, Use) or producer.layer.kind != "Dense":
        return None
    return producer if producer.layer.options["activation"] is None else None


def _rows(value: Value, use: Use) -> Value:
    """What a dense layer takes, as rows where its output is rows."""
    taken = use.positional[0]
    if value.rows_of is None:
        return taken
    return Value(taken.producer, taken.dtype, taken.shape, taken.port, taken.dims, rows_of=taken)


def _biased(reader, node, taken):
    names = reader.graph.inputs(node)
    for value, bias, tensor in ((*taken, names[0]), (*taken[::-1], names[1])):
        use, variable = _as_dense(reader, value, tensor), reader.variable(bias)
        if use is None or variable is None or use.layer.options["use_bias"]:
            continue
        if bias.shape == (use.layer.options["units"],):
            variables = {**use.layer.variables, "bias": variable}
            return [_dense(reader, _rows(value, use), variables, None, node)]
    return None


def _activation(reader, node, taken):
    use = _as_dense(reader, taken[0], reader.graph.inputs(node)[0])
    if use is None or node.op == "LeakyRelu":
        return None
    rows = _rows(taken[0], use)
    return [_dense(reader, rows, use.layer.variables, ACTIVATIONS[node.op], node)]


RULES: dict[str, Callable[..., list[Value] | None]] = {
    "Shape": _shape,
    "ShapeN": _shape,
    "Size": _size,
    "StridedSlice": _strided_slice,
    "Slice": _slice,
    "Gather": _gather,
    "GatherV2": _gather,
    "ResourceGather": _embedding,
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
    "Reshape": _reshape,
    "Transpose": _transpose,
    "ReverseV2": _reverse,
    "ReverseSequence": _reverse,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Split": _split,
    "SplitV": _split,
    "MatMul": _product,
    "BiasAdd": _biased,
    **dict.fromkeys(ACTIVATIONS, _activation),
}
