"""One op of a TF1 graph as it is to be written, and what is written for it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int | None, ...]


class Untranslated(Exception):
    """An op that the table does not translate; the message is one line: which op and why."""


@dataclass(frozen=True)
class Operand:
    """One input of an op as the source has it.

    text: a Python expression, a name or in parentheses; dtype: as NumPy names it; shape: None if
    the rank is unknown; value: of a constant; parts: of a shape that the graph puts together, each
    entry as a text or an int. Where there are parts, the text stands for a Python tuple.
    """

    text: str
    dtype: str
    shape: Shape | None
    value: np.ndarray | None = None
    entries: tuple[str | int, ...] | None = None


@dataclass(frozen=True)
class Operation:
    """One op: its type, its name in the graph, its attributes as Python values, its operands.

    Attributes are bools, ints, floats, texts (data formats, dtypes by name) and lists of ints.
    """

    op: str
    name: str
    attrs: Mapping[str, Any]
    operands: tuple[Operand, ...]
    outputs: int
    out_dtypes: tuple[str, ...]
    out_shapes: tuple[Shape | None, ...]

    def refuse(self, why: str) -> Untranslated:
        """The error that says why this op is not translated."""
        return Untranslated(f"{self.op} {why}")


@dataclass(frozen=True)
class Translation:
    """A Python expression of `ops` (keras.ops), and how each output of the op is had from it.

    An output is a template over the name that the expression is assigned to, as "{}[0]".
    needs_layer: whether it asks for sizes, or takes bounds, that only a run knows; then it has to
    stand in the `call` of a layer. All others can also be written over the tensors of keras.Input.
    """

    call: str
    outputs: tuple[str, ...] = ("{}",)
    needs_layer: bool = False


# What writes an op: the text of its only output, or a translation where there are several.
Writer = Callable[[Operation], str]
Rule = Callable[[Operation], str | Translation]
