"""Rules for convolutions with variables, which become layers of Keras.

They have the signature of those in tf1port.conversion.translation.size_rules. A convolution over
time is one of images of height one: its layer is made where that axis is taken away again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tf1port.keras_model.program import Op, Use, Value

_PADDINGS = {"SAME": "same", "VALID": "valid"}
_HEIGHT = 1  # the axis of the images [B, 1, T, F] that a convolution over time is made of


def _conv2d(reader, node, inputs):
    kernel = reader.variable(inputs[1])
    options = None if kernel is None else _options(_attrs(node), (1, 2))
    if options is None or not _fits(reader, kernel, inputs[0], rank=4):
        return None
    (like,) = reader.plain(node, inputs)
    return [_layer(reader, "Conv2D", inputs[0], kernel, options, like, scope=node.name)]


def _squeezed(reader, node, inputs):
    """The layer of a convolution over time, from the op that takes its height away."""
    conv = inputs[0].producer
    if not isinstance(conv, Op) or conv.op != "Conv2D":
        return None
    axes = [axis % 4 for axis in node.attr["squeeze_dims"].list.i]
    sequence, filters = (_expanded(reader, *pair) for pair in zip(conv.inputs, (1, 0), strict=True))
    if axes != [_HEIGHT] or sequence is None or filters is None:
        return None
    kernel = reader.variable(filters)
    options = None if kernel is None else _options(conv.attrs, (2,))
    if options is None or not _fits(reader, kernel, sequence, rank=3):
        return None
    (like,) = reader.plain(node, inputs)
    return [_layer(reader, "Conv1D", sequence, kernel, options, like, scope=node.name)]


def _attrs(node) -> dict[str, Any]:
    """The attributes of a convolution that its layer depends on."""
    attrs: dict[str, Any] = {"dilations": [*node.attr["dilations"].list.i] or [1, 1, 1, 1]}
    attrs["strides"] = [*node.attr["strides"].list.i]
    attrs["padding"] = node.attr["padding"].s.decode()
    attrs["data_format"] = node.attr["data_format"].s.decode() or "NHWC"
    return attrs


def _options(attrs, axes: tuple[int, ...]) -> dict[str, Any] | None:
    """The options of a layer over some axes [B, ..., F]; None: no layer of Keras has them."""
    strides, dilations = attrs["strides"], attrs.get("dilations") or [1, 1, 1, 1]
    others = [axis for axis in range(4) if axis not in axes]
    plain = all(sizes[axis] == 1 for sizes in (strides, dilations) for axis in others)
    if not plain or attrs["padding"] not in _PADDINGS or attrs["data_format"] != "NHWC":
        return None
    stride, dilation = (tuple(sizes[axis] for axis in axes) for sizes in (strides, dilations))
    if max(stride) > 1 and max(dilation) > 1:
        return None
    options: dict[str, Any] = {"strides": _short(stride), "padding": _PADDINGS[attrs["padding"]]}
    return options | ({"dilation_rate": _short(dilation)} if max(dilation) > 1 else {})


def _short(sizes: tuple[int, ...]) -> int | tuple[int, ...]:
    """One number for several that are the same."""
    return sizes[0] if len(set(sizes)) == 1 else sizes


def _fits(reader, kernel: str, value: Value, *, rank: int) -> bool:
    """Whether a kernel takes all channels of a value, not groups of them."""
    shape = reader.shapes[kernel]
    return value.shape is not None and len(value.shape) == rank and value.shape[-1] == shape[-2]


def _expanded(reader, value: Value, axis: int) -> Value | None:
    """What a value [., ., ., .] is with an axis of one element more; None: it is not."""
    op = value.producer
    if not isinstance(op, Op) or op.op != "ExpandDims":
        return None
    place = reader.constant(op.inputs[1])
    return op.inputs[0] if place is not None and int(place) % 4 == axis else None


def _layer(reader, kind: str, source: Value, kernel: str, options, like: Value, *, scope: str):
    """The output of a layer without bias and activation."""
    *size, _, filters = reader.shapes[kernel]
    shape = {"filters": filters, "kernel_size": _short(tuple(size))}
    options = {**shape, **options, "activation": None, "use_bias": False}
    layer = reader.layer(kind, options, {"kernel": kernel}, scope=scope)
    use = Use(layer, (source,), scope=scope)
    return Value(use, like.dtype, like.shape, dims=like.dims)


RULES: dict[str, Callable[..., list[Value] | None]] = {"Conv2D": _conv2d, "Squeeze": _squeezed}
