"""A Keras model of any shape as data: what is computed of what, before it is written as source.

A Value is a tensor; its Producer an input, a constant, a variable, a use of a layer or one op.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tf1port.errors import UserError
from tf1port.keras_model.blueprint import Spec
from tf1port.keras_model.optimizer import OptimizerSpec

Shape = tuple[int | None, ...] | None
TRANSLATED = "translated"  # what the model of a Program is called


@dataclass(frozen=True)
class Dim:
    """The size of an axis of a value that is known only when the model runs."""

    value: Value
    axis: int


@dataclass(frozen=True)
class Arithmetic:
    """A size that is computed of others: `operator` is one of + - * //."""

    operator: str
    terms: tuple[Size, ...]


Size = int | Dim | Arithmetic


class Producer:
    """What makes one or several values.

    scope: the name of the graph's node, which names are made of.
    """

    scope: str = ""

    @property
    def operands(self) -> Sequence[Value]:
        """The values that it takes."""
        return ()


@dataclass(eq=False)
class Value:
    """A tensor of the model.

    dims: its sizes, each an int or made of those of other values. rows_of: where this is another
    value with all axes but the last one put together.
    """

    producer: Producer
    dtype: str
    shape: Shape
    port: int = 0
    dims: tuple[Size, ...] | None = None
    rows_of: Value | None = None

    @property
    def axes(self) -> tuple[int | None, ...]:
        """The shape. Raises UserError where the number of axes is not known."""
        if self.shape is None:
            raise UserError(f"{self.producer.scope} has an unknown number of axes")
        return self.shape

    def size(self, axis: int) -> Size:
        """The size of an axis."""
        if self.dims is not None:
            return self.dims[axis]
        known = self.axes[axis]
        return Dim(self, axis) if known is None else known


@dataclass(eq=False)
class Input(Producer):
    """An input of the model. tensor: of the graph."""

    tensor: str
    scope: str = ""


@dataclass(eq=False)
class Constant(Producer):
    """A number or an array."""

    array: np.ndarray
    scope: str = ""


@dataclass(eq=False)
class Weight(Producer):
    """A variable of the graph that no stock layer holds."""

    variable: str
    scope: str = ""


@dataclass(eq=False)
class Sizes(Producer):
    """Whole numbers that say how large something is: a vector of them, or one where `scalar`."""

    sizes: tuple[Size, ...]
    scalar: bool = False
    scope: str = ""

    @property
    def operands(self) -> Sequence[Value]:
        """The values whose sizes are used."""
        return [dim.value for size in self.sizes for dim in dims_in(size)]


@dataclass(eq=False)
class Op(Producer):
    """One op of the graph, as tf1port.keras_model.op_table has them."""

    op: str
    attrs: Mapping[str, Any]
    taken: tuple[Value, ...]
    out_dtypes: tuple[str, ...]
    out_shapes: tuple[Shape, ...]
    scope: str = ""

    @property
    def operands(self) -> Sequence[Value]:
        """The values that it takes."""
        return self.taken


@dataclass(eq=False)
class Use(Producer):
    """A call of a layer.

    layer: what names the layer, the same for all its uses. positional: what it takes; a list where
    `together`. keywords: each a value or a list of values, by argument.
    """

    layer: Layer
    positional: tuple[Value, ...]
    keywords: dict[str, Value | list[Value]] = field(default_factory=dict)
    scope: str = ""

    @property
    def operands(self) -> Sequence[Value]:
        """The values that it takes, by position and by keyword."""
        found = list(self.positional)
        for value in self.keywords.values():
            found += value if isinstance(value, list) else [value]
        return found


@dataclass(eq=False)
class Layer:
    """A layer of the model, used once or several times. spec: its name is given when all are."""

    kind: str
    options: dict[str, Any]
    variables: dict[str, str]  # TF1's variables by Keras' role
    outputs: int = 1
    spec: Spec | None = None
    cells: tuple[Any, ...] = ()
    scope: str = ""


@dataclass(eq=False)
class Leaf(Producer):
    """What a step of a loop starts from: of a sequence its step, a state, or the step's number."""

    scope: str = ""


