"""A Keras model of any shape as data: a graph of values, before it is written as source.

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
STATEFUL = "translated_stateful"  # the same, if it hands its states on
ZEROS, FED = "zeros", "fed"  # what a graph has where an input is an initial state


@dataclass(frozen=True)
class Dim:
    """The size of an axis of a value that is known only when the model runs."""

    value: Value
    axis: int


@dataclass(frozen=True)
class Number:
    """A size that is a number by itself, which is fed or computed: an integer of no axes."""

    value: Value


@dataclass(frozen=True)
class Arithmetic:
    """A size that is computed from others: `operator` is one of + - * //."""

    operator: str
    terms: tuple[Size, ...]


Size = int | Dim | Number | Arithmetic


class Producer:
    """The source of one or several values.

    scope: the name of the graph's node, from which names are derived.
    """

    scope: str = ""

    @property
    def operands(self) -> Sequence[Value]:
        """Its input values."""
        return ()


@dataclass(eq=False)
class Value:
    """A tensor of the model.

    dims: its sizes, each an int or computed from those of other values. rows_of: the value that
    this one is a reshape of, with all axes but the last merged into one.
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
    """An input of the model.

    tensor: of the graph. state: ZEROS or FED, as the graph has it, of an initial state in a model
    that hands its states on; else empty. fed_shape: as the graph takes it, if that is not open
    where the model's is.
    """

    tensor: str
    scope: str = ""
    state: str = ""
    fed_shape: Shape = None


@dataclass(eq=False)
class Constant(Producer):
    """A number or an array."""

    array: np.ndarray
    scope: str = ""


@dataclass(eq=False)
class Weight(Producer):
    """A variable of the graph that belongs to no stock layer."""

    variable: str
    scope: str = ""


@dataclass(eq=False)
class Sizes(Producer):
    """Sizes as an integer tensor: a vector of them, or one where `scalar`."""

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
    inputs: tuple[Value, ...]
    out_dtypes: tuple[str, ...]
    out_shapes: tuple[Shape, ...]
    scope: str = ""

    @property
    def operands(self) -> Sequence[Value]:
        """Its input values."""
        return self.inputs


@dataclass(eq=False)
class Use(Producer):
    """A call of a layer.

    layer: the same object for all its uses. positional: its inputs. keywords: each a value or a
    list of values, by argument.
    """

    layer: Layer
    positional: tuple[Value, ...]
    keywords: dict[str, Value | list[Value]] = field(default_factory=dict)
    scope: str = ""

    @property
    def operands(self) -> Sequence[Value]:
        """Its inputs, by position and by keyword."""
        values = list(self.positional)
        for value in self.keywords.values():
            values += value if isinstance(value, list) else [value]
        return values


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
    """An input of a loop's body: one step of a sequence, a state, or the number of the step."""

    scope: str = ""


