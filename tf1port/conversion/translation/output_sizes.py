"""The sizes of an op's outputs, as far as they follow from those of its inputs.

A rule is a function of the Reader, the node and its input values; it returns the sizes of all axes,
None for one that only the op's result has, or None where it does not apply.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tf1port.conversion.translation.size_rules import has_sizes, known_sizes
from tf1port.conversion.translation.sizes import computed, sizes_of
from tf1port.keras_model.program import Dim, Size, Value
from tf1port.tf1.graph.equations import ACTIVATIONS

Found = Sequence[Size | None] | None
Rule = Callable[..., Found]


def set_sizes(reader, op: str, node, inputs: Sequence[Value], outputs: Sequence[Value]) -> None:
    """Sets the sizes of a node's outputs: known ones, else those that follow from its inputs."""
    rule = RULES.get(op)
    found = rule(reader, node, inputs) if rule is not None else None
    for value in outputs:
        if value.shape is not None and found is not None and len(found) == len(value.shape):
            value.dims = tuple(_size(value, axis, size) for axis, size in enumerate(found))


def _size(value: Value, axis: int, found: Size | None) -> Size:
    known = value.axes[axis]
    if known is not None:
        return known
    return Dim(value, axis) if found is None else found


def _axis(reader, value: Value) -> int | None:
    """An axis that is a constant: a number, or an array of the one number."""
    axis = reader.constant(value)
    return None if axis is None or axis.size != 1 else int(axis.item())


def _broadcast(reader, node, inputs: Sequence[Value]) -> Found:
    """Shapes that are aligned at their ends, as NumPy does it; an axis of size 1 is stretched."""
    if any(value.shape is None for value in inputs):
        return None
    return _broadcast_sizes([(value.axes, sizes_of(value) or ()) for value in inputs])


def _broadcast_sizes(operands: Sequence[tuple[Sequence[int | None], Sequence[Size]]]) -> Found:
    rank = max(len(shape) for shape, _ in operands)
    result: list[Size | None] = []
    for place in range(-rank, 0):
        pairs = [(s[place], dims[place]) for s, dims in operands if len(s) >= -place]
        sizes = [size for known, size in pairs if known != 1]
        sizes.sort(key=lambda size: not isinstance(size, int))
        result.append(sizes[0] if sizes else 1)
    return result


def _same(reader, node, inputs: Sequence[Value]) -> Found:
    return sizes_of(inputs[0])


def _selected(reader, node, inputs: Sequence[Value]) -> Found:
    """tf.where of TF1: the condition may have the rows alone."""
    return _broadcast(reader, node, inputs[1:])


def _product(reader, node, inputs: Sequence[Value]) -> Found:
    """Matrix products, of batches too, in which one or both may be transposed."""
    left, right = inputs[:2]
    if left.shape is None or right.shape is None or min(len(left.shape), len(right.shape)) < 2:
        return None
    swapped = [
        any(node.attr[key].b for key in keys)
        for keys in (("transpose_a", "adj_x"), ("transpose_b", "adj_y"))
    ]
    rows = left.size(len(left.shape) - (1 if swapped[0] else 2))
    columns = right.size(len(right.shape) - (2 if swapped[1] else 1))
    operands = [(value.axes[:-2], (sizes_of(value) or ())[:-2]) for value in (left, right)]
    return [*(_broadcast_sizes(operands) or ()), rows, columns]


def _reduced(reader, node, inputs: Sequence[Value]) -> Found:
    axes, sizes = reader.constant(inputs[1]), sizes_of(inputs[0])
    if axes is None or sizes is None:
        return None
    places = {int(axis) % len(sizes) for axis in axes.ravel()} if sizes else set()
    if node.attr["keep_dims"].b:
        return [1 if axis in places else size for axis, size in enumerate(sizes)]
    return [size for axis, size in enumerate(sizes) if axis not in places]


def _strided_slice(reader, node, inputs: Sequence[Value]) -> Found:
    """Slices as the masks describe them: a full axis is known even where the others are fed."""
    sizes, strides = sizes_of(inputs[0]), reader.constant(inputs[3])
    if sizes is None or strides is None:
        return None
    begin, end = (_numbers(reader, value, len(strides)) for value in inputs[1:3])
    marks = {
        name: [bool(node.attr[f"{name}_mask"].i >> place & 1) for place in range(len(strides))]
        for name in ("begin", "end", "ellipsis", "new_axis", "shrink_axis")
    }
    taken = sum(not e and not n for e, n in zip(marks["ellipsis"], marks["new_axis"], strict=True))
    result: list[Size | None] = []
    axis = 0
    for place, stride in enumerate(strides):
        if marks["ellipsis"][place]:
            result += sizes[axis : len(sizes) - taken + axis]
            axis += len(sizes) - taken
        elif marks["new_axis"][place]:
            result.append(1)
        else:
            start = None if marks["begin"][place] else begin[place]
            stop = None if marks["end"][place] else end[place]
            if not marks["shrink_axis"][place]:
                result.append(_sliced(sizes[axis], start, stop, int(stride)))
            axis += 1
    return [*result, *sizes[axis:]]


