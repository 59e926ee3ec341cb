"""A Program as Python source: a function that builds the model, and the layers that Keras has not.

Ops with sizes that are known only when the model runs are grouped into layers of their own; all
others are written inline, as Keras traces them by itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tf1port.keras_model import naming
from tf1port.keras_model.expressions import WIDTH, docstring
from tf1port.keras_model.program import (
    Loop,
    Op,
    Producer,
    Program,
    Use,
    Value,
    in_order,
)
from tf1port.keras_model.program_blocks import arguments, sparse_to_keras, starts, users_of
from tf1port.keras_model.program_body import Body, takes_numbers
from tf1port.keras_model.program_conditions import Choice
from tf1port.keras_model.program_scan import repeated, scan
from tf1port.keras_model.statements import commented, folded, wrapped

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
        self.users = users_of(self.order, program.outputs.values())
        self.within_loops = starts(self.order, self.users)
        self.texts: dict[tuple[int, int], str] = {}
        finals = {name: program.outputs[name] for name in program.states}
        self.bases = {(id(v.producer), v.port): f"new_{name}" for name, v in finals.items()}
        self.sparse = sparse_to_keras(self.order)
        self._masked = _with_mask(self.order)

    def text(self) -> str:
        """The file."""
        order = [producer for producer in self.order if id(producer) not in self.within_loops]
        body = Body(self, order, functional=True)
        lines = self._model(body)
        variables = [
            spec for spec in self.program.specs if spec.call.function.endswith(".Variable")
        ]
        if variables:
            self.classes.insert(0, self._registered(_VARIABLE.strip("\n"), ()))
        head = [self._head(), "", "import keras", "from keras import ops"]
        definitions = [line for text in self.classes for line in ("", "", text)]
        text = "\n".join([*head, *self._cells(), *definitions, "", "", *lines, ""])
        return text if re.search(r"\bops\.", text) else text.replace("from keras import ops\n", "")

    def _head(self) -> str:
        text = docstring(self.title)
        quotes = '"""'
        more = "The comment above a layer names its variables in the checkpoint."
        return f"{text.removesuffix(quotes)}\n\n{more}\n{quotes}" if text.endswith(quotes) else text

    def _cells(self) -> list[str]:
        from tf1port.keras_model.cell_source import definitions

        imports = {line for spec in self.program.specs for line in spec.call.imports}
        names = [line.rpartition(" ")[2] for line in imports if line.startswith("from tf1port.")]
        return definitions(sorted(names)) if names else []

    def _registered(self, source: str, inputs: Iterable[Value]) -> str:
        if any(id(value.producer) in self._masked for value in inputs):  # Keras would warn of it
            source += "\n\n    def compute_mask(self, *_):\n        return None"
        return f'@keras.saving.register_keras_serializable("{self.package}")\n{source}'

    def _model(self, body: Body) -> list[str]:
        program = self.program
        about = docstring(self._about())
        lines = ["def build_model():", *wrapped(about, 4)]
        for value, base_name in zip(program.inputs, program.input_names, strict=True):
            name = self.names.new(base_name)
            self.texts[id(value.producer), 0] = self.bases[id(value.producer), 0] = name
            shape = ", ".join(map(str, (value.shape or ())[1:]))
            shape = f"({shape}{',' if value.shape and len(value.shape) == 2 else ''})"
            batch = f"batch_shape={value.shape}" if _is_fixed(value) else shape
            line = f'    {name} = keras.Input({batch}, dtype="{value.dtype}", name="{name}")'
            lines += [line] if len(line) <= WIDTH else folded(line, 4)
        lines += body.lines(indent=4, returned=[*program.outputs.values()])
        ins = ", ".join(self.texts[id(value.producer), 0] for value in program.inputs)
        outs = {name: body.tensor(value) for name, value in program.outputs.items()}
        out = next(iter(outs.values()))
        if len(outs) > 1:
            out = "{" + ", ".join(f'"{name}": {text}' for name, text in outs.items()) + "}"
        ins = ins if len(program.inputs) == 1 else f"[{ins}]"
        call = f'    model = keras.Model({ins}, {out}, name="{program.name}")'
        lines += [call] if len(call) <= WIDTH else _broken(program.name, ins, outs, out)
        if program.optimizer is not None:
            arguments = program.optimizer.source(outputs=len(outs))
            lines += ["    model.compile(", *arguments, "    )"]
        return [*lines, "    return model"]

    def _about(self) -> str:
        inputs = ", ".join(self._input_text(value) for value in self.program.inputs)
        return f"From {inputs} to {', '.join(self.program.outputs)}."

    @staticmethod
    def _input_text(value: Value) -> str:
        sizes = ", ".join("?" if size is None else str(size) for size in value.shape or ())
        return f"{naming.of_node(value.producer.scope)} [{sizes}]"

    def loop(self, loop: Loop) -> list[Value]:
        """Writes the layer of a loop; returns the arguments of its call, in order."""
        assert loop.spec is not None
        body = Body(self, loop.inner, functional=False)
        body.layer = f"{loop.scope}/{loop.spec.name}"
        inputs, body.known_sizes = arguments(loop.operands, self.within_loops)
        parameters = [body.name(value) for value in inputs]
        weights = commented(naming.in_comment(loop.variables.values()), 8)
        for role, variable in loop.variables.items():
            shape = loop.spec.weights[role].shape
            line = f'        self.{role} = self.add_weight(name="{role}", shape={shape})'
            weights += [line] if len(line) <= WIDTH else folded(line, 8)
            body.weights[variable] = f"self.{role}"
        name = loop.spec.call.function.rpartition(".")[2]
        scope = naming.plain(loop.scope)
        until = "" if loop.condition is None else ", while its condition holds"
        lines = [
            f"class {name}(keras.layers.Layer):",
            *wrapped(f'"""The loop {scope} of the graph: one step after the other{until}."""', 4),
            "",
        ]
        if weights:
            # Keras hands the name on from a configuration only to arguments called kwargs.
            lines += ["    def __init__(self, **kwargs):", "        super().__init__(**kwargs)"]
            lines += [*weights, ""]
        lines += [*_call(parameters), *scan(body, loop)]
        self.classes.append(self._registered("\n".join(lines), inputs))
        return inputs

    @staticmethod
    def inner_loop(body: Body, loop: Loop, ports: Sequence[int], *, indent: int):
        """The lines of a loop within a layer's call, and the texts of its results."""
        return repeated(body, loop, ports, indent=indent)

    def block(self, ops: list[Op | Choice]) -> tuple[str, list[Value], list[Value]]:
        """Writes a layer of some ops: returns its name, its inputs and its outputs."""
        inner = {id(op) for op in ops}
        inputs, known_sizes = arguments(
            value for op in ops for value in op.operands if id(value.producer) not in inner
        )
        inputs = [value for value in inputs if id(value.producer) not in inner]
        used_outside = [
            value
            for op in ops
            for value in self.users.get(id(op), {}).values()
            if any(id(user) not in inner for user in value[1])
        ]
        results = [value for value, _ in used_outside]
        body = Body(self, ops, functional=False)
        body.known_sizes = known_sizes
        parameters = [body.name(value) for value in inputs]
        lines = body.lines(indent=8, returned=results, ends=True)
        name = self.class_names.new(naming.class_name(body.base(results[-1])))
        scopes = ", ".join(naming.plain(value.producer.scope) for value in results)
        about = f"What the graph computes as {scopes}."
        if [getattr(op, "op", "") for op in ops] == ["SequenceMask"]:
            about = "True for the steps [B, T] before the end of a row."
        source = [
            f"class {name}(keras.layers.Layer):",
            *wrapped(f'"""{about}"""', 4),
            "",
            *_call(parameters),
            *lines,
            *_output_spec(ops, [body.typed(_spec(value)) for value in results], results),
        ]
        self.classes.append(self._registered("\n".join(source), inputs))
        return name, inputs, results


