"""The rules for ops that are not translated one by one, and the sizes of all other outputs."""

from __future__ import annotations

from collections.abc import Sequence

from tf1port.conversion.translation import axis_rules, convolution_rules, layer_rules, size_rules
from tf1port.keras_model.program import Size, Value
from tf1port.tf1.graph.equations import ACTIVATIONS

RULES = (size_rules.RULES, layer_rules.RULES, convolution_rules.RULES, axis_rules.RULES)
SIZES = {"Shape", "ShapeN", "Size", "Rank"}
_ELEMENTWISE = {
    *ACTIVATIONS,
    *("Add", "AddV2", "Sub", "Mul", "RealDiv", "Maximum", "Minimum", "BiasAdd", "Neg", "Exp"),
    *("Log", "Log1p", "Sqrt", "Rsqrt", "Square", "SquaredDifference", "Pow", "Cast", "Softmax"),
    *("LogSoftmax", "Abs", "Sign", "Floor", "SelectV2", "Select", "ZerosLike", "OnesLike", "Less"),
    *("Greater", "LessEqual", "GreaterEqual", "Equal", "NotEqual", "LogicalAnd", "LogicalNot"),
    *("LogicalOr", "ReverseV2", "ReverseSequence", "AddN", "Cumsum"),
    *("StopGradient", "PreventGradient"),
}


def apply(reader, node, inputs: list[Value]) -> list[Value] | None:
    """The outputs of a node by the first rule that applies; None: none does."""
    for rules in RULES:
        outputs = rules[node.op](reader, node, inputs) if node.op in rules else None
        if outputs is not None:
            return outputs
    return None


def dims(op: str, inputs: Sequence[Value], shape) -> tuple[Size, ...] | None:
    """The sizes of an op's output where they are those of its inputs; else None."""
    if shape is None or op not in _ELEMENTWISE:
        return None
    like = [value for value in inputs if value.shape is not None and len(value.shape) == len(shape)]
    like.sort(key=lambda value: value.dims is None)  # those first whose sizes are others' as well
    result: list[Size] = []
    for axis, size in enumerate(shape):
        sizes = [value.size(axis) for value in like if value.shape and value.shape[axis] is None]
        if size is not None:
            result.append(size)
        elif sizes:
            result.append(sizes[0])
        else:
            return None
    return tuple(result)
