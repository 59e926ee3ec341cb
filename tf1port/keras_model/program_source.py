"""A Program as Python source: a function that builds the model, and the layers that Keras has not.

What has sizes that only a run knows stands in a layer of its own; all else is written where it
is, for Keras follows it by itself.
"""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tf1port.keras_model import naming
from tf1port.keras_model.expressions import WIDTH, docstring
from tf1port.keras_model.op_table import Operand, Operation, Translation, translate
from tf1port.keras_model.program import (
    TRANSLATED,
    Arithmetic,
    Constant,
    Input,
    Loop,
    Op,
    Producer,
    Program,
    Size,
    Sizes,
    Use,
    Value,
    Weight,
    in_order,
)

_MIRRORED = {"Less": "Greater", "LessEqual": "GreaterEqual"}
_MIRRORED |= {other: one for one, other in _MIRRORED.items()}
_ROOM = 76  # characters of a statement that others are put into
_VARIABLE = '''
class Variable(keras.layers.Layer):
    """A variable by itself, whatever it is called on."""

    def __init__(self, shape, **options):
        super().__init__(**options)
        self.shape = tuple(shape)
        self.value = self.add_weight(name="value", shape=self.shape)

    def call(self, _):
        return ops.convert_to_tensor(self.value)

    def compute_output_spec(self, _):
        return keras.KerasTensor(self.shape, self.variable_dtype)

    def get_config(self):
        return {**super().get_config(), "shape": self.shape}
'''


