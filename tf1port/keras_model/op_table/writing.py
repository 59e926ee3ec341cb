"""The source text of operands: as tensors, as Python literals, as shapes, as axes."""

import ast
from collections.abc import Sequence
from typing import Any

import numpy as np

from tf1port.keras_model.op_table.operation import Operand, Operation, Shape, Translation


def number(value: Any, dtype: str) -> str:
    """A scalar as a literal of its exact value, which a graph upcast to float64 has as well."""
    plain = np.asarray(value, dtype).item()
    return repr(plain) if np.isfinite(plain) else f'float("{plain}")'


def is_literal(text: str) -> bool:
    """Whether a text is a Python number, whose dtype follows what it is combined with."""
    try:
        return isinstance(ast.literal_eval(text), (bool, int, float))
    except (ValueError, SyntaxError):
        return False


def is_number(operand: Operand, expected: int) -> bool:
    """Whether an operand is a constant of that value."""
    return (
        operand.value is not None and operand.value.ndim == 0 and operand.value.item() == expected
    )


def is_known(operand: Operand) -> bool:
    """Whether an operand is the same in every run."""
    if operand.entries is not None:
        return all(isinstance(entry, int) for entry in operand.entries)
    return operand.value is not None or is_literal(operand.text)


def tensor(operand: Operand) -> str:
    """An operand as an argument that must be a tensor of the operand's dtype."""
    if operand.entries is not None or is_literal(operand.text):
        return f'ops.convert_to_tensor({operand.text}, "{operand.dtype}")'
    return operand.text


def tensors(operands: Sequence[Operand]) -> list[str]:
    """Operands of one dtype: a number may stay a literal beside a tensor, which has the dtype."""
    numbers = [operand.entries is None and is_literal(operand.text) for operand in operands]
    if all(numbers):
        return [tensor(operands[0]), *(operand.text for operand in operands[1:])]
    pairs = zip(operands, numbers, strict=True)
    return [operand.text if plain else tensor(operand) for operand, plain in pairs]


def choices(operands: Sequence[Operand]) -> list[str]:
    """The two alternatives of a selection: numbers alone get Keras' default dtype."""
    is_default_dtype = operands[0].dtype in ("float32", "int32", "bool")
    if is_default_dtype and all(is_literal(operand.text) for operand in operands):
        return [operand.text for operand in operands]
    return tensors(operands)


def constant(operation: Operation, index: int, label: str) -> np.ndarray:
    """The value of an operand that Keras needs as a Python literal."""
    operand = operation.operands[index]
    if operand.value is not None:
        return operand.value
    if is_known(operand):
        return np.array(
            ast.literal_eval(operand.text) if operand.entries is None else operand.entries
        )
    raise operation.refuse(f"with {label} that the graph computes")


def integers(operation: Operation, index: int, label: str) -> tuple[int, ...]:
    """The same as ints, of a scalar as of a vector."""
    return tuple(int(value) for value in np.ravel(constant(operation, index, label)))


def entries(operation: Operation, index: int, label: str) -> tuple[str | int, ...]:
    """The entries of a 1-D integer operand: ints where they are known, else texts of scalars."""
    operand = operation.operands[index]
    if operand.value is not None:
        return tuple(int(value) for value in np.ravel(operand.value))
    if operand.entries is not None:
        return operand.entries
    if operand.shape == ():
        return (operand.text,)
    if operand.shape is None or None in operand.shape or len(operand.shape) != 1:
        raise operation.refuse(f"with {label} of unknown length")
    return tuple(f"{operand.text}[{entry}]" for entry in range(operand.shape[0] or 0))


def row(entries: Sequence[object]) -> str:
    """Entries as the source of a tuple."""
    return f"({', '.join(str(entry) for entry in entries)}{',' if len(entries) == 1 else ''})"


def shape_text(operand: Operand) -> str:
    """An operand as an argument that is a shape: a tuple if its entries are known."""
    if operand.value is not None:
        return row([int(value) for value in np.ravel(operand.value)])
    return operand.text if operand.entries is None else row(operand.entries)


def rank(operation: Operation, index: int = 0) -> int:
    """The rank of an operand, which must be known."""
    return len(shape(operation, index))


def shape(operation: Operation, index: int = 0) -> Shape:
    """The shape of an operand, of which the rank must be known."""
    known = operation.operands[index].shape
    if known is None:
        raise operation.refuse("of a tensor of unknown rank")
    return known


def size(operand: Operand, axis: int) -> str | int:
    """The size of one axis of an operand of known rank: an int, or the text that asks for it."""
    known = operand.shape[axis] if operand.shape is not None else None
    return f"ops.shape({operand.text})[{axis}]" if known is None else known


def call(function: str, *arguments: object, **keywords: object) -> str:
    """A call of a function of keras.ops; keywords of the value None are left out."""
    options = [f"{key}={value}" for key, value in keywords.items() if value is not None]
    return f"ops.{function}({', '.join([*(str(argument) for argument in arguments), *options])})"


def cast(text: str, dtype: str) -> str:
    """A call of ops.cast."""
    return f'ops.cast({text}, "{dtype}")'


def several(text: str, count: int) -> Translation:
    """A call that returns a list of tensors, one per output."""
    return Translation(text, tuple(f"{{}}[{index}]" for index in range(count)))
