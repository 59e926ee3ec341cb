"""The layers of a translated model as lines of text, each with its inputs and variables."""

from __future__ import annotations

from tf1port.conversion.translation.translated import Translated
from tf1port.keras_model import naming
from tf1port.keras_model.program import Constant, Op, Producer, Sizes, Use, Value, in_order


def diagram(conversion: Translated) -> list[str]:
    """The model from its inputs to its outputs."""
    program, lines = conversion.program, []
    if conversion.left_out:
        left_out = (f"  {line}" for line in conversion.left_out)
        lines += ["INCOMPLETE, the model does not have", *left_out, ""]
    lines += [f"{name}: input {source['tensor']}" for name, source in conversion.inputs.items()]
    listed: set[int] = set()
    for producer in in_order([*program.outputs.values()]):
        if isinstance(producer, Use) and producer.layer.spec is not None:
            spec = producer.layer.spec
            sources = ", ".join(dict.fromkeys(_sources(producer)))
            lines += ["", f"{spec.name}: {spec.kind} of {sources}"]
            if id(producer.layer) not in listed:
                width = max([18, *map(len, spec.sources)])
                lines += [f"  {role:<{width}} {name}" for role, name in spec.sources.items()]
                listed.add(id(producer.layer))
    lines += ["", *(f"output {name}: {tensor}" for name, tensor in conversion.outputs.items())]
    if program.optimizer is not None:
        lines += [
            "",
            f"optimizer: {program.optimizer.kind}, after {program.optimizer.iterations} steps",
        ]
        lines += [f"  {note}" for note in program.optimizer.notes]
    lines += ["", *conversion.notes]
    return [*lines, "not converted: " + (", ".join(program.unused) or "nothing")]


def _sources(producer: Producer) -> list[str]:
    """The names of the layers and inputs that a layer is connected to by ops alone."""
    names, queue, visited = [], list(producer.operands), set()
    while queue:
        value: Value = queue.pop(0)
        producer = value.producer
        if id(producer) in visited:
            continue
        visited.add(id(producer))
        if isinstance(producer, Use) and producer.layer.spec is not None:
            names.append(producer.layer.spec.name)
        elif isinstance(producer, (Op, Sizes)):
            queue += producer.operands
        elif not isinstance(producer, Constant):
            names.append(naming.of_node(producer.scope))
    return names
