"""The statements of one function of a Program's source: of build_model, or of a layer's call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tf1port.keras_model import naming
from tf1port.keras_model.op_table import Operand, Operation, Translation, translate
from tf1port.keras_model.op_table.writing import number
from tf1port.keras_model.program import (
    Arithmetic,
    Constant,
    Dim,
    Input,
    Loop,
    Op,
    Producer,
    Size,
    Sizes,
    Use,
    Value,
    Weight,
    in_order,
)
from tf1port.keras_model.program_blocks import arranged, blocks_of, leaves
from tf1port.keras_model.statements import as_lines, inlined

if TYPE_CHECKING:
    from tf1port.keras_model.program_source import ProgramSource

_MIRRORED = {"Less": "Greater", "LessEqual": "GreaterEqual"}
_MIRRORED |= {mirror: op for op, mirror in _MIRRORED.items()}


class Body:
    """The statements of a function: of build_model, or of the call of a layer of some ops."""

    def __init__(self, source: ProgramSource, order: Sequence[Producer], *, functional: bool):
        self.source, self.functional = source, functional
        self.texts = source.texts if functional else {}
        self.names = source.names if functional else naming.Names()
        self.order = order
        self.statements: list[tuple[str, str, Any]] = []
        self.weights: dict[str, str] = {}  # texts of variables of the layer's own
        self.known_sizes: dict[Dim, tuple[Value, int]] = {}  # as an axis of an argument

    def lines(self, *, indent: int, returned: Sequence[Value] = ()) -> list[str]:
        """The statements as lines.

        Args:
            returned: the values that the function returns.
        """
        blocks = blocks_of(self.order, self._is_dynamic) if self.functional else {}
        for producer in arranged(self.order, blocks):
            if self.functional and id(producer) in self.source.within_loops:
                continue
            if id(producer) in blocks:
                self._block(blocks[id(producer)])
            elif isinstance(producer, Op):
                self._op(producer)
            elif isinstance(producer, Use):
                self._use(producer)
            elif isinstance(producer, Loop):
                self._loop(producer)
            elif self.functional and hasattr(producer, "variable"):
                self._variable(producer)
        names = {self.texts.get((id(value.producer), value.port), "") for value in returned}
        return as_lines(inlined(self.statements, names), indent)

    def _is_dynamic(self, op: Op) -> bool:
        """Whether an op needs a size that is known only when the model runs."""
        probe = Body(self.source, [], functional=False)
        for value in leaves(op):
            probe.texts.setdefault((id(value.producer), value.port), "x")
        translation = probe.translated(op)
        return translation.needs_layer or "ops.shape(" in translation.call

    def name(self, value: Value) -> str:
        """A new name for a value from outside the function: an argument."""
        text = self.names.new(name_of(value.producer))
        self.texts[id(value.producer), value.port] = text
        return text

    def tensor(self, value: Value) -> str:
        """The text of a value."""
        producer = value.producer
        if isinstance(producer, Constant):
            return _literal(producer.array, self)
        if isinstance(producer, Weight) and producer.variable in self.weights:
            return self.weights[producer.variable]
        if isinstance(producer, Sizes):
            sizes = [self.size(size) for size in producer.sizes]
            return str(sizes[0]) if producer.scalar else f"({', '.join(map(str, sizes))},)"
        return self.texts[id(producer), value.port]

    def size(self, size: Size) -> str | int:
        """The text of a size."""
        if isinstance(size, int):
            return size
        if isinstance(size, Arithmetic):
            terms = [self.size(term) for term in size.terms]
            return f" {size.operator} ".join(
                f"({term})" if " " in str(term) else str(term) for term in terms
            )
        value, axis = self.known_sizes.get(size, (size.value, size.axis))
        return f"ops.shape({self.tensor(value)})[{axis}]"

    def operand(self, value: Value) -> Operand:
        """A value as an operand for the table of ops."""
        producer = value.producer
        array = producer.array if isinstance(producer, Constant) else None
        entries = None
        if isinstance(producer, Sizes):
            entries = tuple(self.size(size) for size in producer.sizes)
            if producer.scalar:
                text = f"({entries[0]})" if " " in str(entries[0]) else str(entries[0])
                return Operand(text, value.dtype, ())
        return Operand(self.tensor(value), value.dtype, value.shape, array, entries)

    def _op(self, op: Op) -> None:
        alias = _last_step(op, self.source.users) if op.op == "StridedSlice" else None
        if alias is not None:
            self.texts[id(op), 0] = self.texts[id(alias), 0]
            return
        translation = self.translated(op)
        name = self.names.new(name_of(op))
        self.statements.append((name, self.typed(translation.call), None))
        for port, template in enumerate(translation.outputs):
            self.texts[id(op), port] = template.format(name)

    def translated(self, op: Op) -> Translation:
        """An op as the table of ops writes it."""
        if op.op == "SequenceMask":
            lengths, steps = (self.tensor(value) for value in op.inputs)
            dtype = op.inputs[0].dtype
            # In this order: a tensor of TensorFlow does not compare itself with one of keras.Input.
            return Translation(f'{lengths}[:, None] > ops.arange({steps}, dtype="{dtype}")')
        operands = [self.operand(value) for value in op.inputs]
        name = op.op
        if name in _MIRRORED and self.functional and not _depends_on_input(op.inputs[0]):
            # A tensor of TensorFlow does not compare itself with one of keras.Input.
            name, operands = _MIRRORED[name], operands[::-1]
        if op.op == "Reshape":
            operands[1] = self._target(op.inputs[1], operands[1])
        operation = Operation(
            name,
            op.scope,
            op.attrs,
            tuple(operands),
            len(op.out_dtypes),
            op.out_dtypes,
            op.out_shapes,
        )
        return translate(operation)

    def _target(self, value: Value, operand: Operand) -> Operand:
        """The target of a reshape, -1 for its size that is not known if there is only one."""
        if not isinstance(value.producer, Sizes):
            return operand
        sizes = value.producer.sizes
        unknown = [size for size in sizes if not isinstance(size, int)]
        if len(unknown) != 1 or -1 in sizes:
            return operand
        entries = tuple(size if isinstance(size, int) else -1 for size in sizes)
        return Operand(str(entries), "int32", value.shape, None, entries)

    def typed(self, text: str) -> str:
        """Within a layer's call, the model's dtype is written as self.compute_dtype."""
        dtype = self.source.program.dtype
        return text if self.functional else text.replace(f'"{dtype}"', "self.compute_dtype")

    def _loop(self, loop: Loop) -> None:
        assert loop.spec is not None
        arguments = ", ".join(self.tensor(value) for value in self.source.loop(loop))
        names = []
        for port in sorted(self.source.users[id(loop)]):
            names.append(self.names.new(loop.spec.name))
            self.texts[id(loop), port] = names[-1]
        self.statements.append((", ".join(names), f"({arguments})", loop))

    def _use(self, use: Use) -> None:
        arguments = [self.tensor(value) for value in use.positional]
        if use.layer.kind == "recurrent" and "mask" not in use.keywords and _has_mask(use):
            arguments[0] += " * 1.0"  # a new tensor, without the mask of the layer below
        for key, value in use.keywords.items():
            if isinstance(value, list):
                arguments.append(f"{key}=[{', '.join(map(self.tensor, value))}]")
            else:
                arguments.append(f"{key}={self.tensor(value)}")
        names = self._targets(use)
        self.statements.append((", ".join(names), f"({', '.join(arguments)})", use.layer))

    def _targets(self, use: Use) -> list[str]:
        assert use.layer.spec is not None
        base, options = use.layer.spec.name, use.layer.spec.options
        if use.layer.kind != "recurrent":
            name = self.names.new(base)
            self.texts[id(use), 0] = name
            return [name]
        first = self.names.new(base)
        self.texts[id(use), 0] = first
        if not options.get("return_state"):
            self.texts[id(use), 1] = first
            return [first]
        ports_used = self.source.users.get(id(use), {})
        targets = [first if 0 in ports_used else "_"]
        for port in range(1, use.layer.outputs):
            name = self.names.new(f"{base}_{'hc'[port - 1]}") if port in ports_used else "_"
            self.texts[id(use), port] = name
            targets.append(name)
        return targets

    def _variable(self, producer) -> None:
        sources = {"value": producer.variable}
        spec = next(
            candidate for candidate in self.source.program.specs if candidate.sources == sources
        )
        first = self.source.program.inputs[0]
        name = self.names.new(spec.name)
        self.texts[id(producer), 0] = name
        self.statements.append((name, f"({self.tensor(first)})", spec))

    def _block(self, block: list[Op]) -> None:
        class_, inputs, results = self.source.block(block)
        names = [self.names.new(name_of(value.producer)) for value in results]
        for value, name in zip(results, names, strict=True):
            self.texts[id(value.producer), value.port] = name
        dtype = self.source.program.dtype
        arguments = ", ".join(self.tensor(value) for value in inputs)
        layer = self.source.layer_names.new(naming.identifier(class_))
        call = f'{class_}(dtype="{dtype}", name="{layer}")({arguments})'
        self.statements.append((", ".join(names), call, None))


def _last_step(op: Op, users) -> Use | None:
    """The recurrent layer that returns its last output alone, where this op slices that output."""
    use = op.inputs[0].producer
    if "step" not in op.attrs or not isinstance(use, Use) or use.layer.spec is None:
        return None
    return None if use.layer.spec.options["return_sequences"] else use


def _has_mask(use: Use) -> bool:
    """Whether a layer's input comes from a masked layer through layers alone."""
    below = use.positional[0].producer
    while isinstance(below, Use):
        if "mask" in below.keywords:
            return True
        below = below.positional[0].producer
    return False


def _depends_on_input(value: Value) -> bool:
    """Whether a value depends on an input or a variable of the model."""
    producers = in_order([value])
    return any(isinstance(producer, Input | Weight | Use | Loop) for producer in producers)


def name_of(producer: Producer) -> str:
    """A name for the output of a producer."""
    if isinstance(producer, Use) and producer.layer.spec is not None:
        return producer.layer.spec.name
    return naming.of_node(producer.scope or "x")


def _literal(array: np.ndarray, body: Body) -> str:
    """A constant as source: a number, or an array of the model's own dtype."""
    if array.ndim == 0:
        return number(array, str(array.dtype))
    if len(set(array.ravel().tolist())) == 1 and array.size > 8:
        if not array.any():
            return f'ops.zeros({array.shape}, dtype="{array.dtype}")'
        return f'ops.full({array.shape}, {array.ravel()[0].item()!r}, dtype="{array.dtype}")'
    return f'ops.array({array.tolist()!r}, dtype="{array.dtype}")'
