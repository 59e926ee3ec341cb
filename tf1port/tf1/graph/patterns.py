"""Patterns of operations: what a formula looks like in a graph, drawn as a tree, as data alone.

A pattern is written as the formula is: `sigmoid(x @ Variable("kernel") + Variable("bias"))`. It
says what a graph computes a tensor with, from the result back to the inputs, however TF1 spelled
it: sums in any order and of any nesting, products either way round, gates split off or sliced out.
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
    """What a tensor may be computed by."""

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
        """The same with a name, by which a match tells the tensor."""
        return Called(self, name)

    @cached_property
    def inner(self) -> tuple[Pattern, ...]:
        """The patterns that this one is drawn of."""
        values = [getattr(self, field.name) for field in fields(self)]
        parts = [value if isinstance(value, tuple) else (value,) for value in values]
        return tuple(one for part in parts for one in part if isinstance(one, Pattern))

    @property
    def roots(self) -> frozenset[str]:
        """The ops that may compute the tensor itself; none where any may, or a variable is read."""
        return frozenset().union(*(pattern.roots for pattern in self.inner))

    @cached_property
    def ops(self) -> frozenset[str]:
        """All ops that the pattern may be made of."""
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
    """A scalar constant, whose value a match tells by its name: the same wherever it is drawn.

    sign: -1 where its negative stands in the graph. positive: its value is above zero.
    """

    name: str
    sign: int = 1
    positive: bool = False


@dataclass(frozen=True)
class LastAxis(Pattern):
    """The constant that names the last of two axes."""


@dataclass(frozen=True)
class Called(Pattern):
    """A pattern with a name, which stands for one and the same tensor wherever it is drawn."""

    of: Pattern
    name: str


@dataclass(frozen=True)
class Op(Pattern):
    """An op of this kind, of one output, and what it takes: in this order, or in any.

    attrs: values that its attributes have; one that a file leaves out counts as False.
    """

    kind: str
    takes: tuple[Pattern, ...]
    commutes: bool = False
    attrs: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def roots(self) -> frozenset[str]:
        return frozenset({self.kind})


@dataclass(frozen=True)
class Sum(Pattern):
    """A sum of terms, in any order and of any nesting.

    A Constant among them is what all scalar constants besides the other terms amount to, 0.0 where
    there are none.
    """

    terms: tuple[Pattern, ...]

    @property
    def roots(self) -> frozenset[str]:
        return SUMS


@dataclass(frozen=True)
class Piece(Pattern):
    """One of `count` equal pieces [B, U] that a tensor [B, count U] is cut into, from the left.

    Where slices cut it, a match tells U as the number "width".
    """

    of: Pattern
    index: int
    count: int

    @property
    def roots(self) -> frozenset[str]:
        return SPLITS


@dataclass(frozen=True)
class Activated(Pattern):
    """One of ACTIVATIONS of a tensor, or the tensor itself ("linear").

    A match tells which as the word "activation": the same wherever one is drawn.
    """

    of: Pattern

    @property
    def roots(self) -> frozenset[str]:
        return self.of.roots | ACTIVATIONS.keys()


@dataclass(frozen=True)
class Either(Pattern):
    """One of several patterns."""

    ways: tuple[Pattern, ...]


def named(name: str) -> Called:
    """Any tensor, by a name."""
    return AnyTensor().called(name)


def op(kind: str, *takes: Pattern, **attrs: object) -> Op:
    """An op that takes what is drawn, in this order."""
    return Op(kind, takes, attrs=attrs)


def sigmoid(of: Pattern) -> Op:
    """The logistic function."""
    return op("Sigmoid", of)


def mean(of: Pattern) -> Op:
    """The mean [B, 1] of a tensor over its last axis."""
    return op("Mean", of, LastAxis(), keep_dims=True)


def side_by_side(one: Pattern, other: Pattern) -> Either:
    """Two tensors put together along the last axis."""
    return Either((op("ConcatV2", one, other, LastAxis()), op("Concat", LastAxis(), one, other)))


def pieces(of: Pattern, count: int) -> tuple[Piece, ...]:
    """All equal pieces of a tensor, from the left."""
    return tuple(Piece(of, index, count) for index in range(count))


def clipped(of: Pattern, limit: str) -> Either:
    """A tensor clipped from -limit to limit, a Constant of that name; or as it is."""
    high, low = Constant(limit, positive=True), Constant(limit, sign=-1, positive=True)
    from_above = _two("Maximum", _two("Minimum", of, high), low)
    from_below = _two("Minimum", _two("Maximum", of, low), high)
    return Either((from_above, from_below, op("ClipByValue", of, low, high), of))


def _two(kind: str, one: Pattern, other: Pattern) -> Op:
    return Op(kind, (one, other), commutes=True)


def _terms(pattern: Pattern | float) -> tuple[Pattern, ...]:
    if isinstance(pattern, Sum):
        return pattern.terms
    return (pattern if isinstance(pattern, Pattern) else Number(pattern),)