@dataclass(eq=False)
class Loop(Producer):
    """A loop over time steps, as a layer of its own.

    sequences: read step by step, [T, ...]; `steps` are the values of one step. batch_major: the
    sequences and outputs, by identity, that are [B, T, ...] instead.
    initial: the initial states; `states` are those before a step, `new_states` those after it.
    outputs: the values that are stacked over all steps. time: the number of the step. length: the
    number of steps, or the largest one. condition: of a loop that ends earlier, whether it goes on
    with a step; None: it takes all of them. padded: the outputs, by identity, with zeros for the
    steps that are not taken; the others have none of them. variables: TF1's by the name of the
    layer's weight, empty for a loop within another one. The values of the loop are the final
    states, the stacked outputs, [T, ...], and with a condition the number of steps.
    """

    sequences: list[Value]
    steps: list[Value]
    initial: list[Value]
    states: list[Value]
    time: Value
    new_states: list[Value]
    outputs: list[Value]
    length: Size | Value
    variables: dict[str, str] = field(default_factory=dict)
    condition: Value | None = None
    padded: set[int] = field(default_factory=set)
    batch_major: set[int] = field(default_factory=set)
    spec: Spec | None = None
    scope: str = ""

    @property
    def leaves(self) -> list[Value]:
        """The inputs of a step."""
        return [*self.steps, *self.states, self.time]

    @property
    def results(self) -> list[Value]:
        """What is computed at every step."""
        condition = [] if self.condition is None else [self.condition]
        return [*condition, *self.new_states, *self.outputs]

    @property
    def inner(self) -> list[Producer]:
        """The producers that are computed at every step, in order."""
        return dependent(self.results, self.leaves)

    @property
    def invariant(self) -> list[Value]:
        """The values from outside of the loop that every step uses."""
        own = set(self.variables.values())
        return [
            value
            for value in independent(self.results, self.leaves)
            if not (isinstance(value.producer, Weight) and value.producer.variable in own)
        ]

    @property
    def length_value(self) -> Value:
        """The number of steps as a tensor."""
        if isinstance(self.length, Value):
            return self.length
        return Value(Sizes((self.length,), True), "int32", ())

    @property
    def output_sizes(self) -> list[tuple[Size, ...]]:
        """The sizes of the outputs that are no states: they are allocated before the first step."""
        states = {id(value) for value in self.new_states}
        values = [value for value in self.outputs if id(value) not in states]
        return [tuple(value.size(axis) for axis in range(len(value.axes))) for value in values]

    @property
    def operands(self) -> Sequence[Value]:
        """All values from outside of the loop."""
        length = [] if self.sequences else [self.length_value]
        allocations = [Value(Sizes(sizes), "int32", (len(sizes),)) for sizes in self.output_sizes]
        return [*self.sequences, *self.initial, *self.invariant, *length, *allocations]


@dataclass(frozen=True)
class Program:
    """A model: its inputs, its outputs, the optimizer that trains it.

    outputs: values by the name of the output. specs: all layers, those of their own classes too.
    rounded: some of its constants were computed in float32, and have other values in float64.
    states: the names that inputs, and outputs as well, have of states that are handed on.
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
    states: list[str] = field(default_factory=list)

    @property
    def name(self) -> str:
        """What its model is called."""
        return STATEFUL if self.states else TRANSLATED

    @property
    def upcasts(self) -> bool:
        """Whether the model in float64 is the graph upcast to float64."""
        return self.dtype == "float32" and not self.rounded


def dims_in(size: Size) -> Iterator[Dim | Number]:
    """The sizes of values, and the numbers, that a size is computed from."""
    if isinstance(size, Dim | Number):
        yield size
    elif isinstance(size, Arithmetic):
        for term in size.terms:
            yield from dims_in(term)


def dependent(results: Sequence[Value], leaves: Sequence[Value]) -> list[Producer]:
    """The producers of some results that depend on leaves, in order."""
    on_leaves = {id(leaf.producer) for leaf in leaves}
    producers = []
    for producer in in_order(results):
        if any(id(value.producer) in on_leaves for value in producer.operands):
            on_leaves.add(id(producer))
            producers.append(producer)
    return producers


def independent(results: Sequence[Value], leaves: Sequence[Value]) -> list[Value]:
    """The values that some results are computed from, beside leaves, and do not depend on these."""
    inner = dependent(results, leaves)
    own = {id(producer) for producer in inner} | {id(leaf.producer) for leaf in leaves}
    operands = [value for producer in inner for value in producer.operands]
    found: dict[tuple[int, int], Value] = {}
    for value in [*operands, *results]:
        if id(value.producer) not in own:
            found.setdefault((id(value.producer), value.port), value)
    return [*found.values()]


def in_order(values: Sequence[Value]) -> list[Producer]:
    """The producers of some values and all upstream of them, in topological order."""
    ordered: dict[int, Producer] = {}
    stack = [(value.producer, False) for value in reversed(values)]
    while stack:
        producer, is_ready = stack.pop()
        if id(producer) in ordered:
            continue
        if is_ready:
            ordered[id(producer)] = producer
            continue
        stack.append((producer, True))
        stack += [(v.producer, False) for v in reversed(producer.operands)]
    return list(ordered.values())
