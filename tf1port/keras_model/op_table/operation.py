"""One op of a TF1 graph with its operands, and the source that it is translated into."""

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
    the rank is unknown; value: of a constant; entries: of a shape that the graph assembles, each a
    text or an int. Where there are entries, the text is that of a Python tuple.
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
    """A Python expression with `ops` (keras.ops), and how to get each output of the op from it.

    An output is a template over the name that the expression is assigned to, as "{}[0]".
    needs_layer: whether it needs sizes or bounds that are known only when the model runs; then it
    must be in the `call` of a layer. All others also work on the tensors of keras.Input.
    """

    call: str
    outputs: tuple[str, ...] = ("{}",)
    needs_layer: bool = False


# A rule of the table: returns the text of the only output, or a Translation if there are several.
Writer = Callable[[Operation], str]
Rule = Callable[[Operation], str | Translation]