class ProgramSource:
    """The source of a Program.

    Args:
        program: its layers have their specs.
        package: what the layers of the file are registered under.
        title: the first line of the file.
    """

    def __init__(self, program: Program, *, package: str, title: str) -> None:
        self.program, self.package, self.title = program, package, title
        self.names = naming.Names()
        self.classes: list[str] = []
        self.class_names = naming.Names()
        self.layer_names = naming.layer_names(spec.name for spec in program.specs)
        self.order = in_order([*program.inputs, *program.outputs.values()])
        self.users = _users(self.order, program.outputs.values())
        self.texts: dict[tuple[int, int], str] = {}
        self._masked = any("mask" in one.keywords for one in self.order if isinstance(one, Use))

    def text(self) -> str:
        """The file."""
        body = _Body(self, self.order, functional=True)
        lines = self._model(body)
        own = [spec for spec in self.program.specs if spec.call.function.endswith(".Variable")]
        if own:
            self.classes.insert(0, self._registered(_VARIABLE.strip("\n")))
        head = [docstring(self.title), "", "import keras", "from keras import ops"]
        cells = self._cells()
        parts = [*head, *cells]
        for one in self.classes:
            parts += ["", "", one]
        text = "\n".join([*parts, "", "", *lines, ""])
        return text if re.search(r"\bops\.", text) else text.replace("from keras import ops\n", "")

    def _cells(self) -> list[str]:
        from tf1port.keras_model.cell_source import definitions

        imports = {line for spec in self.program.specs for line in spec.call.imports}
        names = [line.rpartition(" ")[2] for line in imports if line.startswith("from tf1port.")]
        return definitions(sorted(names)) if names else []

    def _registered(self, source: str) -> str:
        if self._masked:  # of what comes from a layer with a mask: no layer of these has one
            source += "\n\n    def compute_mask(self, *_):\n        return None"
        return f'@keras.saving.register_keras_serializable("{self.package}")\n{source}'

    def _model(self, body: _Body) -> list[str]:
        program = self.program
        about = docstring(self._about())
        lines = ["def build_model():", *_wrapped(about, 4)]
        for value, wanted in zip(program.inputs, program.input_names, strict=True):
            name = self.names.new(wanted)
            self.texts[id(value.producer), 0] = name
            shape = ", ".join(map(str, (value.shape or ())[1:]))
            shape = f"({shape}{',' if value.shape and len(value.shape) == 2 else ''})"
            batch = f"batch_shape={value.shape}" if _is_fixed(value) else shape
            line = f'    {name} = keras.Input({batch}, dtype="{value.dtype}", name="{name}")'
            lines += [line] if len(line) <= WIDTH else _folded(line, 4)
        lines += body.lines(indent=4, kept=[*program.outputs.values()])
        ins = ", ".join(self.texts[id(value.producer), 0] for value in program.inputs)
        outs = {name: body.tensor(value) for name, value in program.outputs.items()}
        out = next(iter(outs.values()))
        if len(outs) > 1:
            out = "{" + ", ".join(f'"{name}": {text}' for name, text in outs.items()) + "}"
        call = f'    model = keras.Model([{ins}], {out}, name="{TRANSLATED}")'
        lines += [call] if len(call) <= WIDTH else _broken(call, ins, outs, out)
        if program.optimizer is not None:
            lines += ["    model.compile(", *program.optimizer.source(), "    )"]
        return [*lines, "    return model"]

    def _about(self) -> str:
        takes = ", ".join(self._one(value) for value in self.program.inputs)
        return f"From {takes} to {', '.join(self.program.outputs)}."

    @staticmethod
    def _one(value: Value) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in value.shape or ())
        return f"{naming.of_node(value.producer.scope)} [{sizes}]"

    def loop(self, loop: Loop) -> list[Value]:
        """Writes the layer of a loop; returns what it is called on, in order."""
        assert loop.spec is not None
        body = _Body(self, loop.inner, functional=False)
        taken: dict[tuple[int, int], Value] = {}
        for value in loop.operands:
            for leaf in [value] if not isinstance(value.producer, Sizes) else _sized(value):
                if not isinstance(leaf.producer, Constant):
                    taken.setdefault((id(leaf.producer), leaf.port), leaf)
        arguments = [body.name(value) for value in taken.values()]
        weights = []
        for role, variable in loop.variables.items():
            shape = loop.spec.weights[role].shape
            line = f'        self.{role} = self.add_weight(name="{role}", shape={shape})'
            weights += [line] if len(line) <= WIDTH else _folded(line, 8)
            body.weights[variable] = f"self.{role}"
        name = loop.spec.call.function.rpartition(".")[2]
        scope = re.sub(r"[^\w/.-]", "_", loop.scope, flags=re.ASCII)
        lines = [
            f"class {name}(keras.layers.Layer):",
            f'    """The loop {scope} of the graph: one step after the other."""',
            "",
        ]
        if weights:
            # Keras hands the name on from a configuration only to arguments called kwargs.
            lines += ["    def __init__(self, **kwargs):", "        super().__init__(**kwargs)"]
            lines += [*weights, ""]
        lines += [f"    def call(self, {', '.join(arguments)}):", *body.scan(loop)]
        self.classes.append(self._registered("\n".join(lines)))
        return list(taken.values())

    def block(self, ops_: list[Op]) -> tuple[str, list[Value], list[Value]]:
        """A layer of some ops: its name, what it takes, what others take of it."""
        inner = {id(op) for op in ops_}
        taken: dict[tuple[int, int], Value] = {}
        for op in ops_:
            for value in _leaves(op):
                if id(value.producer) not in inner:
                    taken.setdefault((id(value.producer), value.port), value)
        given = [
            value
            for op in ops_
            for value in self.users.get(id(op), {}).values()
            if any(id(user) not in inner for user in value[1])
        ]
        results = [value for value, _ in given]
        name = self.class_names.new(naming.class_name(_name_of(results[-1].producer)))
        body = _Body(self, ops_, functional=False)
        arguments = [body.name(value) for value in taken.values()]
        lines = body.lines(indent=8, kept=results)
        out = ", ".join(body.tensor(value) for value in results)
        source = [
            f"class {name}(keras.layers.Layer):",
            f'    """What the graph computes as {", ".join(_plain(v) for v in results)}."""',
            "",
            f"    def call(self, {', '.join(arguments)}):",
            *lines,
            f"        return {out}",
        ]
        self.classes.append(self._registered("\n".join(source)))
        return name, list(taken.values()), results


