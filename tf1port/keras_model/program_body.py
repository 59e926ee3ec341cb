"""The statements of one function of a Program's source: of build_model, or of a layer's call."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

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
    Number,
    Op,
    Producer,
    Size,
    Sizes,
    Use,
    Value,
    Weight,
    dims_in,
    in_order,
)
from tf1port.keras_model.program_blocks import arranged, blocks_of, leaves
from tf1port.keras_model.program_conditions import Choice, source_of
from tf1port.keras_model.statements import (
    LINES,
    RETURN,
    Statement,
    as_lines,
    inlined,
    names_in,
    renamed,
)
from tf1port.keras_model.value_names import CONTEXT, WEIGHTS, of_op, of_use

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
        self.statements: list[Statement] = []
        self.indent = 0
        self.returned: Sequence[Value] = ()
        self.weights: dict[str, str] = {}  # texts of variables of the layer's own
        self.bases: dict[tuple[int, int], str] = source.bases if functional else {}
        self._layers: set[int] = set()  # whose variables were named
        self.kept: set[str] = set()  # names of arguments, which are not numbered anew
        self.base_of: dict[str, str] = {}  # by the name that was made of it
        self.roles: dict[tuple[int, int], str] = {}  # names of what a step of a loop computes
        self.layer = ""  # the scope of the layer that this is the call of
        self.known_sizes: dict[Dim, tuple[Value, int]] = {}  # as an axis of an argument

    def lines(
        self, *, indent: int, returned: Sequence[Value] = (), ends: bool = False
    ) -> list[str]:
        """The statements as lines.

        Args:
            returned: the values that the function returns. ends: the last statement returns them.
        """
        self.indent, self.returned = indent, returned
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
                self._loop(producer) if self.functional else self._inner_loop(producer)
            elif isinstance(producer, Choice):
                self._choice(producer)
            elif self.functional and hasattr(producer, "variable"):
                self._variable(producer)
        texts = [self.tensor(value) for value in returned]
        if ends:
            self.statements.append(Statement(RETURN, ", ".join(texts)))
        keep = set() if ends else {name for text in texts for name in names_in(text)}
        keep |= {name for name, base in self.base_of.items() if base.endswith((WEIGHTS, CONTEXT))}
        return as_lines(self._numbered(inlined(self.statements, keep)), indent)

    def _numbered(self, statements: list[Statement]) -> list[Statement]:
        """Statements with targets that are numbered anew, as some are gone into others."""
        layers = {f"{spec.name}_layer" for spec in self.source.program.specs}
        names = naming.Names((self.names.in_use - self.base_of.keys()) | layers | self.kept)
        targets = [name for statement in statements for name in names_in(statement.target)]
        new = {name: names.new(self.base_of[name]) for name in targets if name in self.base_of}
        for key, text in self.texts.items():
            self.texts[key] = renamed(text, new)
        return [
            s._replace(target=renamed(s.target, new), text=renamed(s.text, new)) for s in statements
        ]

    def _is_dynamic(self, op: Op | Choice) -> bool:
        """Whether an op needs a size that is known only when the model runs, or has branches."""
        if isinstance(op, Choice) or takes_numbers(op):
            return True
        probe = Body(self.source, [], functional=False)
        for value in leaves(op):
            probe.texts.setdefault((id(value.producer), value.port), "x")
        translation = probe.translated(op)
        return translation.needs_layer or "ops.shape(" in translation.call

    def name(self, value: Value) -> str:
        """A new name for a value from outside the function: an argument."""
        text = self.names.new(self.base(value))
        self.kept.add(text)
        self.texts[id(value.producer), value.port] = text
        return text

    def base(self, value: Value) -> str:
        """The name of a value, before it is numbered."""
        key = (id(value.producer), value.port)
        if key not in self.bases:
            known = self.source.bases.get(key)
            self.bases[key] = known or self._base(value.producer, value.port)
        return self.bases[key]

    def _base(self, producer: Producer, port: int) -> str:
        if isinstance(producer, Use):
            return of_use(producer, port)
        if isinstance(producer, Op):
            role = self.roles.get((id(producer), port), "")
            weighting = self._is_weighting(producer)
            return of_op(producer, self.base, layer=self.layer, role=role, is_weighting=weighting)
        if isinstance(producer, Choice):
            return "chosen"
        if isinstance(producer, Loop) and producer.spec is not None:
            name = producer.spec.name.rstrip("_")
            return f"{name}_{'state' if port < len(producer.initial) else 'outputs'}"
        return naming.of_node(producer.scope or "x")

    def _is_weighting(self, op: Op) -> bool:
        """Whether something is multiplied by the output of an op, maybe in another form."""
        through = {"Transpose", "ExpandDims", "Reshape", "Squeeze"}
        users = [
            user for _, of_port in self.source.users.get(id(op), {}).values() for user in of_port
        ]
        products = {"Mul", "BatchMatMul", "BatchMatMulV2", *through}
        return any(isinstance(user, Op) and user.op in products for user in users) or (not users)

    def _target(self, producer: Producer, port: int = 0) -> str:
        """A new name for what a statement computes."""
        base = self.base(Value(producer, "", None, port))
        name = self.names.new(base)
        self.base_of[name] = base
        self.texts[id(producer), port] = name
        return name

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
        if isinstance(size, Number):
            return self.tensor(size.value)
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
        name = self._target(op)
        self.statements.append(Statement(name, self.typed(translation.call)))
        for port, template in enumerate(translation.outputs):
            self.texts[id(op), port] = template.format(name)

    def translated(self, op: Op) -> Translation:
        """An op as the table of ops writes it."""
        if op.op == "SequenceMask":
            lengths, steps = self.as_tensor(op.inputs[0]), self.tensor(op.inputs[1])
            dtype = op.inputs[0].dtype
            # In this order: a tensor of TensorFlow does not compare itself with one of keras.Input.
            return Translation(f'{lengths}[:, None] > ops.arange({steps}, dtype="{dtype}")')
        operands = [self.operand(value) for value in op.inputs]
        name = op.op
        if name in _MIRRORED and self.functional and not _depends_on_input(op.inputs[0]):
            # A tensor of TensorFlow does not compare itself with one of keras.Input.
            name, operands = _MIRRORED[name], operands[::-1]
        if op.op == "Reshape":
            operands[1] = self._new_shape(op.inputs[1], operands[1])
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

    def _new_shape(self, value: Value, operand: Operand) -> Operand:
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
        arguments = ", ".join(map(self._argument, self.source.loop(loop)))
        names = [self._target(loop, port) for port in sorted(self.source.users[id(loop)])]
        self.statements.append(Statement(", ".join(names), f"({arguments})", loop))

    def _argument(self, value: Value) -> str:
        """A value as an argument of a layer of the file, which Keras traces to know its output."""
        text = self.tensor(value)
        is_sparse = id(value.producer) in self.source.sparse
        return f'ops.cast({text}, "{value.dtype}")' if is_sparse else text

    def _inner_loop(self, loop: Loop) -> None:
        values = [value for user in self.order for value in leaves(user)]
        ports = {value.port for value in [*values, *self.returned] if value.producer is loop}
        lines, results = self.source.inner_loop(self, loop, sorted(ports), indent=self.indent)
        self.statements.append(Statement("", "\n".join(lines), LINES))
        self.texts.update(((id(loop), port), text) for port, text in enumerate(results))

    def _choice(self, choice: Choice) -> None:
        chosen, name = self.tensor(choice.chosen), self._target(choice)
        branches = [self._branch(choice, branch, name) for branch in (True, False)]
        lines = [line for function, _ in branches for line in function]
        if lines:
            self.statements.append(Statement("", "\n".join(lines), LINES))
        call = f"ops.cond({chosen}, {branches[0][1]}, {branches[1][1]})"
        self.statements.append(Statement(name, call))

    def _branch(self, choice: Choice, branch: bool, name: str) -> tuple[list[str], str]:
        """The lines of the function of a branch, and its name; or none, and a lambda."""
        inner, result = self.nested(choice.inner(branch)), choice.results[branch]
        for leaf in choice.leaves(branch):
            inner.texts[id(leaf.producer), leaf.port] = self.as_tensor(source_of(leaf))
        lines = inner.lines(indent=self.indent + 4, returned=[result])
        text = inner.as_tensor(result)
        if not lines:
            return [], f"lambda: {text}"
        if len(lines) == 1 and lines[0].strip().startswith(f"{text} = "):
            return [], f"lambda: {lines[0].partition(' = ')[2]}"
        function, pad = self.names.new(f"{name}_if_{branch}".lower()), " " * self.indent
        return [f"{pad}def {function}():", *lines, f"{pad}    return {text}", ""], function

    def as_tensor(self, value: Value) -> str:
        """The text of a value, of a number as a tensor."""
        text = self.typed(self.tensor(value))
        if not isinstance(value.producer, Constant | Sizes) or text.startswith("ops."):
            return text
        return self.typed(f'ops.convert_to_tensor({text}, dtype="{value.dtype}")')

    def nested(self, order: Sequence[Producer]) -> Body:
        """A function within this one, which has all its names."""
        inner = Body(self.source, order, functional=False)
        inner.names, inner.texts, inner.weights = self.names, dict(self.texts), self.weights
        inner.bases, inner.roles, inner.layer = self.bases, self.roles, self.layer
        inner.kept, inner.known_sizes = self.kept, self.known_sizes
        return inner

    def _use(self, use: Use) -> None:
        assert use.layer.spec is not None
        arguments = [self.tensor(value) for value in use.positional]
        is_first = id(use.layer) not in self._layers
        self._layers.add(id(use.layer))
        comment = naming.in_comment(use.layer.spec.sources.values()) if is_first else ""
        if use.layer.kind == "recurrent" and "mask" not in use.keywords and _has_mask(use):
            arguments[0] += " * 1.0"
            comment += "; * 1.0 is a new tensor, without the mask of the layer below"
        for key, value in use.keywords.items():
            if isinstance(value, list):
                arguments.append(f"{key}=[{', '.join(map(self.tensor, value))}]")
            else:
                arguments.append(f"{key}={self.tensor(value)}")
        names = self._targets(use)
        text = f"({', '.join(arguments)})"
        self.statements.append(Statement(", ".join(names), text, use.layer, comment))

    def _targets(self, use: Use) -> list[str]:
        assert use.layer.spec is not None
        if use.layer.kind != "recurrent" or not use.layer.spec.recurrent_options.get(
            "return_state"
        ):
            name = self._target(use)
            self.texts[id(use), 1] = name
            return [name]
        ports_used = self.source.users.get(id(use), {})
        ports = range(use.layer.outputs)
        return [self._target(use, port) if port in ports_used else "_" for port in ports]

    def _variable(self, producer) -> None:
        sources = {"value": producer.variable}
        spec = next(
            candidate for candidate in self.source.program.specs if candidate.sources == sources
        )
        first = self.source.program.inputs[0]
        self.bases[id(producer), 0] = spec.name
        text, comment = f"({self.tensor(first)})", naming.in_comment([producer.variable])
        self.statements.append(Statement(self._target(producer), text, spec, comment))

    def _block(self, block: list[Op | Choice]) -> None:
        class_, inputs, results = self.source.block(block)
        names = [self._target(value.producer, value.port) for value in results]
        dtype = self.source.program.dtype
        arguments = ", ".join(map(self._argument, inputs))
        layer = self.source.layer_names.new(naming.identifier(class_))
        call = f'{class_}(dtype="{dtype}", name="{layer}")({arguments})'
        self.statements.append(Statement(", ".join(names), call))


def takes_numbers(op: Op) -> bool:
    """Whether the sizes that an op takes are numbers which are fed or computed."""
    vectors = [v.producer for v in op.inputs if isinstance(v.producer, Sizes)]
    sizes = [size for vector in vectors for size in vector.sizes]
    return any(isinstance(dim, Number) for size in sizes for dim in dims_in(size))


def _last_step(op: Op, users) -> Use | None:
    """The recurrent layer that returns its last output alone, where this op slices that output."""
    use = op.inputs[0].producer
    if "step" not in op.attrs or not isinstance(use, Use) or use.layer.spec is None:
        return None
    return None if use.layer.spec.recurrent_options["return_sequences"] else use


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


def _literal(array: np.ndarray, body: Body) -> str:
    """A constant as source: a number, or an array of the model's own dtype."""
    if array.ndim == 0:
        return number(array, str(array.dtype))
    if len(set(array.ravel().tolist())) == 1 and array.size > 8:
        if not array.any():
            return f'ops.zeros({array.shape}, dtype="{array.dtype}")'
        entry = number(array.ravel()[0], str(array.dtype))
        return f'ops.full({array.shape}, {entry}, dtype="{array.dtype}")'
    if array.ndim == 1 and array.size > 3 and array.tolist() == [*range(array.size)]:
        return f'ops.arange({array.size}, dtype="{array.dtype}")'
    return f'ops.array({array.tolist()!r}, dtype="{array.dtype}")'