_FED = object()  # a bound that is known only when the model runs


def _numbers(reader, value: Value, count: int) -> list[object]:
    """The integers of a constant vector, or _FED for each."""
    vector = reader.constant(value)
    return [_FED] * count if vector is None else [int(number) for number in vector]


def _sliced(size: Size, start, stop, stride: int) -> Size | None:
    """The size of size[start:stop:stride]; None where it depends on how large `size` is."""
    if _FED in (start, stop):
        return None
    if isinstance(size, int):
        return len(range(size)[start:stop:stride])
    if start is None and stop is None and abs(stride) == 1:
        return size
    if stride == 1 and not start and stop is not None and stop < 0:
        return computed("-", size, -stop)
    return computed("-", size, start) if stride == 1 and stop is None and start >= 0 else None


def _slice(reader, node, inputs: Sequence[Value]) -> Found:
    sizes = sizes_of(inputs[0])
    if sizes is None or not has_sizes(inputs[2]):
        return None
    begin = _numbers(reader, inputs[1], len(sizes))
    return [
        count if count != -1 else _sliced(size, start, None, 1)
        for size, start, count in zip(sizes, begin, known_sizes(inputs[2]), strict=True)
    ]


def _concatenated(reader, node, inputs: Sequence[Value]) -> Found:
    """The sizes of the first piece, but for the axis along which all are added up."""
    last = node.op == "ConcatV2"
    pieces = inputs[:-1] if last else inputs[1:]
    axis = _axis(reader, inputs[-1] if last else inputs[0])
    if axis is None or any(value.shape is None for value in pieces):
        return None
    sizes: list[Size | None] = [*(sizes_of(pieces[0]) or ())]
    place = axis % len(sizes)
    total: Size = 0
    for value in pieces:
        total = computed("+", total, value.size(place))
    sizes[place] = total
    return sizes


def _packed(reader, node, inputs: Sequence[Value]) -> Found:
    sizes = sizes_of(inputs[0])
    if sizes is None:
        return None
    place = node.attr["axis"].i % (len(sizes) + 1)
    return [*sizes[:place], len(inputs), *sizes[place:]]


def _unpacked(reader, node, inputs: Sequence[Value]) -> Found:
    sizes = sizes_of(inputs[0])
    if sizes is None:
        return None
    place = node.attr["axis"].i % len(sizes)
    return [*sizes[:place], *sizes[place + 1 :]]


def _split(reader, node, inputs: Sequence[Value]) -> Found:
    """The outputs have the sizes of the input, except along the split axis."""
    value, axis = (inputs[0], inputs[2]) if node.op == "SplitV" else (inputs[1], inputs[0])
    place, sizes = _axis(reader, axis), sizes_of(value)
    if place is None or sizes is None:
        return None
    along = place % len(sizes)
    return [None if axis == along else size for axis, size in enumerate(sizes)]


def _expanded(reader, node, inputs: Sequence[Value]) -> Found:
    axis, sizes = _axis(reader, inputs[1]), sizes_of(inputs[0])
    if axis is None or sizes is None:
        return None
    place = axis % (len(sizes) + 1)
    return [*sizes[:place], 1, *sizes[place:]]


def _squeezed(reader, node, inputs: Sequence[Value]) -> Found:
    sizes = sizes_of(inputs[0])
    if sizes is None:
        return None
    axes = {int(axis) % len(sizes) for axis in node.attr["squeeze_dims"].list.i}
    axes = axes or {axis for axis, size in enumerate(sizes) if size == 1}
    return [size for axis, size in enumerate(sizes) if axis not in axes]


def _gathered(reader, node, inputs: Sequence[Value]) -> Found:
    axis = _axis(reader, inputs[2]) if len(inputs) > 2 else 0
    sizes, indices = sizes_of(inputs[0]), sizes_of(inputs[1])
    if axis is None or sizes is None or indices is None:
        return None
    place = axis % len(sizes)
    return [*sizes[:place], *indices[node.attr["batch_dims"].i :], *sizes[place + 1 :]]


def _gathered_nd(reader, node, inputs: Sequence[Value]) -> Found:
    sizes, indices = sizes_of(inputs[0]), sizes_of(inputs[1])
    if sizes is None or indices is None or not isinstance(indices[-1], int):
        return None
    return [*indices[:-1], *sizes[indices[-1] :]]


def _one_hot(reader, node, inputs: Sequence[Value]) -> Found:
    sizes = sizes_of(inputs[0])
    if sizes is None or not has_sizes(inputs[1]):
        return None
    place = node.attr["axis"].i % (len(sizes) + 1)
    return [*sizes[:place], known_sizes(inputs[1])[0], *sizes[place:]]


def _tiled(reader, node, inputs: Sequence[Value]) -> Found:
    sizes = sizes_of(inputs[0])
    if sizes is None or not has_sizes(inputs[1]):
        return None
    return [computed("*", *pair) for pair in zip(sizes, known_sizes(inputs[1]), strict=True)]


def _padded(reader, node, inputs: Sequence[Value]) -> Found:
    sizes, paddings = sizes_of(inputs[0]), reader.constant(inputs[1])
    if sizes is None or paddings is None:
        return None
    return [
        computed("+", size, int(pair.sum())) for size, pair in zip(sizes, paddings, strict=True)
    ]