@dataclass(eq=False)
class Loop(Producer):
    """One step after the other, as a layer of its own.

    sequences: what is read step by step, [T, ...]; `steps` are the values of one step.
    initial: the states at the start; `states` are those of a step, `new_states` what it makes.
    outputs: what is kept of every step. time: the number of the step. length: how many there are.
    variables: TF1's by the name of the layer's weight. The values of the loop are the final states,
    then the outputs of all steps, [T, ...].
    """

    sequences: list[Value]
    steps: list[Value]
    initial: list[Value]
    states: list[Value]
    time: Value
    new_states: list[Value]
    outputs: list[Value]
    length: Size
    variables: dict[str, str] = field(default_factory=dict)
    spec: Spec | None = None
    scope: str = ""

    @property
    def leaves(self) -> list[Value]:
        """What a step starts from."""
        return [*self.steps, *self.states, self.time]

    @property
    def inner(self) -> list[Producer]:
        """What is computed at every step, in order."""
        known = {id(leaf.producer) for leaf in self.leaves}
        found = []
        for producer in in_order([*self.new_states, *self.outputs]):
            if any(id(value.producer) in known for value in producer.operands):
                known.add(id(producer))
                found.append(producer)
        return found

    @property
    def invariant(self) -> list[Value]:
        """What every step takes as it is."""
        inner = {id(one) for one in self.inner} | {id(leaf.producer) for leaf in self.leaves}
        found: dict[tuple[int, int], Value] = {}
        values = [v for one in self.inner for v in one.operands]
        for value in [*values, *self.new_states, *self.outputs]:
            if id(value.producer) not in inner:
                found.setdefault((id(value.producer), value.port), value)
        own = set(self.variables.values())
        return [
            value
            for value in found.values()
            if not (isinstance(value.producer, Weight) and value.producer.variable in own)
        ]

    @property
    def kept(self) -> list[tuple[Size, ...]]:
        """The sizes of the outputs that are no states, for which room is made before the steps."""
        states = {id(value) for value in self.new_states}
        others = [value for value in self.outputs if id(value) not in states]
        return [tuple(one.size(axis) for axis in range(len(one.axes))) for one in others]

    @property
    def operands(self) -> Sequence[Value]:
        """What it takes from elsewhere."""
        length = [] if self.sequences else [Value(Sizes((self.length,), True), "int32", ())]
        room = [Value(Sizes(sizes), "int32", (len(sizes),)) for sizes in self.kept]
        return [*self.sequences, *self.initial, *self.invariant, *length, *room]


@dataclass(frozen=True)
class Program:
    """A model: what it takes, what it gives, the optimizer that trains it.

    outputs: values by the name of the output. specs: all layers, those of their own classes too.
    rounded: numbers of it were computed of constants in float32, and are others in float64.
    """

    dtype: str
    inputs: list[Value]
    outputs: dict[str, Value]
    specs: list[Spec] = field(default_factory=list)
    optimizer: OptimizerSpec | None = None
    unused: list[str] = field(default_factory=list)
    input_names: list[str] = field(default_factory=list)
    rounded: bool = False
    takes: str = ""
    masked: bool = False

    @property
    def upcasts(self) -> bool:
        """Whether it is the same model in float64 as its graph is there."""
        return self.dtype == "float32" and not self.rounded


def dims_in(size: Size) -> Iterator[Dim]:
    """The sizes that are known only when the model runs which a size is made of."""
    if isinstance(size, Dim):
        yield size
    elif isinstance(size, Arithmetic):
        for term in size.terms:
            yield from dims_in(term)


def in_order(values: Sequence[Value]) -> list[Producer]:
    """What makes some values and what that takes, each after what it takes itself."""
    found: dict[int, Producer] = {}
    stack = [(value.producer, False) for value in reversed(values)]
    while stack:
        producer, done = stack.pop()
        if id(producer) in found:
            continue
        if done:
            found[id(producer)] = producer
            continue
        stack.append((producer, True))
        stack += [(v.producer, False) for v in reversed(producer.operands)]
    return list(found.values())
