"""Rules for pooling, which becomes layers of Keras.

They have the signature of those in tf1port.conversion.translation.size_rules. Pooling over time is
one of images of width one: its layer is made where that axis is taken away again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from tf1port.keras_model.program import Layer, Op, Use, Value

_KINDS = {"MaxPool": "MaxPooling", "AvgPool": "AveragePooling"}
_PADDINGS = {"SAME": "same", "VALID": "valid"}
_WIDTH = 2  # the axis of the images [B, T, 1, F] that pooling over time is made of


def _images(reader, node, inputs):
    (like,) = reader.plain(node, inputs)
    assert isinstance(like.producer, Op)
    options = _options(like.producer.attrs)
    if options is None or reader.depth or inputs[0].shape is None:
        return None  # within a loop all ops are those of one layer
    return [_output(Layer(f"{_KINDS[node.op]}2D", options, {}, scope=node.name), inputs[0], like)]


def _over_time(reader, node, inputs):
    pooled = inputs[0].producer
    if not isinstance(pooled, Use) or pooled.layer.kind not in {f"{k}2D" for k in _KINDS.values()}:
        return None
    sequence = _widened(reader, pooled.positional[0])
    sizes = {key: pooled.layer.options[key] for key in ("pool_size", "strides")}
    axes = [axis % 4 for axis in node.attr["squeeze_dims"].list.i]
    if axes != [_WIDTH] or sequence is None or any(size[1] != 1 for size in sizes.values()):
        return None
    (like,) = reader.plain(node, inputs)
    options = {**pooled.layer.options, **{key: size[0] for key, size in sizes.items()}}
    layer = Layer(pooled.layer.kind.replace("2D", "1D"), options, {}, scope=node.name)
    return [_output(layer, sequence, like)]


def _options(attrs: Mapping[str, Any]) -> dict[str, Any] | None:
    """The options of a layer over the axes 1 and 2 of images; None: no layer of Keras has them."""
    plain = all(attrs[key][axis] == 1 for key in ("ksize", "strides") for axis in (0, 3))
    if not plain or attrs["padding"] not in _PADDINGS or attrs.get("data_format") != "NHWC":
        return None
    size, stride = (tuple(attrs[key][1:3]) for key in ("ksize", "strides"))
    return {"pool_size": size, "strides": stride, "padding": _PADDINGS[attrs["padding"]]}


def _output(layer: Layer, source: Value, like: Value) -> Value:
    use = Use(layer, (source,), scope=layer.scope)
    return Value(use, like.dtype, like.shape, dims=like.dims)


def _widened(reader, value: Value) -> Value | None:
    """What a value [B, T, 1, F] is with an axis of one element more; None: it is not."""
    op = value.producer
    if not isinstance(op, Op) or op.op != "ExpandDims":
        return None
    place = reader.constant(op.inputs[1])
    return op.inputs[0] if place is not None and int(place) % 4 == _WIDTH else None


RULES: dict[str, Callable[..., list[Value] | None]] = {
    **dict.fromkeys(_KINDS, _images),
    "Squeeze": _over_time,
}