class _Body:
    """The statements of a function: of build_model, or of the call of a layer of some ops."""

    def __init__(self, source: ProgramSource, order: Sequence[Producer], *, functional: bool):
        self.source, self.functional = source, functional
        self.texts = source.texts if functional else {}
        self.names = source.names if functional else naming.Names()
        self.order = order
        self.statements: list[tuple[str, str, Any]] = []
        self.weights: dict[str, str] = {}  # texts of variables of the layer's own

    def lines(self, *, indent: int, kept: Sequence[Value] = ()) -> list[str]:
        """The statements as lines.

        Args:
            kept: the values that are returned.
        """
        blocks = _blocks(self.source, self.order) if self.functional else {}
        for producer in _arranged(self.order, blocks):
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
        names = {self.texts.get((id(value.producer), value.port), "") for value in kept}
        return _written(_inlined(self.statements, names), indent)

    def name(self, value: Value) -> str:
        """A new name for a value from elsewhere: an argument."""
        text = self.names.new(_name_of(value.producer))
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
            parts = [self.size(size) for size in producer.sizes]
            return str(parts[0]) if producer.scalar else f"({', '.join(map(str, parts))},)"
        return self.texts[id(producer), value.port]

    def size(self, size: Size) -> str | int:
        """The text of a size."""
        if isinstance(size, int):
            return size
        if isinstance(size, Arithmetic):
            parts = [self.size(term) for term in size.terms]
            return f" {size.operator} ".join(
                f"({part})" if " " in str(part) else str(part) for part in parts
            )
        return f"ops.shape({self.tensor(size.value)})[{size.axis}]"

    def operand(self, value: Value) -> Operand:
        """A value as the table of ops takes it."""
        producer = value.producer
        array = producer.array if isinstance(producer, Constant) else None
        parts = None
        if isinstance(producer, Sizes):
            parts = tuple(self.size(size) for size in producer.sizes)
            if producer.scalar:
                text = f"({parts[0]})" if " " in str(parts[0]) else str(parts[0])
                return Operand(text, value.dtype, ())
        return Operand(self.tensor(value), value.dtype, value.shape, array, parts)

    def _op(self, op: Op) -> None:
        alias = _last_step(op, self.source.users) if op.op == "StridedSlice" else None
        if alias is not None:
            self.texts[id(op), 0] = self.texts[id(alias), 0]
            return
        made = self.translated(op)
        name = self.names.new(_name_of(op))
        self.statements.append((name, self._typed(made.call), None))
        for port, template in enumerate(made.outputs):
            self.texts[id(op), port] = template.format(name)

    def translated(self, op: Op) -> Translation:
        """An op as the table of ops writes it."""
        if op.op == "SequenceMask":
            lengths, steps = (self.tensor(value) for value in op.taken)
            dtype = op.taken[0].dtype
            # In this order: a tensor of TensorFlow does not compare itself with one of keras.Input.
            return Translation(f'{lengths}[:, None] > ops.arange({steps}, dtype="{dtype}")')
        taken = [self.operand(value) for value in op.taken]
        name = op.op
        if name in _MIRRORED and self.functional and not _is_fed(op.taken[0]):
            # A tensor of TensorFlow does not compare itself with one of keras.Input.
            name, taken = _MIRRORED[name], taken[::-1]
        if op.op == "Reshape":
            taken[1] = self._target(op.taken[1], taken[1])
        operation = Operation(
            name,
            op.scope,
            op.attrs,
            tuple(taken),
            len(op.out_dtypes),
            op.out_dtypes,
            op.out_shapes,
        )
        return translate(operation)

    def _target(self, value: Value, operand: Operand) -> Operand:
        """The target of a reshape, its only size that is not known left open."""
        if not isinstance(value.producer, Sizes):
            return operand
        sizes = value.producer.sizes
        open_ = [size for size in sizes if not isinstance(size, int)]
        if len(open_) != 1 or -1 in sizes:
            return operand
        parts = tuple(size if isinstance(size, int) else -1 for size in sizes)
        return Operand(str(parts), "int32", value.shape, None, parts)

    def _typed(self, text: str) -> str:
        """Within a layer its own dtype stands for that of the model."""
        dtype = self.source.program.dtype
        return text if self.functional else text.replace(f'"{dtype}"', "self.compute_dtype")

    def scan(self, loop: Loop) -> list[str]:
        """The lines of a call: a function of one step, which ops.scan repeats.

        Of every step all states are kept, as ops.scan has room for what is like them alone: so an
        output that is no state becomes one. It reads one sequence of a length that only a run
        knows: further ones are read by the number of the step.
        """
        states = [self.name(value) for value in loop.states]
        starts = [self._start(value) for value in loop.initial]
        sequences = [self.tensor(value) for value in loop.sequences]
        first = sequences[0] if sequences else f"ops.arange({self.size(loop.length)})"
        steps = [self.name(value) for value in loop.steps]
        time = self.name(loop.time)
        pairs = zip(steps[1:], sequences[1:], strict=True)
        reads = [f"{name} = ops.take({text}, {time}, axis=0)" for name, text in pairs]
        body = self.lines(indent=12, kept=[*loop.new_states, *loop.outputs])
        made = [self.tensor(value) for value in loop.new_states]
        places = [self._kept(value, states, starts, made) for value in loop.outputs]
        if sequences and (reads or any(re.search(rf"\b{time}\b", line) for line in body)):
            states.append(time)
            starts.append("ops.convert_to_tensor(0)")
            made.append(f"{time} + 1")
        out = [f"finals[{index}]" for index in range(len(loop.initial))]
        out += [f"kept[{index}]" for index in places]
        out = [out[port] for port in sorted(self.source.users[id(loop)])]
        starts = [self._typed(text) for text in starts]  # which makes them longer
        scan = f"        finals, kept = ops.scan(step, [{', '.join(starts)}], {first})"
        if len(scan) > WIDTH:
            starts = [f"            {text}," for text in starts]
            scan = "\n".join(["        starts = [", *starts, "        ]"])
            scan += f"\n        finals, kept = ops.scan(step, starts, {first})"
        lines = [
            f"        def step(states, {steps[0] if steps else time}):",
            *([f"            {_row(states)} = states"] if states else []),
            *(f"            {line}" for line in reads),
            *body,
            f"            states = [{', '.join(made)}]",
            "            return states, states",
            "",
            scan,
            f"        return {', '.join(out)}",
        ]
        return [self._typed(line) for line in lines]

    def _start(self, value: Value) -> str:
        """A state at the start, as a tensor."""
        text = self.tensor(value)
        constant = isinstance(value.producer, Constant) and not text.startswith("ops.")
        return f'ops.convert_to_tensor({text}, dtype="{value.dtype}")' if constant else text

    def _kept(self, value: Value, states, starts, made) -> int:
        """The place of an output among the states; it becomes one where it is none."""
        text = self.tensor(value)
        if text not in made:
            states.append(self.names.new("last"))
            sizes = _row([str(self.size(value.size(axis))) for axis in range(len(value.axes))])
            starts.append(f'ops.zeros({sizes}, dtype="{value.dtype}")')
            made.append(text)
        return made.index(text)

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
            arguments[0] += " * 1.0"  # another tensor, without the mask of the layer below
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
        used = self.source.users.get(id(use), {})
        found = [first if 0 in used else "_"]
        for port in range(1, use.layer.outputs):
            name = self.names.new(f"{base}_{'hc'[port - 1]}") if port in used else "_"
            self.texts[id(use), port] = name
            found.append(name)
        return found

    def _variable(self, producer) -> None:
        sources = {"value": producer.variable}
        spec = next(one for one in self.source.program.specs if one.sources == sources)
        first = self.source.program.inputs[0]
        name = self.names.new(spec.name)
        self.texts[id(producer), 0] = name
        self.statements.append((name, f"({self.tensor(first)})", spec))

    def _block(self, block: list[Op]) -> None:
        class_, taken, results = self.source.block(block)
        names = [self.names.new(_name_of(value.producer)) for value in results]
        for value, name in zip(results, names, strict=True):
            self.texts[id(value.producer), value.port] = name
        dtype = self.source.program.dtype
        arguments = ", ".join(self.tensor(value) for value in taken)
        layer = self.source.layer_names.new(naming.identifier(class_))
        call = f'{class_}(dtype="{dtype}", name="{layer}")({arguments})'
        self.statements.append((", ".join(names), call, None))


