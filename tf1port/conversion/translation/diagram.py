"""The layers of a translated model as lines of text, each with its inputs and variables."""

from __future__ import annotations

from tf1port.conversion.translation.translated import Translated
from tf1port.keras_model import naming
from tf1port.keras_model.program import Constant, Loop, Op, Producer, Sizes, Use, Value, in_order
from tf1port.keras_model.program_conditions import Choice


def diagram(conversion: Translated) -> list[str]:
    """The model from its inputs to its outputs."""
    program, lines = conversion.program, []
    if conversion.left_out:
        left_out = (f"  {line}" for line in conversion.left_out)
        lines += ["INCOMPLETE, the model does not have", *left_out, ""]
    lines += [f"{name}: input {source['tensor']}" for name, source in conversion.inputs.items()]
    listed: set[int] = set()
    for producer in in_order([*program.outputs.values()]):
        layer = producer if isinstance(producer, Loop) else getattr(producer, "layer", None)
        spec = getattr(layer, "spec", None)
        if spec is None:
            continue
        sources = ", ".join(dict.fromkeys(_sources(producer)))
        lines += ["", f"{spec.name}: {_kind(producer, spec.kind)} of {sources}"]
        if id(layer) not in listed:
            width = max([18, *map(len, spec.sources)])
            lines += [f"  {role:<{width}} {name}" for role, name in spec.sources.items()]
            listed.add(id(layer))
    lines += ["", *(f"output {name}: {tensor}" for name, tensor in conversion.outputs.items())]
    if program.optimizer is not None:
        lines += [
            "",
            f"optimizer: {program.optimizer.kind}, after {program.optimizer.iterations} steps",
        ]
        lines += [f"  {note}" for note in program.optimizer.notes]
    lines += ["", *conversion.notes]
    return [*lines, "not converted: " + (", ".join(program.unused) or "nothing")]


def _kind(producer: Producer, kind: str) -> str:
    if not isinstance(producer, Loop):
        return kind
    return "a loop" if producer.condition is None else "a loop that ends on a condition,"


def _sources(producer: Producer) -> list[str]:
    """The names of the layers and inputs that a layer is connected to by ops alone."""
    names, queue, visited = [], list(producer.operands), set()
    while queue:
        value: Value = queue.pop(0)
        producer = value.producer
        if id(producer) in visited:
            continue
        visited.add(id(producer))
        spec = producer.spec if isinstance(producer, Loop) else None
        spec = producer.layer.spec if isinstance(producer, Use) else spec
        if spec is not None:
            names.append(spec.name)
        elif isinstance(producer, (Op, Sizes, Choice)):
            queue += producer.operands
        elif not isinstance(producer, Constant):
            names.append(naming.of_node(producer.scope))
    return names