def _largest(reader, node, inputs: Sequence[Value]) -> Found:
    sizes = sizes_of(inputs[0])
    if sizes is None or not has_sizes(inputs[1]):
        return None
    return [*sizes[:-1], known_sizes(inputs[1])[0]]


def _summed(reader, node, inputs: Sequence[Value]) -> Found:
    """tf.einsum: each letter of the result is an axis of an operand."""
    left, _, result = node.attr["equation"].s.decode().replace(" ", "").partition("->")
    terms = left.split(",")
    if "." in left or len(terms) != len(inputs):
        return None
    letters: dict[str, Size] = {}
    for term, value in zip(terms, inputs, strict=True):
        sizes = sizes_of(value)
        if sizes is None or len(sizes) != len(term):
            return None
        for letter, size in zip(term, sizes, strict=True):
            letters.setdefault(letter, size)
    return [letters[letter] for letter in result]


def _rows_alone(reader, node, inputs: Sequence[Value]) -> Found:
    """Convolutions and pooling in NHWC: the rows of the batch are those of the input."""
    sizes = sizes_of(inputs[0])
    return None if sizes is None else [sizes[0], *[None] * (len(sizes) - 1)]


def _filled(reader, node, inputs: Sequence[Value]) -> Found:
    return known_sizes(inputs[0]) if has_sizes(inputs[0]) else None


def _broadcast_to(reader, node, inputs: Sequence[Value]) -> Found:
    return known_sizes(inputs[1]) if has_sizes(inputs[1]) else None


def _counted(reader, node, inputs: Sequence[Value]) -> Found:
    """tf.range from 0 in steps of one."""
    start, step = reader.constant(inputs[0]), reader.constant(inputs[2])
    if start is None or step is None or int(start) or int(step) != 1 or not has_sizes(inputs[1]):
        return None
    return known_sizes(inputs[1])


_SAME = (
    *("Neg", "Exp", "Expm1", "Log", "Log1p", "Sqrt", "Rsqrt", "Square", "Abs", "Sign", "Floor"),
    *("Ceil", "Round", "Cast", "Softmax", "LogSoftmax", "Reciprocal", "Inv", "Sin", "Cos", "Erf"),
    *("ZerosLike", "OnesLike", "LogicalNot", "ReverseV2", "ReverseSequence", "Cumsum", "Cumprod"),
    *("BiasAdd", "StopGradient", "PreventGradient", "Identity", "CheckNumerics", "ClipByValue"),
    *("MatrixBandPart", "Roll", "IsNan", "IsInf", "IsFinite", "Snapshot", "DeepCopy", "Rint"),
    *("Acos", "Acosh", "Asin", "Asinh", "Atan", "Atanh", "Cosh", "Sinh", "Tan", "Erfc", "Erfinv"),
    *("BiasAddV1", "CheckNumericsV2", "EnsureShape", "Invert", "LRN", "Reverse"),
    *("FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3", "TensorScatterUpdate"),
)
_BROADCAST = (
    *("Add", "AddV2", "Sub", "Mul", "MulNoNan", "Div", "RealDiv", "DivNoNan", "FloorDiv"),
    *("FloorMod", "Mod", "Maximum", "Minimum", "SquaredDifference", "Pow", "SelectV2", "AddN"),
    *("Less", "Greater", "LessEqual", "GreaterEqual", "Equal", "NotEqual", "LogicalAnd"),
    *("LogicalOr", "TruncateDiv", "TruncateMod", "Xdivy", "Xlogy", "Atan2"),
    *("BitwiseAnd", "BitwiseOr", "BitwiseXor"),
)
RULES: dict[str, Rule] = {
    **dict.fromkeys((*ACTIVATIONS, *_SAME), _same),
    **dict.fromkeys(_BROADCAST, _broadcast),
    **dict.fromkeys(
        ("MatMul", "SparseMatMul", "BatchMatMul", "BatchMatMulV2", "BatchMatMulV3"), _product
    ),
    **dict.fromkeys(("Sum", "Mean", "Max", "Min", "Prod", "All", "Any"), _reduced),
    **dict.fromkeys(("ArgMax", "ArgMin"), _reduced),
    **dict.fromkeys(("Concat", "ConcatV2"), _concatenated),
    **dict.fromkeys(("Split", "SplitV"), _split),
    **dict.fromkeys(("Gather", "GatherV2"), _gathered),
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), _padded),
    **dict.fromkeys(("Conv2D", "MaxPool", "AvgPool"), _rows_alone),
    "Select": _selected,
    "StridedSlice": _strided_slice,
    "Slice": _slice,
    "Pack": _packed,
    "Unpack": _unpacked,
    "ExpandDims": _expanded,
    "Squeeze": _squeezed,
    "GatherNd": _gathered_nd,
    "OneHot": _one_hot,
    "Tile": _tiled,
    "TopKV2": _largest,
    "Einsum": _summed,
    "Fill": _filled,
    "BroadcastTo": _broadcast_to,
    "Range": _counted,
}