def _users(order, outputs):
    """By producer and port: the value, and what takes it; the outputs are taken by themselves."""
    found: dict[int, dict[int, tuple[Value, list[object]]]] = {}
    for producer in order:
        for value in _leaves(producer):
            of = found.setdefault(id(value.producer), {})
            of.setdefault(value.port, (value, []))[1].append(producer)
    for value in outputs:
        of = found.setdefault(id(value.producer), {})
        of.setdefault(value.port, (value, []))[1].append(value)
    return found


def _leaves(producer: Producer) -> Iterable[Value]:
    """The tensors that a producer takes, those whose sizes it takes included."""
    for value in producer.operands:
        if isinstance(value.producer, Sizes):
            yield from _leaves(value.producer)
        elif not isinstance(value.producer, Constant):
            yield value


def _sized(value: Value) -> list[Value]:
    """The tensors whose sizes a value is made of."""
    return list(_leaves(value.producer))


def _blocks(source: ProgramSource, order) -> dict[int, list[Op]]:
    """The ops that stand in layers of their own: those with sizes that only a run knows, and what
    lies between them without a layer between."""
    depths: dict[int, int] = {}
    for producer in order:
        below = [depths.get(id(value.producer), 0) for value in producer.operands]
        depths[id(producer)] = max(below, default=0) + isinstance(producer, Use | Loop)
    ops_ = [one for one in order if isinstance(one, Op)]
    parent = {id(op): id(op) for op in ops_}

    def root(key: int) -> int:
        while parent[key] != key:
            key = parent[key]
        return key

    for op in ops_:
        for value in _leaves(op):
            other = value.producer
            if isinstance(other, Op) and depths[id(other)] == depths[id(op)]:
                parent[root(id(op))] = root(id(other))
    groups: dict[int, list[Op]] = {}
    for op in ops_:
        groups.setdefault(root(id(op)), []).append(op)
    found: dict[int, list[Op]] = {}
    for group in groups.values():
        if any(_is_dynamic(source, op) for op in group):
            found.update((id(op), group) for op in group)
    return found


