"""A checkpoint whose graph was translated op by op, and the model that it becomes."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tf1port.conversion.opened import Opened
from tf1port.conversion.stack import by_batch, drawn
from tf1port.conversion.translation.left_out import left_out
from tf1port.conversion.translation.open_sizes import opened
from tf1port.conversion.translation.recurrences import find_recurrences
from tf1port.conversion.translation.translate import translate
from tf1port.errors import UserError
from tf1port.keras_model import program_build
from tf1port.keras_model.objective import with_objective, with_statistics
from tf1port.keras_model.optimizer_search import find_optimizer, why_not
from tf1port.keras_model.program import ZEROS, Input, Program, Use, Value
from tf1port.tf1.checkpoint.inventory import Inventory
from tf1port.tf1.checkpoint.reader import Checkpoint
from tf1port.tf1.graph.files import signature_outputs
from tf1port.tf1.graph.importing import check_needed
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.pruning import behind
from tf1port.tf1.graph.searching import searching
from tf1port.tf1.graph.training_ops import losses_of


@dataclass(frozen=True)
class Translated:
    """The conversion of a checkpoint whose graph was translated op by op.

    inputs: the graph's tensor by the model's input, as the map has it. outputs: by its output.
    left_out: what of the program is not in the model, a line each.
    own_gradients: the nodes with a custom gradient.
    unchecked: what of the model was not compared with the graph, and why.
    source: the Python file that builds the model.
    compared: of a model that hands its states on, what was compared before it was written.
    """

    checkpoint: Checkpoint
    graph: Graph
    program: Program
    inputs: dict[str, dict[str, str]]
    outputs: dict[str, str]
    counters: dict[str, str]
    notes: list[str]
    source: str
    left_out: list[str]
    unchecked: tuple[str, ...] = ()
    own_gradients: tuple[str, ...] = ()
    compared: tuple[str, ...] = ()
    mapped: bool = False

    @property
    def zero_states(self) -> list[str]:
        """The tensors that are zeros in the graph, and states that the model is given."""
        producers = [value.producer for value in self.program.inputs]
        names = [p.tensor for p in producers if isinstance(p, Input) and p.state == ZEROS]
        return list(dict.fromkeys(names))

    @property
    def blueprint(self) -> Program:
        """The plan that the map is written from."""
        return self.program


def read_translated(
    path: str, *, trust: bool = False, outputs: Sequence[str] = (), stateful: bool = False
) -> Translated:
    """Reads a checkpoint with a graph, and plans its model op by op.

    Args:
        path, trust: as for tf1port.conversion.opened.Opened.
        outputs, stateful: as for `plan`.

    Raises:
        UserError: as `Opened` and `plan`.
    """
    return plan(Opened(path, trust=trust), outputs=outputs, stateful=stateful)


def plan(source: Opened, *, outputs: Sequence[str] = (), stateful: bool = False) -> Translated:
    """Plans the model of a checkpoint with a graph, op by op.

    Args:
        outputs: the tensors that are the model's outputs.
        stateful: its states are inputs and outputs, and it takes any number of rows and steps.

    Raises:
        UserError: it has no graph, or one with an op that has no counterpart in Keras.
    """
    meta = source.checkpoint.meta
    if meta is None:
        raise UserError(f"{source.path} has no .meta beside it, whose graph would be translated")
    with searching(meta):
        return _translated(source, meta, outputs=outputs, stateful=stateful)


def _translated(source: Opened, meta: str, *, outputs: Sequence[str], stateful: bool) -> Translated:
    checkpoint, contents, graph = source.checkpoint, source.contents, source.graph
    open_graph_def, fed_shapes = opened(graph.graph_def) if stateful else (graph.graph_def, {})
    open_graph = Graph(open_graph_def, trust=source.trust) if fed_shapes else graph
    shapes, read = checkpoint.shapes, checkpoint.read
    output_names = outputs or signature_outputs(meta)
    options: dict[str, Any] = {"stateful": stateful, "fed_shapes": fed_shapes}
    program, input_tensors, output_tensors = translate(
        open_graph, contents.cells, shapes, read, outputs=output_names, **options
    )
    check_needed(graph, list(output_tensors.values()))
    tensors = list(output_tensors.values())
    optimizer, notes = _optimizer(graph, program, checkpoint, contents, output_tensors)
    accounted = {name for spec in program.specs for name in spec.sources.values()}
    accounted |= {*(optimizer.variables if optimizer else ())}
    unused = sorted(shapes.keys() - accounted)
    program = dataclasses.replace(program, optimizer=optimizer, unused=unused)
    name = os.path.basename(checkpoint.prefix)
    title = f"The Keras model of the TF1 checkpoint {name}."
    text = program_build.source(program, name=name, title=title)
    inputs = {key: {"tensor": tensor} for key, tensor in input_tensors.items()}
    output_tensors = {
        name: graph.aliases.get(tensor, tensor) for name, tensor in output_tensors.items()
    }
    computed = set(behind(graph.nodes, tensors))
    lines = [f"the variable {name}" for name in unused]
    unused_ops = left_out(graph, computed, lambda: find_recurrences(graph, contents.cells))
    lines += [f"the op {name}, which uses the outputs" for name in unused_ops]
    losses = {graph.full(name) for name in losses_of(graph.graph_def)}
    lines += [
        f"what the loss {tensor} is computed from: name it with --outputs"
        for tensor in tensors
        if tensor in losses
    ]
    if graph.inference:
        lines += map(by_batch, graph.inference.always_by_batch(computed))
        lines += map(drawn, graph.inference.drawing)
    dropped = sorted(computed & graph.inference.always) if graph.inference else []
    lines += [f"the dropout of {name}, which has one rate always" for name in dropped]
    notes += [*source.notes, *_dropout_notes(graph, computed)]
    custom_gradients = sorted(n for n in computed if "_gradient_op_type" in graph.nodes[n].attr)
    lines += [f"the custom gradient of {name}" for name in custom_gradients]
    translated = Translated(
        checkpoint, graph, program, inputs, output_tensors, contents.counters, notes, text, lines
    )
    return dataclasses.replace(translated, own_gradients=tuple(custom_gradients))


def _dropout_notes(graph: Graph, computed: set[str]) -> list[str]:
    """A line on the dropout that training has and the model has not."""
    always = graph.inference.always & computed if graph.inference else set()
    names = sorted({*graph.dropped} - always)
    return [f"dropout is left out: {', '.join(names)}"] if names else []


def _optimizer(
    graph: Graph,
    program: Program,
    checkpoint: Checkpoint,
    contents: Inventory,
    outputs: Mapping[str, str],
):
    """The optimizer with its state, and lines on what the graph does not say."""
    if checkpoint.hidden:  # the state of an optimizer is not that of averages
        return None, []
    reason = why_not(graph, program.specs)
    optimizer = find_optimizer(graph, program.specs, checkpoint, contents)
    masked = [name for name, value in program.outputs.items() if _is_masked(value)]
    optimizer = with_statistics(optimizer, graph, program.specs)
    optimizer = with_objective(optimizer, graph, program.specs, outputs, checkpoint, masked=masked)
    return optimizer, [f"the optimizer is left out: {reason}"] if reason else []


def _is_masked(value: Value) -> bool:
    """Whether an output carries a mask of Keras': layers hand one on to each step, ops do not."""
    producer = value.producer
    if not isinstance(producer, Use) or len(value.shape or ()) < 3:
        return False
    return "mask" in producer.keywords or any(map(_is_masked, producer.positional))
