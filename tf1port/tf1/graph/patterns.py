"""Patterns of operations: a formula as it is in a graph, a tree of frozen dataclasses.

A pattern is written as the formula is: `sigmoid(x @ Variable("kernel") + Variable("bias"))`. It
describes how a graph computes a tensor, from the result back to the inputs, in all of TF1's
spellings: sums in any order and nesting, products in either order, gates split or sliced.
tf1port.tf1.graph.matcher compares one with a graph. Tensors are of rank 2.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property

from tf1port.tf1.graph.index import ADD

ACTIVATIONS = {
    "Tanh": "tanh",
    "Relu": "relu",
    "Relu6": "relu6",
    "Sigmoid": "sigmoid",
    "Elu": "elu",
    "Selu": "selu",
    "Softsign": "softsign",
    "Softplus": "softplus",
    "LeakyRelu": "leaky_relu",
}
SUMS = frozenset(ADD | {"BiasAdd"})
SPLITS = frozenset({"Split", "SplitV", "Slice", "StridedSlice"})


@dataclass(frozen=True)
class Pattern:
    """A way to compute a tensor."""

    def __add__(self, other: Pattern | float) -> Sum:
        """A sum of both, or of all terms where one is a sum itself."""
        return Sum((*_terms(self), *_terms(other)))

    def __mul__(self, other: Pattern) -> Op:
        return _two("Mul", self, other)

    def __sub__(self, other: Pattern) -> Op:
        return op("Sub", self, other)

    def __rsub__(self, other: float) -> Op:
        return Number(other) - self

    def __matmul__(self, other: Pattern) -> Op:
        return op("MatMul", self, other, transpose_a=False, transpose_b=False)

    def called(self, name: str) -> Called:
        """The same with a name, by which a match has the tensor."""
        return Called(self, name)

    @cached_property
    def inner(self) -> tuple[Pattern, ...]:
        """The patterns that this one consists of."""
        values = [getattr(self, field.name) for field in fields(self)]
        groups = [value if isinstance(value, tuple) else (value,) for value in values]
        members = (value for group in groups for value in group)
        return tuple(value for value in members if isinstance(value, Pattern))

    @property
    def roots(self) -> frozenset[str]:
        """The ops that may compute the tensor itself; none where any may, or a variable is read."""
        return frozenset().union(*(pattern.roots for pattern in self.inner))

    @cached_property
    def ops(self) -> frozenset[str]:
        """All ops that the pattern may consist of."""
        return self.roots.union(*(pattern.ops for pattern in self.inner))


@dataclass(frozen=True)
class AnyTensor(Pattern):
    """Any tensor."""


@dataclass(frozen=True)
class Variable(Pattern):
    """A variable, by its role in a cell (tf1port.cells.families)."""

    role: str


@dataclass(frozen=True)
class Number(Pattern):
    """A scalar constant of this value, as its dtype rounds it."""

    value: float


@dataclass(frozen=True)
class Constant(Pattern):
    """A scalar constant, whose value a match has by its name: the same at each occurrence.

    sign: -1 where the graph has the negative of it. positive: its value is above zero.
    """

    name: str
    sign: int = 1
    positive: bool = False


@dataclass(frozen=True)
class LastAxis(Pattern):
    """The constant that names the last of two axes."""


@dataclass(frozen=True)
class Called(Pattern):
    """A pattern with a name, which is one and the same tensor at each occurrence."""

    operand: Pattern
    name: str


@dataclass(frozen=True)
class Op(Pattern):
    """An op of this kind with one output, and its inputs: in this order, or in any.

    attrs: values that its attributes have; one that a file leaves out counts as False.
    """

    kind: str
    inputs: tuple[Pattern, ...]
    commutes: bool = False
    attrs: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def roots(self) -> frozenset[str]:
        return frozenset({self.kind})


@dataclass(frozen=True)
class Sum(Pattern):
    """A sum of terms, in any order and of any nesting.

    A Constant among them is the sum of all scalar constants besides the other terms, 0.0 where
    there are none.
    """

    terms: tuple[Pattern, ...]

    @property
    def roots(self) -> frozenset[str]:
        return SUMS


@dataclass(frozen=True)
class Piece(Pattern):
    """One of `count` equal pieces [B, U] that a tensor [B, count U] is cut into, from the left.

    For slices, a match has U as the number "width".
    """

    operand: Pattern
    index: int
    count: int

    @property
    def roots(self) -> frozenset[str]:
        return SPLITS


@dataclass(frozen=True)
class Activated(Pattern):
    """One of ACTIVATIONS of a tensor, or the tensor itself ("linear").

    A match has its name as "activation": the same at each occurrence.
    """

    operand: Pattern

    @property
    def roots(self) -> frozenset[str]:
        return self.operand.roots | ACTIVATIONS.keys()


@dataclass(frozen=True)
class Either(Pattern):
    """One of several patterns."""

    ways: tuple[Pattern, ...]


def named(name: str) -> Called:
    """Any tensor, by a name."""
    return AnyTensor().called(name)


def op(kind: str, *inputs: Pattern, **attrs: object) -> Op:
    """An op with these inputs, in this order."""
    return Op(kind, inputs, attrs=attrs)


def sigmoid(operand: Pattern) -> Op:
    """The logistic function."""
    return op("Sigmoid", operand)


def mean(operand: Pattern) -> Op:
    """The mean [B, 1] of a tensor over its last axis."""
    return op("Mean", operand, LastAxis(), keep_dims=True)


def side_by_side(first: Pattern, second: Pattern) -> Either:
    """Two tensors concatenated along the last axis."""
    current = op("ConcatV2", first, second, LastAxis())
    return Either((current, op("Concat", LastAxis(), first, second)))


def pieces(operand: Pattern, count: int) -> tuple[Piece, ...]:
    """All equal pieces of a tensor, from the left."""
    return tuple(Piece(operand, index, count) for index in range(count))


def clipped(operand: Pattern, limit: str) -> Either:
    """A tensor clipped from -limit to limit, a Constant of that name; or as it is."""
    high, low = Constant(limit, positive=True), Constant(limit, sign=-1, positive=True)
    from_above = _two("Maximum", _two("Minimum", operand, high), low)
    from_below = _two("Minimum", _two("Maximum", operand, low), high)
    return Either((from_above, from_below, op("ClipByValue", operand, low, high), operand))


def _two(kind: str, first: Pattern, second: Pattern) -> Op:
    return Op(kind, (first, second), commutes=True)


def _terms(pattern: Pattern | float) -> tuple[Pattern, ...]:
    if isinstance(pattern, Sum):
        return pattern.terms
    return (pattern if isinstance(pattern, Pattern) else Number(pattern),)
