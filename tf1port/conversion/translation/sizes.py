"""Arithmetic on sizes that may be known only when the model runs."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tf1port.keras_model.program import Arithmetic, Size, Value

_NEUTRAL = {"*": 1, "+": 0}


def product(sizes: Sequence[Size]) -> Size:
    """The product of some sizes."""
    return _combined("*", sizes)


def computed(operator: str, left: Size, right: Size) -> Size:
    """The result of an operator, + - * or //, on two sizes."""
    if isinstance(left, int) and isinstance(right, int):
        return {
            "+": left + right,
            "-": left - right,
            "*": left * right,
            "//": left // (right or 1),
        }[operator]
    if operator in _NEUTRAL:
        return _combined(operator, [left, right])
    if operator == "//" and isinstance(left, Arithmetic) and left.operator == "*":
        factors = list(left.terms)
        if right in factors:
            factors.remove(right)
            return product(factors)
    if operator == "-" and right == 0:
        return left
    return Arithmetic(operator, (left, right))


def _combined(operator: str, sizes: Sequence[Size]) -> Size:
    terms: list[Size] = []
    for size in sizes:
        is_nested = isinstance(size, Arithmetic) and size.operator == operator
        terms += size.terms if is_nested else [size]  # type: ignore[union-attr]
    numbers = [term for term in terms if isinstance(term, int)]
    number = math.prod(numbers) if operator == "*" else sum(numbers)
    symbolic: list[Size] = [term for term in terms if not isinstance(term, int)]
    if not symbolic or (operator == "*" and number == 0):
        return number
    if number != _NEUTRAL[operator]:
        symbolic = [*symbolic, number]
    return symbolic[0] if len(symbolic) == 1 else Arithmetic(operator, tuple(symbolic))


def sizes_of(value: Value) -> tuple[Size, ...] | None:
    """The sizes of all axes of a value; None: it is not known how many there are."""
    if value.shape is None:
        return None
    return tuple(value.size(axis) for axis in range(len(value.shape)))
