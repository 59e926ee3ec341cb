"""Convolutions and pooling in one, two and three dimensions."""

from collections.abc import Sequence

from tf1port.keras_model.expressions import literal
from tf1port.keras_model.op_table.operation import Operation, Rule, Writer
from tf1port.keras_model.op_table.writing import call, integers, rank, row, shape, tensor


def _first(operation: Operation) -> bool:
    """Whether the channels are axis 1, as in NCHW and NCDHW."""
    return str(operation.attrs.get("data_format", "NHWC")).startswith("NC")


def _data_format(operation: Operation) -> str:
    return '"channels_first"' if _first(operation) else '"channels_last"'


def _spatial(operation: Operation, per_axis: Sequence[int]) -> tuple[int, ...]:
    """Of an attribute with an entry per axis, those of the spatial axes; the others must be 1."""
    middle = slice(2, None) if _first(operation) else slice(1, -1)
    if len(per_axis) - len(per_axis[middle]) != 2 or _product(per_axis) != _product(
        per_axis[middle]
    ):
        raise operation.refuse("over the batch or the channels")
    return tuple(int(value) for value in per_axis[middle])


def _product(values: Sequence[int]) -> int:
    result = 1
    for value in values:
        result *= value
    return result


def _int_or_tuple(values: Sequence[int]) -> str:
    """One int where all axes have the same, else a tuple."""
    return str(values[0]) if len(set(values)) == 1 else row(values)


def _unless_all_ones(values: Sequence[int]) -> str | None:
    return None if set(values) == {1} else _int_or_tuple(values)


def _padding(operation: Operation) -> str:
    return literal(str(operation.attrs["padding"]).lower())


def _input(operation: Operation) -> tuple[str, str]:
    """The input and the padding; explicit paddings are a pad of their own before it."""
    text = tensor(operation.operands[0])
    if operation.attrs["padding"] != "EXPLICIT":
        return text, _padding(operation)
    paddings = operation.attrs["explicit_paddings"]
    pairs = row(list(zip(paddings[::2], paddings[1::2], strict=True)))
    return call("pad", text, pairs), '"valid"'


def _convolution(name: str) -> Writer:
    def rule(operation: Operation) -> str:
        count = rank(operation)
        strides = _spatial(operation, operation.attrs["strides"])
        dilations = _spatial(operation, operation.attrs.get("dilations") or [1] * count)
        if name == "conv" and set(strides) != {1} and set(dilations) != {1}:
            raise operation.refuse("with strides and dilations, which Keras does not combine")
        text, padding = _input(operation)
        return call(
            name,
            text,
            tensor(operation.operands[1]),
            strides=_unless_all_ones(strides),
            padding=padding,
            data_format=_data_format(operation),
            dilation_rate=_unless_all_ones(dilations),
        )

    return rule


def _depthwise(operation: Operation) -> str:
    if len(set(_spatial(operation, operation.attrs["strides"]))) > 1:
        raise operation.refuse("with strides that are not the same for all axes")
    return _convolution("depthwise_conv")(operation)


def _transposed(operation: Operation) -> str:
    """Conv2DBackpropInput as a layer; Keras fixes the size of the output, which must be this."""
    kernel, gradient = operation.operands[1:]
    strides = _spatial(operation, operation.attrs["strides"])
    padding = operation.attrs["padding"]
    if padding == "EXPLICIT" or set(operation.attrs.get("dilations") or [1]) != {1}:
        raise operation.refuse("with explicit paddings or dilations")
    middle = slice(2, None) if _first(operation) else slice(1, -1)
    spatial_sizes = shape(operation, 2)[middle]
    sizes, kernels = operation.out_shapes[0], shape(operation, 1)
    for i, (size, stride) in enumerate(zip(spatial_sizes, strides, strict=True)):
        extra = max((kernels[i] or 0) - stride, 0) if padding == "VALID" else 0
        if size is None or sizes is None or sizes[middle][i] != size * stride + extra:
            raise operation.refuse("whose output has a size that Keras does not give it")
    return call(
        "conv_transpose",
        tensor(gradient),
        tensor(kernel),
        strides=_int_or_tuple(strides),
        padding=_padding(operation),
        data_format=_data_format(operation),
    )


def _pool(name: str) -> Writer:
    """The window is an attribute, of the second version an operand."""

    def rule(operation: Operation) -> str:
        window_sizes = operation.attrs.get("ksize") or integers(operation, 1, "a window")
        steps = operation.attrs.get("strides") or integers(operation, 2, "strides")
        window, strides = _spatial(operation, window_sizes), _spatial(operation, steps)
        text, padding = _input(operation)
        if padding == '"valid"' and operation.attrs["padding"] == "EXPLICIT":
            raise operation.refuse("with explicit paddings")
        return call(
            name,
            text,
            _int_or_tuple(window),
            strides=_int_or_tuple(strides),
            padding=padding,
            data_format=_data_format(operation),
        )

    return rule


RULES: dict[str, Rule] = {
    **dict.fromkeys(("Conv2D", "Conv3D"), _convolution("conv")),
    "DepthwiseConv2dNative": _depthwise,
    "Conv2DBackpropInput": _transposed,
    **dict.fromkeys(("MaxPool", "MaxPoolV2", "MaxPool3D"), _pool("max_pool")),
    **dict.fromkeys(("AvgPool", "AvgPool3D"), _pool("average_pool")),
}
