"""The rules for ops that are not translated one by one."""

from __future__ import annotations

from tf1port.conversion.translation import (
    axis_rules,
    convolution_rules,
    layer_rules,
    normalization_rules,
    pooling_rules,
    size_rules,
)
from tf1port.keras_model.program import Value

RULES = (
    size_rules.RULES,
    normalization_rules.RULES,
    layer_rules.RULES,
    convolution_rules.RULES,
    pooling_rules.RULES,
    axis_rules.RULES,
)
SIZES = {"Shape", "ShapeN", "Size", "Rank"}


def apply(reader, node, inputs: list[Value]) -> list[Value] | None:
    """The outputs of a node by the first rule that applies; None: none does."""
    for rules in RULES:
        outputs = rules[node.op](reader, node, inputs) if node.op in rules else None
        if outputs is not None:
            return outputs
    return None
