"""Reads what a graph computes, op by op, as the values of a model.

Known cells become recurrent layers, products with variables dense layers, rows of tables
embeddings, sizes arithmetic on sizes; every other op is as tf1port.keras_model.op_table has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.conversion.translation import (
    arrays,
    branches,
    loops,
    output_sizes,
    recurrent_layers,
    rules,
)
from tf1port.conversion.translation.constants import constants, rounded
from tf1port.conversion.translation.recurrences import RunOutput
from tf1port.conversion.translation.sizes import computed
from tf1port.conversion.translation.states import States
from tf1port.errors import UserError
from tf1port.keras_model.op_table import OPS
from tf1port.keras_model.program import (
    Arithmetic,
    Constant,
    Dim,
    Input,
    Layer,
    Op,
    Size,
    Value,
    Weight,
)
from tf1port.tf1.graph.dependencies import is_fed
from tf1port.tf1.graph.index import PASSING, Graph
from tf1port.tf1.graph.op_defs import output_type

_SAME = PASSING - {"StopGradient", "PreventGradient"}
_LARGEST = 64  # numbers of a constant that is written out
_OF_RESOURCES = {"ResourceGather": "GatherV2"}  # the same op, of a variable
_FLOATS = {"float16", "float32", "float64", "bfloat16"}


class CircularError(UserError):
    """What a tensor is computed from depends on the tensor itself."""


class Reader:
    """The values of a graph's tensors, each computed once.

    Args:
        graph: as it is outside of training.
        shapes: of the checkpoint's variables.
        run_outputs: the tensors that are outputs of a run of a known cell.
        raw: variables that belong to no layer, as several layers would share them.
        stateful: initial states that are zeros become inputs.
        fed_shapes: of the tensors whose sizes the graph fixes, where `graph` leaves them open.

    Attributes:
        inputs: the values of the placeholders, by the tensor's name, in the order of their use.
        layers: by kind, options and variables.
        uses: how many nodes compute with a tensor.
    """

    def __init__(
        self,
        graph: Graph,
        shapes: Mapping[str, tuple[int, ...]],
        run_outputs: Mapping[str, RunOutput],
        *,
        raw: Iterable[str] = (),
        stateful: bool = False,
        fed_shapes: Mapping[str, tuple[int | None, ...]] | None = None,
    ) -> None:
        self.graph, self.shapes, self.run_outputs, self.raw = graph, shapes, run_outputs, set(raw)
        self.states = States() if stateful else None
        self.fed_shapes = fed_shapes or {}
        self.inputs: dict[str, Value] = {}
        self.layers: dict[tuple[Any, ...], Layer] = {}
        self.uses: Counter[str] = Counter()
        self.runs: dict[int, dict[str, Value]] = {}
        self.masks: dict[tuple[int, Size], Value] = {}
        self.loops: dict[str, dict[str, Value]] = {}  # by the loop variable's tensor at the end
        self.branching = branches.Branching(graph)
        self.depth = 0  # of the loop that is being read
        self._values: dict[str, Value] = {}
        self._constants: dict[str, np.ndarray] = {}
        self._rounded: set[str] = set()
        self.rounded = False  # whether a constant was read that has another value in float64

    def read(self, tensors: Iterable[str]) -> list[Value]:
        """The values of some tensors.

        Raises:
            CircularError: one of them is upstream of itself.
            UserError: an op on the way to them has no counterpart.
        """
        origins = [self._origin(tensor) for tensor in tensors]
        self._constants |= constants(self.graph, self._order(origins))
        self._rounded |= rounded(self.graph, self._constants)
        order = self._order(origins)
        self.uses.update(origins)
        for tensor in order:
            self._count(tensor)
        for tensor in order:
            if tensor not in self._values:
                self._add_value(tensor)
        return [self.value(tensor) for tensor in origins]

    def set(self, tensor: str, value: Value) -> None:
        """Sets the value of a tensor from outside, such as a state at the start of a step."""
        self._values[tensor] = value

    def value(self, tensor: str) -> Value:
        """The value of a tensor that has been read."""
        return self._values[self._origin(tensor)]

    def initial_states(
        self, tensors: Iterable[str], scope: str, *, widths: Sequence[int] = ()
    ) -> list[Value]:
        """The values of a layer's initial states [B, U], of tensors that have been read."""
        names = list(tensors)
        if self.states is None or self.depth:
            return [self.value(name) for name in names]
        return self.states.starts(self, names, scope, widths)

    def fixed(self, size: Size) -> Size:
        """A size, as a number if the graph fixes it."""
        if isinstance(size, Arithmetic) and self.fed_shapes:
            sizes = [self.fixed(term) for term in size.terms]
            return reduce(lambda left, right: computed(size.operator, left, right), sizes)
        if isinstance(size, Dim) and isinstance(size.value.producer, Input):
            shape = self.fed_shapes.get(size.value.producer.tensor)
            number = shape[size.axis] if shape else None
            return size if number is None else number
        return size

    def variable(self, value: Value) -> str | None:
        """The variable that a value reads, where a layer may own it; else None.

        Within a loop no layer may: all its variables are weights of the loop's own layer.
        """
        producer = value.producer
        if isinstance(producer, Weight) and producer.variable not in self.raw and not self.depth:
            return producer.variable
        return None

    def _origin(self, tensor: str) -> str:
        """The tensor that a chain of identities starts from; ops that stop gradients end it."""
        while (node := self.graph.node(tensor)) is not None and node.op in _SAME:
            tensor = self.graph.inputs(node)[0]
        return tensor

    def constant(self, value: Value) -> np.ndarray | None:
        """The array of a constant value; None for any other."""
        return value.producer.array if isinstance(value.producer, Constant) else None

    def layer(self, kind: str, options: Mapping[str, Any], variables: dict[str, str], **more: Any):
        """The Layer of some variables, kind and options: the same one at each call."""
        key = (kind, repr(sorted(options.items())), *sorted(variables.items()))
        return self.layers.setdefault(key, Layer(kind, dict(options), variables, **more))

    def op(self, op: str, inputs: Iterable[Value]) -> Value:
        """The output of an op that is not in the graph; it has the dtype and shape of its input."""
        operands = tuple(inputs)
        like = operands[0]
        scope = f"{like.producer.scope}/{op}"
        producer = Op(op, {}, operands, (like.dtype,), (like.shape,), scope)
        return Value(producer, like.dtype, like.shape, dims=like.dims)

    def shape(self, tensor: str) -> tuple[int | None, ...] | None:
        """The sizes of a tensor as far as the graph knows them."""
        shape = self.graph.shape(tensor)
        return None if shape is None else tuple(shape)

    def _order(self, tensors: list[str]) -> list[str]:
        """Some tensors and all upstream of them that have no value yet, in topological order."""
        ordered: dict[str, None] = {}
        begun: set[str] = set()
        stack = [(tensor, False) for tensor in reversed(dict.fromkeys(tensors))]
        while stack:
            tensor, is_ready = stack.pop()
            if tensor in ordered or tensor in self._values:
                continue
            if is_ready:
                ordered[tensor] = None
                continue
            if tensor in begun:
                raise CircularError(f"{tensor} is computed in a loop of which no cell is known")
            begun.add(tensor)
            stack.append((tensor, True))
            inputs = self._inputs_of(tensor)
            stack += [(name, False) for name in reversed(inputs) if name not in ordered]
        return list(ordered)

    def _count(self, tensor: str) -> None:
        node = self.graph.node(tensor)
        if self._run_output(tensor) is not None or (
            node is not None and node.op not in rules.SIZES
        ):
            self.uses.update(self._inputs_of(tensor))

    def _inputs_of(self, tensor: str) -> list[str]:
        """The tensors that a tensor is computed from."""
        node = self.graph.node(tensor)
        if tensor in self._constants or node is None or is_fed(node.op):
            return []
        run_output = self._run_output(tensor)
        if node.op in loops.RESULTS and run_output is None:
            return []  # the loop reads its inputs by itself
        return [self._origin(name) for name in self._names_of_inputs(node, run_output)]

    def _names_of_inputs(self, node, run_output: RunOutput | None) -> list[str]:
        if run_output is not None:
            return run_output.recurrence.inputs
        if node.op in branches.SWITCHES | branches.MERGES:
            return branches.inputs(self, node)
        return arrays.inputs(self.graph, node) or self.graph.inputs(node)

    def _run_output(self, tensor: str) -> RunOutput | None:
        """The output of a known cell's run that a tensor is; within a loop no cell runs itself."""
        return None if self.depth else self.run_outputs.get(tensor)

    def _add_value(self, tensor: str) -> None:
        node = self.graph.node(tensor)
        if tensor in self._constants:
            self._values[tensor] = self._constant(tensor, node)
        elif (run_output := self._run_output(tensor)) is not None:
            self._values[tensor] = recurrent_layers.value(self, run_output)
        elif node is None:
            raise UserError(f"{tensor} is computed by backpropagation")
        elif is_fed(node.op):
            self._values[tensor] = self._input(tensor, node)
        elif node.op in loops.RESULTS:
            self._values[tensor] = loops.value(self, node, tensor)
        elif node.op in branches.SWITCHES | branches.MERGES:
            self._values[tensor] = branches.value(self, node, tensor)
        elif node.op == arrays.READ:
            self._values[tensor] = arrays.value(self, node)
        elif (variable := self.graph.variable(tensor)) is not None:
            self._values[tensor] = self._weight(tensor, variable)
        else:
            outputs = self._computed(node, [self.value(name) for name in self.graph.inputs(node)])
            self._values.update(
                (f"{node.name}:{port}", value) for port, value in enumerate(outputs)
            )
            if tensor not in self._values:
                raise UserError(f"{node.name} ({node.op}) gives no output {tensor}")

    def _constant(self, tensor: str, node) -> Value:
        array = np.asarray(self._constants[tensor])
        self.rounded |= tensor in self._rounded
        if array.size > _LARGEST and len(set(array.ravel().tolist())) > 1:
            raise UserError(f"{node.name} is a constant of {array.size} numbers")
        return Value(Constant(array, node.name), str(array.dtype), array.shape, dims=array.shape)

    def _input(self, tensor: str, node) -> Value:
        dtype = _name(output_type(node, int(tensor.rpartition(":")[2])))
        shape = self.shape(tensor)
        if dtype == "string" or shape is None:
            kind = "text" if dtype == "string" else "of an unknown number of axes"
            raise UserError(f"the input {tensor} is {kind}")
        producer = Input(tensor, node.name, fed_shape=self.fed_shapes.get(tensor))
        value = Value(producer, dtype, shape)
        self.inputs[tensor] = value
        return value

    def _weight(self, tensor: str, variable: str) -> Value:
        if variable not in self.shapes:
            raise UserError(f"the checkpoint has no {variable}")
        node = self.graph.node(tensor)
        dtype = _name(node.attr["dtype"].type)
        if dtype not in _FLOATS:
            raise UserError(f"the variable {variable} is of {dtype}")
        shape = tuple(self.shapes[variable])
        return Value(Weight(variable, variable), dtype, shape, dims=shape)

    def _computed(self, node, inputs: list[Value]) -> list[Value]:
        outputs = rules.apply(self, node, inputs)
        return outputs if outputs is not None else self.plain(node, inputs)

    def plain(self, node, inputs: list[Value]) -> list[Value]:
        """The outputs of an op that the table translates."""
        kind = _OF_RESOURCES.get(node.op, node.op)
        if kind not in OPS:
            raise UserError(f"{node.name} ({node.op}) has no counterpart in Keras")
        count = _count_of_outputs(node)
        dtypes = tuple(_name(output_type(node, port)) for port in range(count))
        shapes = tuple(self.shape(f"{node.name}:{port}") for port in range(count))
        op = Op(kind, attributes(node), tuple(inputs), dtypes, shapes, node.name)
        outputs = [
            Value(op, dtype, shape, port)
            for port, (dtype, shape) in enumerate(zip(dtypes, shapes, strict=True))
        ]
        output_sizes.set_sizes(self, kind, node, inputs, outputs)
        return outputs


def attributes(node) -> dict[str, Any]:
    """The attributes of a node as Python values."""
    return {key: _plain(value) for key, value in node.attr.items() if key != "_output_shapes"}


def _plain(value):
    kind = value.WhichOneof("value")
    if kind == "s":
        return value.s.decode("utf-8", "replace")
    if kind in ("i", "f", "b"):
        return getattr(value, kind)
    if kind == "type":
        return _name(value.type)
    if kind == "shape":
        return tuple(size.size for size in value.shape.dim)
    if kind == "list":
        return [*value.list.i, *value.list.f, *(_name(item) for item in value.list.type)]
    return None


def _count_of_outputs(node) -> int:
    """The number of outputs of a node."""
    count = 0
    while output_type(node, count) is not None:
        count += 1
    return count


def _name(kind) -> str:
    return tf1.as_dtype(kind).base_dtype.name
