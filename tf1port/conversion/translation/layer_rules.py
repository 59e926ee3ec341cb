"""Rules for products with variables, which become dense layers, and lookups, embeddings.

They have the signature of those in tf1port.conversion.translation.size_rules.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tf1port.conversion.translation.axis_rules import reshaped
from tf1port.conversion.translation.sizes import sizes_of
from tf1port.keras_model.program import Use, Value
from tf1port.tf1.graph.equations import ACTIVATIONS

# The option of a layer that may have a bias and an activation, with the number of its outputs.
_WIDTHS = {"Dense": "units", "Conv1D": "filters", "Conv2D": "filters"}


def _embedding(reader, node, inputs):
    axis = reader.constant(inputs[2]) if len(inputs) > 2 else np.array(0)
    table = reader.variable(inputs[0])
    if table is None or axis is None or int(axis) or node.attr["batch_dims"].i:
        return None
    if inputs[0].shape is None or len(inputs[0].shape) != 2 or inputs[1].shape is None:
        return None
    ids, width = inputs[0].shape
    options = {"input_dim": ids, "output_dim": width}
    layer = reader.layer("Embedding", options, {"embeddings": table}, scope=node.name)
    use = Use(layer, (inputs[1],), scope=node.name)
    sizes = (*(sizes_of(inputs[1]) or ()), width)
    return [Value(use, inputs[0].dtype, (*inputs[1].shape, width), dims=sizes)]


def _product(reader, node, inputs):
    kernel = reader.variable(inputs[1])
    transposed = node.attr["transpose_a"].b or node.attr["transpose_b"].b
    if transposed or any(value.shape is None or len(value.shape) != 2 for value in inputs):
        return None
    if kernel is None:
        return None
    return [_dense(reader, inputs[0], {"kernel": kernel}, None, node)]


def _dense(reader, rows: Value, variables, activation, node) -> Value:
    """The output of a dense layer; where its input is a reshape to rows, it is applied before."""
    source = rows.rows_of or rows
    units = reader.shapes[variables["kernel"]][1]
    options: dict[str, Any] = {"units": units, "activation": activation}
    options["use_bias"] = "bias" in variables
    layer = reader.layer("Dense", options, variables, scope=node.name)
    use = Use(layer, (source,), scope=node.name)
    sizes = (*(sizes_of(source) or ())[:-1], units)
    output = Value(use, rows.dtype, (*source.axes[:-1], units), dims=sizes)
    return output if source is rows else reshaped(reader, output, (-1, units), node)


def _extended(reader, value: Value, use: Use, variables, activation, node) -> Value:
    """The output of a layer with a bias or an activation more than the one that a value is of."""
    if use.layer.kind == "Dense":
        return _dense(reader, _rows(value, use), variables, activation, node)
    options = {**use.layer.options, "activation": activation, "use_bias": "bias" in variables}
    layer = reader.layer(use.layer.kind, options, variables, scope=node.name)
    return Value(
        Use(layer, use.positional, scope=node.name), value.dtype, value.shape, dims=value.dims
    )


def _as_layer(reader, value: Value, tensor: str) -> Use | None:
    """The layer whose output a value is, if it may be extended: the value has no other consumer."""
    if reader.uses[reader.graph.origin(tensor)] != 1:
        return None
    producer = (value.rows_of or value).producer
    if not isinstance(producer, Use) or producer.layer.kind not in _WIDTHS:
        return None
    return producer if producer.layer.options["activation"] is None else None


def _rows(value: Value, use: Use) -> Value:
    """The input of a dense layer, as rows where its output is reshaped to rows."""
    source = use.positional[0]
    if value.rows_of is None:
        return source
    return Value(
        source.producer, source.dtype, source.shape, source.port, source.dims, rows_of=source
    )


def _biased(reader, node, inputs):
    names = reader.graph.inputs(node)
    for value, bias, tensor in ((*inputs, names[0]), (*inputs[::-1], names[1])):
        use, variable = _as_layer(reader, value, tensor), reader.variable(bias)
        if use is None or variable is None or use.layer.options["use_bias"]:
            continue
        if bias.shape == (use.layer.options[_WIDTHS[use.layer.kind]],):
            variables = {**use.layer.variables, "bias": variable}
            return [_extended(reader, value, use, variables, None, node)]
    return None


def _activation(reader, node, inputs):
    use = _as_layer(reader, inputs[0], reader.graph.inputs(node)[0])
    if use is None or node.op == "LeakyRelu":
        return None
    activation = ACTIVATIONS[node.op]
    return [_extended(reader, inputs[0], use, use.layer.variables, activation, node)]


RULES: dict[str, Callable[..., list[Value] | None]] = {
    "Gather": _embedding,
    "GatherV2": _embedding,
    "ResourceGather": _embedding,
    "MatMul": _product,
    **dict.fromkeys(("BiasAdd", "Add", "AddV2"), _biased),
    **dict.fromkeys(ACTIVATIONS, _activation),
}
