"""A TF1 op as Python source with `keras.ops`: one rule per op, split by subject.

The source computes what TF's own kernel does, in values, dtype and shape. An op that the table
does not have, or an attribute that Keras cannot follow, raises Untranslated.
"""

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

from tf1port.keras_model.op_table import (
    arithmetic,
    convolutions,
    elementwise,
    indexing,
    joining,
    linear_algebra,
    losses,
    normalizations,
    reductions,
    shapes,
    slicing,
    spaces,
)
from tf1port.keras_model.op_table.layers import needs_layer
from tf1port.keras_model.op_table.operation import (
    Operand,
    Operation,
    Rule,
    Translation,
    Untranslated,
)
from tf1port.keras_model.op_table.writing import number

__all__ = ["OPS", "SUBJECTS", "Operand", "Operation", "Translation", "Untranslated", "translate"]

# The ops of each subject, as the documentation lists them.
SUBJECTS: Mapping[str, Mapping[str, Rule]] = MappingProxyType(
    {
        "arithmetic": arithmetic.RULES,
        "element by element": elementwise.RULES,
        "reductions": reductions.RULES,
        "linear algebra": linear_algebra.RULES,
        "shapes": shapes.RULES,
        "joining and parting": joining.RULES,
        "slices": slicing.RULES,
        "indexing": indexing.RULES,
        "convolutions": convolutions.RULES,
        "normalizations": normalizations.RULES,
        "losses": losses.RULES,
        "space, batch and depth": spaces.RULES,
    }
)
OPS: Mapping[str, Rule] = MappingProxyType(
    {op: rule for rules in SUBJECTS.values() for op, rule in rules.items()}
)
# Keras promotes the others as NumPy would, or has none of them.
_DTYPES = {
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16"),
    *("float16", "bfloat16", "float32", "float64"),
}


def translate(operation: Operation) -> Translation:
    """The source of an op, over the texts of its operands.

    Raises Untranslated, in one line, for an op that the table does not have and for attributes,
    dtypes or computed arguments that keras.ops cannot follow.
    """
    rule = OPS.get(operation.op)
    if rule is None:
        raise Untranslated(f"{operation.op} has no counterpart in the table of ops")
    for dtype in (*(operand.dtype for operand in operation.operands), *operation.out_dtypes):
        if dtype not in _DTYPES:
            raise operation.refuse(f"of {dtype} is not translated")
    operation = replace(operation, operands=tuple(map(_plain, operation.operands)))
    result = rule(operation)
    translation = result if isinstance(result, Translation) else Translation(result)
    return replace(translation, needs_layer=needs_layer(operation, translation.call))


def _plain(operand: Operand) -> Operand:
    """A constant that is a number as a literal of it."""
    if operand.value is None or operand.value.ndim:
        return operand
    return replace(operand, text=number(operand.value, operand.dtype))