def _arranged(order: Sequence[Producer], blocks: dict[int, list[Op]]) -> list[Producer]:
    """Producers in order, of each block the first one alone, after all that the block takes."""
    if not blocks:
        return list(order)
    found: dict[int, Producer] = {}
    begun: set[int] = set()  # for a block also takes sizes of its own ops
    stack = [(producer, False) for producer in reversed(order)]
    while stack:
        producer, done = stack.pop()
        block: Sequence[Producer] = blocks.get(id(producer), [producer])
        if done:
            found[id(block[0])] = block[0]
        if id(block[0]) in begun:
            continue
        begun.add(id(block[0]))
        stack.append((producer, True))
        inner = {id(one) for one in block}
        taken = [value.producer for one in block for value in one.operands]
        stack += [(one, False) for one in reversed(taken) if id(one) not in inner]
    return list(found.values())


def _is_dynamic(source: ProgramSource, op: Op) -> bool:
    """Whether an op has to ask for a size when the model runs."""
    probe = _Body(source, [], functional=False)
    for value in _leaves(op):
        probe.texts.setdefault((id(value.producer), value.port), "x")
    made = probe.translated(op)
    return made.needs_layer or "ops.shape(" in made.call


def _last_step(op: Op, users) -> Use | None:
    """The recurrent layer that gives its last output alone, where this op takes that."""
    use = op.taken[0].producer
    if "step" not in op.attrs or not isinstance(use, Use) or use.layer.spec is None:
        return None
    return None if use.layer.spec.options["return_sequences"] else use


def _has_mask(use: Use) -> bool:
    """Whether what a layer takes comes from a masked one by way of layers alone."""
    below = use.positional[0].producer
    while isinstance(below, Use):
        if "mask" in below.keywords:
            return True
        below = below.positional[0].producer
    return False


def _name_of(producer: Producer) -> str:
    if isinstance(producer, Use) and producer.layer.spec is not None:
        return producer.layer.spec.name
    return naming.of_node(producer.scope or "x")


def _plain(value: Value) -> str:
    return re.sub(r"[^\w/.-]", "_", value.producer.scope)


def _is_fixed(value: Value) -> bool:
    """Whether an input has no axis of rows that is left open; a single number has none at all."""
    return value.axes[:1] != (None,)


def _is_fed(value: Value) -> bool:
    """Whether a value depends on an input or a variable of the model."""
    made = in_order([value])
    return any(isinstance(one, Input | Weight | Use | Loop) for one in made)


def _literal(array: np.ndarray, body: _Body) -> str:
    """A constant as source: a number, or an array of the model's own dtype."""
    if array.ndim == 0:
        plain = array.item()
        if isinstance(plain, float) and not np.isfinite(plain):
            return f'float("{plain}")'
        return repr(plain)
    if len(set(array.ravel().tolist())) == 1 and array.size > 8:
        if not array.any():
            return f'ops.zeros({array.shape}, dtype="{array.dtype}")'
        return f'ops.full({array.shape}, {array.ravel()[0].item()!r}, dtype="{array.dtype}")'
    return f'ops.array({array.tolist()!r}, dtype="{array.dtype}")'


