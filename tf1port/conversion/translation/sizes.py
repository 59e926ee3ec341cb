"""Arithmetic on sizes: what a graph computes of the shapes of its tensors."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tf1port.keras_model.program import Arithmetic, Size, Value

_NEUTRAL = {"*": 1, "+": 0}


def product(sizes: Sequence[Size]) -> Size:
    """The product of some sizes."""
    return _joined("*", sizes)


def computed(operator: str, one: Size, other: Size) -> Size:
    """What an operator, + - * or //, makes of two sizes."""
    if isinstance(one, int) and isinstance(other, int):
        return {"+": one + other, "-": one - other, "*": one * other, "//": one // (other or 1)}[
            operator
        ]
    if operator in _NEUTRAL:
        return _joined(operator, [one, other])
    if operator == "//" and isinstance(one, Arithmetic) and one.operator == "*":
        rest = list(one.terms)
        if other in rest:
            rest.remove(other)
            return product(rest)
    if operator == "-" and other == 0:
        return one
    return Arithmetic(operator, (one, other))


def _joined(operator: str, sizes: Sequence[Size]) -> Size:
    terms: list[Size] = []
    for size in sizes:
        same = isinstance(size, Arithmetic) and size.operator == operator
        terms += size.terms if same else [size]  # type: ignore[union-attr]
    numbers = [term for term in terms if isinstance(term, int)]
    number = math.prod(numbers) if operator == "*" else sum(numbers)
    rest: list[Size] = [term for term in terms if not isinstance(term, int)]
    if not rest or (operator == "*" and number == 0):
        return number
    if number != _NEUTRAL[operator]:
        rest = [*rest, number]
    return rest[0] if len(rest) == 1 else Arithmetic(operator, tuple(rest))


def sizes_of(value: Value) -> tuple[Size, ...] | None:
    """The sizes of all axes of a value; None: it is not known how many there are."""
    if value.shape is None:
        return None
    return tuple(value.size(axis) for axis in range(len(value.shape)))