def _call(parameters: Sequence[str]) -> list[str]:
    """The lines that begin the call of a layer."""
    lines = folded(f"def call(self, {', '.join(parameters)})", 4)
    return [*lines[:-1], f"{lines[-1]}:"]


def _output_spec(
    ops: Sequence[Op | Choice], specs: Sequence[str], results: Sequence[Value]
) -> list[str]:
    """The lines of a method that says the shapes of a layer whose sizes are numbers it is given.

    Keras finds shapes by a call with sizes of its own, which fit no such number on some backends.
    """
    are_known = all(value.shape is not None for value in results)
    if not are_known or not any(isinstance(op, Op) and takes_numbers(op) for op in ops):
        return []
    returned = folded(f"return {', '.join(specs)}", 8)
    return ["", "    def compute_output_spec(self, *_):", *returned]


def _spec(value: Value) -> str:
    return f'keras.KerasTensor({value.shape}, dtype="{value.dtype}")'


def _with_mask(order: Sequence[Producer]) -> set[int]:
    """The ids of the producers whose outputs may have a mask of Keras'."""
    result: set[int] = set()
    for producer in order:
        is_masked = isinstance(producer, Use) and "mask" in producer.keywords
        if is_masked or any(id(value.producer) in result for value in producer.operands):
            result.add(id(producer))
    return result


def _is_fixed(value: Value) -> bool:
    """Whether an input has no axis of rows that is left open; a single number has none at all."""
    return value.axes[:1] != (None,)


def _broken(name: str, ins: str, outs, out: str) -> list[str]:
    lines = ["    model = keras.Model(", f"        {ins},"]
    if len(outs) == 1:
        lines.append(f"        {out},")
    else:
        lines += ["        {", *(f'            "{n}": {t},' for n, t in outs.items()), "        },"]
    return [*lines, f'        name="{name}",', "    )"]
