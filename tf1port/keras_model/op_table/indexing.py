"""Ops by index: gather and scatter, one-hot, the largest entries, segments."""

from tf1port.keras_model.op_table.operation import Operation, Rule, Translation, Writer
from tf1port.keras_model.op_table.writing import (
    call,
    cast,
    choices,
    entries,
    integers,
    is_number,
    rank,
    row,
    shape,
    shape_text,
    size,
    tensor,
)


def _gather(operation: Operation) -> str:
    """Rows of axis 0, or GatherV2's axis; with batch dimensions, an index for each of them."""
    x, indices = operation.operands[:2]
    axis = integers(operation, 2, "an axis")[0] if len(operation.operands) > 2 else 0
    batch = operation.attrs.get("batch_dims", 0)
    if batch == 0:
        return call("take", tensor(x), indices.text, axis=axis)
    axis %= rank(operation)
    return _gather_per_batch(operation, axis, batch if batch > 0 else batch + rank(operation, 1))


def _gather_per_batch(operation: Operation, axis: int, batch: int) -> str:
    """`take_along_axis` needs indices of the rank of x; one index per batch entry is squeezed."""
    x, indices = operation.operands[:2]
    more = rank(operation, 1) - batch
    if more > 1:
        raise operation.refuse(f"with batch_dims={batch} and indices of rank {batch + more}")
    between, behind = axis - batch, rank(operation) - axis - 1
    places = [":"] * batch + ["None"] * between + [":" if more else "None"] + ["None"] * behind
    cut = any(place == "None" for place in places)
    index = f"{tensor(indices)}[{', '.join(places)}]" if cut else tensor(indices)
    text = call("take_along_axis", tensor(x), index, axis=axis)
    return text if more else call("squeeze", text, axis=axis)


def _gather_nd(operation: Operation) -> str:
    """Rows of x with its first axes merged, by an index over all of these axes."""
    x, indices = operation.operands
    depth = shape(operation, 1)[-1]
    if depth is None or depth == 0:
        raise operation.refuse("with an unknown number of indices per entry")
    sizes = [size(x, axis) for axis in range(rank(operation))]
    text = f"{tensor(indices)}[..., 0]"
    for axis in range(1, depth):
        text = f"({text})" if axis > 1 else text
        text = f"{text} * {_as(sizes[axis], indices.dtype)} + {tensor(indices)}[..., {axis}]"
    rows = call("reshape", tensor(x), row([-1, *sizes[depth:]])) if depth > 1 else tensor(x)
    return call("take", rows, text, axis=0)


def _as(entry: str | int, dtype: str) -> str:
    """A size beside indices of a dtype; one that is not known before it runs is int32."""
    return str(entry) if isinstance(entry, int) or dtype == "int32" else cast(str(entry), dtype)


def _scatter_nd(operation: Operation) -> str:
    indices, updates, sizes = operation.operands
    return call("scatter", tensor(indices), tensor(updates), shape_text(sizes))


def _scatter_update(operation: Operation) -> str:
    return call("scatter_update", *map(tensor, operation.operands))


def _one_hot(operation: Operation) -> str:
    """Other values than 1 and 0 are chosen by a one-hot of bools."""
    indices, _, on, off = operation.operands
    (count,), dtype = entries(operation, 1, "a depth"), operation.out_dtypes[0]
    axis = operation.attrs.get("axis", -1)
    axis = None if axis in (-1, rank(operation)) else axis
    plain = is_number(on, 1) and is_number(off, 0)
    dtype_text = f'"{dtype if plain else "bool"}"'
    text = call("one_hot", tensor(indices), count, axis=axis, dtype=dtype_text)
    return text if plain else call("where", text, *choices((on, off)))


def _top_k(operation: Operation) -> Translation:
    """The values and the indices, which are int32 in Keras."""
    x, k = operation.operands
    plain = operation.attrs.get("sorted", True)
    text = call("top_k", tensor(x), k.text, sorted=None if plain else False)
    dtype = operation.out_dtypes[1]
    index = "{}[1]" if dtype == "int32" else cast("{}[1]", dtype)
    return Translation(text, ("{}[0]", index))


def _in_top_k(operation: Operation) -> str:
    """InTopKV2 has k as an operand; Keras has the targets first."""
    predictions, targets = operation.operands[:2]
    k = operation.attrs.get("k") if len(operation.operands) == 2 else operation.operands[2].text
    return call("in_top_k", tensor(targets), tensor(predictions), k)


def _where(operation: Operation) -> str:
    """The indices of the true entries, whose number is known only when the model runs."""
    text = call("nonzero", tensor(operation.operands[0]))
    return cast(call("stack", text, axis=1), "int64")


def _segments(name: str) -> Writer:
    """Rows gathered by the number of their segment, which need not be sorted."""

    def rule(operation: Operation) -> str:
        data, numbers = operation.operands[:2]
        (count,) = entries(operation, 2, "a number of segments")
        if rank(operation, 1) != 1:
            raise operation.refuse("with segments of more than rows")
        return call(name, tensor(data), tensor(numbers), num_segments=count)

    return rule


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Gather", "GatherV2"), _gather),
    "GatherNd": _gather_nd,
    "ScatterNd": _scatter_nd,
    "TensorScatterUpdate": _scatter_update,
    "OneHot": _one_hot,
    "TopKV2": _top_k,
    **dict.fromkeys(("InTopK", "InTopKV2"), _in_top_k),
    "Where": _where,
    "UnsortedSegmentSum": _segments("segment_sum"),
    "UnsortedSegmentMax": _segments("segment_max"),
    "UnsortedSegmentMin": _segments("segment_min"),
    "UnsortedSegmentProd": _segments("segment_prod"),
}
