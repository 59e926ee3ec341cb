"""Rules for normalizations with variables, which become layers of Keras.

They have the signature of those in tf1port.conversion.translation.size_rules. A layer is made where
its equation is the graph's: a batch's by its moving averages, of which the graph says how they
move, a layer's over the last axis. Any other one is translated op by op.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from tf1port.conversion.translation.sizes import sizes_of
from tf1port.keras_model.op_table.operation import Shape
from tf1port.keras_model.plain_layers import KINDS
from tf1port.keras_model.program import Use, Value
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.moments import FUSED
from tf1port.tf1.graph.normalizations import decomposed, fused


def _fused(reader, node, inputs):
    layer = fused(reader.graph, node)
    value = None if layer is None else _normalized(reader, layer, inputs[0], node.name)
    return None if value is None else [value, *reader.plain(node, inputs)[1:]]


def _decomposed(reader, node, inputs):
    """The layer of x s + (beta - m s), from its sum."""
    graph = reader.graph
    for product in map(graph.node, graph.inputs(node)):
        if product is None or product.op != "Mul":
            continue
        layer = decomposed(graph, product)
        if layer is None or layer.output != f"{node.name}:0":
            continue
        source = reader.value(layer.inputs)
        scale = reader.shape(graph.other(product, layer.inputs))
        if _is_of_channels(scale, source.axes, batch=layer.kind == "batch_normalization"):
            value = _normalized(reader, layer, source, node.name)
            return None if value is None else [value]
    return None


def _is_of_channels(scale: Shape, axes: Sequence[int | None], *, batch: bool) -> bool:
    """Whether a scale has a number for each entry of the last axis; a batch's has no other axes."""
    if not scale or scale[-1] != axes[-1]:
        return False
    return set(scale[:-1]) <= {1} if batch else len(scale) == len(axes)


def _normalized(reader, layer: Layer, source: Value, scope: str) -> Value | None:
    """The output of a normalization; None: Keras has no such layer, or others share a variable."""
    names = layer.variables.values()
    if reader.depth or not reader.raw.isdisjoint(names) or len(source.shape or ()) < 2:
        return None
    shapes = {tuple(reader.shapes[name]) for name in names if name in reader.shapes}
    if shapes != {source.axes[-1:]} or layer.options.get("momentum", 0) is None:
        return None
    kind, _, _ = KINDS[layer.kind]
    made = reader.layer(kind, dict(layer.options), dict(layer.variables), scope=scope)
    use = Use(made, (source,), scope=scope)
    return Value(use, source.dtype, source.shape, dims=sizes_of(source))


RULES: dict[str, Callable[..., list[Value] | None]] = {
    **dict.fromkeys(FUSED, _fused),
    **dict.fromkeys(("Add", "AddV2"), _decomposed),
}
