"""Which ops work only in the `call` of a layer, not on the tensors of keras.Input."""

from tf1port.keras_model.op_table.operation import Operation, Shape
from tf1port.keras_model.op_table.writing import is_known

# The operands that are sizes, bounds or counts: Keras follows them only where they are known.
_BOUNDS = {
    **dict.fromkeys(("Reshape", "BroadcastTo", "Tile", "OneHot", "TopKV2", "Roll"), (1,)),
    **dict.fromkeys(("Pad", "PadV2", "MirrorPad"), (1,)),
    **dict.fromkeys((f"UnsortedSegment{name}" for name in ("Sum", "Max", "Min", "Prod")), (2,)),
    **dict.fromkeys(("ScatterNd", "InTopKV2"), (2,)),
    **dict.fromkeys(("StridedSlice", "Slice"), (1, 2)),
    **dict.fromkeys(("Fill", "Empty"), (0,)),
    "Range": (0, 1, 2),
}


def needs_layer(operation: Operation, text: str) -> bool:
    """Whether an op's source needs sizes known only when the model runs, or is wrong elsewhere."""
    bounds = [operation.operands[place] for place in _BOUNDS.get(operation.op, ())]
    if "ops.shape(" in text or not all(map(is_known, bounds)):
        return True
    # Over keras.Input, Keras 3.15 takes the padding of conv_transpose for its output's padding.
    return operation.op == "Conv2DBackpropInput" or _may_be_a_bias(operation)


def _may_be_a_bias(operation: Operation) -> bool:
    """Whether Keras may add the second of two tensors along the wrong axis.

    The + of tensors of keras.Input is ops.add, which takes for a bias whatever has one size other
    than 1, and adds it to the last axis if that has this size, else to axis 1.
    """
    if operation.op not in ("Add", "AddV2", "BiasAdd", "BiasAddV1"):
        return False
    first, second = (operand.shape for operand in operation.operands)
    if first is None or second is None:
        return True
    if operation.attrs.get("data_format") == "NCHW":
        second = (*second, *[1] * (len(first) - 2))
    axes = [axis for axis, size in enumerate(second) if size != 1]
    if len(first) < 2 or len(axes) != 1:
        return False
    return not _is_added_right(first, second, axes[0] - len(second))


def _is_added_right(first: Shape, second: Shape, axis: int) -> bool:
    """Of a second tensor that has one size other than 1, on an axis counted from the last."""
    size, last = second[axis], first[-1]
    if size is None or all(dim is not None and dim != size for dim in (first[1], last)):
        return True  # it is no bias to Keras
    if len(second) > len(first) or last is None:
        return False
    return axis == -1 if last == size else axis == 1 - len(first)
