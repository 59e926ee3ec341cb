"""Ops on shapes: querying and changing them, and creating tensors of given shapes."""

from tf1port.keras_model.op_table.operation import Operation, Rule, Translation
from tf1port.keras_model.op_table.writing import (
    call,
    cast,
    entries,
    integers,
    is_number,
    number,
    rank,
    row,
    several,
    shape,
    shape_text,
    tensor,
)


def _shape(operation: Operation) -> str:
    """A Python tuple of ints and, where a size is not known before it runs, of tensors."""
    rank(operation)
    return call("shape", operation.operands[0].text)


def _shapes(operation: Operation) -> Translation:
    texts = [call("shape", operand.text) for operand in operation.operands]
    if len(texts) == 1:
        return Translation(texts[0])
    return several(row(texts), len(texts))


def _size(operation: Operation) -> str:
    """All sizes multiplied; as an int if they are known."""
    text, dtype = call("size", tensor(operation.operands[0])), operation.out_dtypes[0]
    return text if dtype == "int32" else cast(text, dtype)


def _rank(operation: Operation) -> str:
    return str(rank(operation))


def _reshape(operation: Operation) -> str:
    """The one size that is not known is written -1, which Keras can follow before it runs."""
    x, target = operation.operands
    text = shape_text(target)
    if target.entries is not None and target.value is None:
        known = [entry for entry in target.entries if isinstance(entry, int)]
        if len(known) == len(target.entries) - 1 and all(entry > 0 for entry in known):
            text = row([entry if isinstance(entry, int) else -1 for entry in target.entries])
    return call("reshape", tensor(x), text)


def _expand_dims(operation: Operation) -> str:
    (axis,) = integers(operation, 1, "an axis")
    return call("expand_dims", tensor(operation.operands[0]), axis=axis)


def _squeeze(operation: Operation) -> str:
    """Keras squeezes only axes that are known to be 1; of others the one entry is taken."""
    x, sizes = operation.operands[0], shape(operation)
    attribute = operation.attrs.get("squeeze_dims") or operation.attrs.get("axis") or ()
    if not attribute and None in sizes:
        raise operation.refuse("without axes of a tensor whose sizes are not all known")
    axes = [int(axis) for axis in attribute] or [i for i, size in enumerate(sizes) if size == 1]
    if not axes:
        return x.text
    if any(sizes[axis] is None for axis in axes):
        places = {axis % len(sizes) for axis in axes}
        subscripts = ["0" if axis in places else ":" for axis in range(max(places) + 1)]
        return f"{tensor(x)}[{', '.join(subscripts)}]"
    return call("squeeze", tensor(x), axis=axes[0] if len(axes) == 1 else row(axes))


def _transpose(operation: Operation) -> str:
    return call("transpose", tensor(operation.operands[0]), row(integers(operation, 1, "axes")))


def _broadcast_to(operation: Operation) -> str:
    return call("broadcast_to", tensor(operation.operands[0]), shape_text(operation.operands[1]))


def _tile(operation: Operation) -> str:
    repeats = entries(operation, 1, "repeats")
    return call("tile", tensor(operation.operands[0]), row(repeats))


def _fill(operation: Operation) -> str:
    sizes, value = operation.operands
    dtype = f'"{value.dtype}"'
    if value.value is None:
        return call("full", shape_text(sizes), value.text, dtype=dtype)
    plain = value.value.item()
    name = {0: "zeros", 1: "ones"}.get(plain)
    if name and value.dtype != "bool":
        return call(name, shape_text(sizes), dtype=dtype)
    return call("full", shape_text(sizes), number(value.value, value.dtype), dtype=dtype)


def _range(operation: Operation) -> str:
    """Start and step are left out where they are 0 and 1."""
    start, stop, step = operation.operands
    texts = [stop.text]
    if not is_number(start, 0) or not is_number(step, 1):
        texts = [start.text, stop.text]
    if not is_number(step, 1):
        texts.append(step.text)
    return call("arange", *texts, dtype=f'"{operation.out_dtypes[0]}"')


def _zeros(operation: Operation) -> str:
    return call("zeros", shape_text(operation.operands[0]), dtype=f'"{operation.out_dtypes[0]}"')


RULES: dict[str, Rule] = {
    "Shape": _shape,
    "ShapeN": _shapes,
    "Size": _size,
    "Rank": _rank,
    "Reshape": _reshape,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    **dict.fromkeys(("Transpose", "ConjugateTranspose"), _transpose),
    "BroadcastTo": _broadcast_to,
    "Tile": _tile,
    "Fill": _fill,
    "Range": _range,
    "Empty": _zeros,
}