def _row(names: Sequence[str]) -> str:
    """Names as a tuple."""
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def _inlined(statements, kept: set[str]):
    """Statements without those whose names are used once, by an expression that has room for it."""
    found = list(statements)
    for index, (name, _, layer) in enumerate(statements):
        if layer is not None or not name.isidentifier() or name in kept:
            continue
        pattern = re.compile(rf"\b{name}\b")
        users = [i for i in range(len(found)) if found[i] and pattern.search(found[i][1])]
        if len(users) != 1 or len(pattern.findall(found[users[0]][1])) != 1:
            continue
        target, other, of = found[users[0]]
        (place,) = pattern.finditer(other)
        whole = _put(place, found[index][1], other)
        if len(target) + len(whole) < (_ROOM if of is None else _ROOM // 2):
            found[users[0]], found[index] = (target, whole, of), None
    return [one for one in found if one]


def _put(place: re.Match[str], text: str, other: str) -> str:
    """An expression in the place of a name, in parentheses where its operators would be torn."""
    before, after = other[: place.start()], other[place.end() :]
    alone = before.endswith(("(", "[", ", ")) and after.startswith((")", "]", ","))
    alone = alone or not (before or after)
    body = ast.parse(text, mode="eval").body
    whole = ast.Name | ast.Call | ast.Subscript | ast.Constant | ast.Attribute
    text = text if alone or isinstance(body, whole) else f"({text})"
    return before + text + after


def _written(statements, indent: int) -> list[str]:
    pad, lines = " " * indent, []
    counts = Counter(id(layer) for *_, layer in statements if layer is not None)
    named: dict[int, str] = {}
    for name, text, layer in statements:
        if layer is None:
            line = f"{pad}{name} = {text}"
            lines += [line] if len(line) <= WIDTH else _folded(line, indent)
            continue
        spec = getattr(layer, "spec", layer)
        if counts[id(layer)] == 1:
            lines += spec.call.lines(indent=indent, before=f"{name} = ", after=text)
            continue
        if id(layer) not in named:
            named[id(layer)] = f"{spec.name}_layer"
            lines += spec.call.lines(indent=indent, before=f"{spec.name}_layer = ")
        lines.append(f"{pad}{name} = {named[id(layer)]}{text}")
    return lines


def _folded(line: str, indent: int) -> list[str]:
    """A line that ends in a call or a list, broken within that where it is too long."""
    pad = " " * indent
    line = pad + line.strip()
    start = _opening(line)
    if len(line) <= WIDTH or start is None or not line.rstrip(",").endswith((")", "]")):
        return [line]
    end = len(line.rstrip(",")) - 1
    parts = _parts(line[start + 1 : end])
    inner = [one for part in parts for one in _folded(f"{part},", indent + 4)]
    one = " " * (indent + 4) + line[start + 1 : end]
    return [line[: start + 1], *([one] if len(one) <= WIDTH else inner), pad + line[end:]]


def _opening(line: str) -> int | None:
    """The place of the bracket that the last one of a line closes."""
    depth = 0
    for place in range(len(line.rstrip(",")) - 1, -1, -1):
        depth += (line[place] in ")]}") - (line[place] in "([{")
        if depth == 0:
            return place if line[place] in "([{" else None
    return None


def _parts(text: str) -> list[str]:
    """The arguments of a call."""
    found, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            found.append(text[start:place].strip())
            start = place + 1
    return [*found, text[start:].strip()] if text[start:].strip() else found


def _wrapped(text: str, indent: int) -> list[str]:
    """Words as lines."""
    pad = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=pad, subsequent_indent=pad)


def _broken(call: str, ins: str, outs, out: str) -> list[str]:
    lines = ["    model = keras.Model(", f"        [{ins}],"]
    if len(outs) == 1:
        lines.append(f"        {out},")
    else:
        lines += ["        {", *(f'            "{n}": {t},' for n, t in outs.items()), "        },"]
    return [*lines, '        name="translated",', "    )"]
