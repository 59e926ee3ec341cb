"""A TF1 checkpoint as a `.keras` model, with its source and a map of what went where."""

import dataclasses
import json
import os
import re
from typing import NamedTuple

from porting.checkpoint import inventory, open_checkpoint
from porting.graph import Graph, check_trusted, load_graph
from porting.graphs.equations import ACTIVATIONS, Constants
from porting.graphs.network import Level, Network, RecurrentLayer, find_network
from porting.graphs.probing import with_takes
from porting.graphs.runs import UnknownCell
from porting.head_map import check_layers, with_map
from porting.models.blueprint import Blueprint, draw
from porting.models.conversion_report import report
from porting.models.optimizer_specs import find_optimizer
from shared.errors import UserError
from shared.files import replacing

KERAS_ACTIVATIONS = {*ACTIVATIONS.values(), "linear"}


# The directions of a level, and how a stack is named that lies in one of them, not over both.
_WAYS = ({None, "fw"}, {"bw"})
_STACK_IN_WAY = re.compile(r"(^|/)[fb]w/.*cell_?\d")


class Conversion(NamedTuple):
    """What was found of a checkpoint and what becomes of it."""

    checkpoint: object
    network: object
    graph: Graph | None
    blueprint: Blueprint
    counters: dict[str, str]  # the checkpoint's, by what is counted
    notes: list[str]  # lines on what was not taken over as it stands
    mapped: bool = False  # the layers after the cells are a map's


def read(path, *, trust=False, forget_bias=None, activation=None, head_map=None):
    """Reads a checkpoint and the graph beside it, and plans its Keras model.

    Args:
        path: as for porting.checkpoint.open_checkpoint.
        trust: also take a graph whose ops run Python or touch files.
        forget_bias, activation: of all cells, where there is no graph to read them off.
        head_map: a file that describes the layers after the cells, see porting.head_map.

    Raises:
        UserError: the checkpoint or its `.meta` is damaged, its cells are unknown, or something is
            missing that only a graph knows; the map is wrong, or not needed.
    """
    checkpoint = open_checkpoint(path)
    held = inventory(checkpoint)
    cells = _without_buffers(held.cells)
    if not cells:
        raise UserError(f"{path} holds no recurrent cell: see python -m porting inspect {path}")
    if checkpoint.meta is None:
        network = _without_graph(cells, forget_bias, activation, path=path)
        return _planned(checkpoint, held, network, graph=None, notes=[], head_map=head_map)
    if forget_bias is not None or activation is not None:
        raise UserError(
            f"{checkpoint.meta} knows the forget bias and the activation: leave them out"
        )
    graph_def = load_graph(checkpoint.meta)
    if not trust:
        check_trusted(graph_def)
    graph = Graph(graph_def)
    try:
        network = find_network(graph, cells)
        missing = sorted(set(network.variables) - checkpoint.shapes.keys())
        if missing:
            raise UserError(
                f"{checkpoint.meta} is of another model: the checkpoint has no {missing[0]}"
            )
        found = with_takes(graph, network, checkpoint.read)
    except UnknownCell as error:
        raise UserError(f"{checkpoint.meta}: {error}") from None
    notes = _notes(graph, found if head_map else network, found)
    return _planned(checkpoint, held, found, graph=graph, notes=notes, head_map=head_map)


def _notes(graph, network, found):
    """What of a graph is left out of its model."""
    notes = []
    if graph.dropped:
        notes.append(f"dropout is left out: {', '.join(graph.dropped)}")
    for layer in [*found.before, *found.after]:
        if layer.kind == "batch_normalization" and layer.options["momentum"] is None:
            notes.append(f"how {layer.variables['moving_mean']} is averaged is not known: 0.99")
    if network.after and not found.after:
        notes.append(
            f"{_first_variable(network.after)} takes neither the last output nor the final "
            "state nor the outputs of all steps: the cells alone are converted, unless there is a "
            "--map"
        )
    return notes


def _first_variable(layers):
    return next(name for layer in layers for name in layer.variables.values())


def _without_buffers(cells):
    """The cells without raw buffers of cuDNN's that a Saver has written as cells as well."""
    scopes = [cell.scope for cell in cells if cell.family != "opaque"]
    return [
        cell
        for cell in cells
        if cell.family != "opaque" or not any(s.startswith(cell.scope + "/") for s in scopes)
    ]


def _without_graph(cells, forget_bias, activation, *, path):
    """The cells alone, in the order of their names; the caller says what only a graph knows."""
    if activation is None or (forget_bias is None and any("lstm" in c.family for c in cells)):
        raise UserError(
            f"{path} has no .meta beside it, which alone knows --forget-bias and --activation: "
            "say both (TF1's defaults are 1.0 and tanh)"
        )
    if activation not in KERAS_ACTIVATIONS:
        raise UserError(
            f"--activation is {activation}: give one of {', '.join(sorted(KERAS_ACTIVATIONS))}"
        )
    levels: dict[int, dict[str | None, RecurrentLayer]] = {}
    for cell in cells:
        bias = forget_bias if "lstm" in cell.family else None
        layer = RecurrentLayer(cell, Constants(activation, bias), None, cell.direction == "bw")
        if levels.setdefault(cell.layer or 0, {}).setdefault(cell.direction, layer) is not layer:
            raise UserError(
                f"{path} has several cells in no order of layers: put its .meta beside it"
            )
    order = [
        Level(*(tuple(ways[way] for way in (names & ways.keys())) for names in _WAYS))
        for _, ways in sorted(levels.items())
    ]
    if len(order) > 1 and all(_STACK_IN_WAY.search(cell.scope.lower()) for cell in cells):
        order = [Level(*(sum(layers, ()) for layers in zip(*order, strict=True)))]
    return Network([], order, [], "steps")


def _planned(checkpoint, held, network, *, graph, notes, head_map):
    if head_map:
        network = with_map(network, head_map, graph=graph, shapes=checkpoint.shapes)
    try:
        blueprint = draw(network, checkpoint.read, masked=_is_masked(graph, network))
    except ValueError as error:
        raise UserError(f"{checkpoint.prefix}: {error}") from None
    if head_map:
        check_layers(blueprint, head_map)
    optimizer = None if graph is None else find_optimizer(graph, blueprint.specs, checkpoint, held)
    used = {*network.variables, *(optimizer.variables if optimizer else ())}
    unused = sorted(checkpoint.shapes.keys() - used)
    blueprint = dataclasses.replace(blueprint, optimizer=optimizer, unused=unused)
    mapped = head_map is not None
    return Conversion(checkpoint, network, graph, blueprint, held.counters, notes, mapped)


def convert(path, target, **options):
    """Writes `target` (`.keras`), its source (`.py`) and its map (`.json`); returns a Conversion.

    Takes the options of `read`.

    Raises:
        UserError: as `read`, or `target` cannot be written.
    """
    from porting.models import build

    if not target.endswith(".keras"):
        raise UserError(f"--to is {target}: give a file that ends in .keras")
    conversion = read(path, **options)
    model = build.build(conversion.blueprint)
    stem = target[: -len(".keras")]
    name = os.path.basename(conversion.checkpoint.prefix)
    title = f"The Keras model of the TF1 checkpoint {name}."
    try:
        with replacing(target) as beside:
            model.save(beside)
        with replacing(stem + ".py") as beside, open(beside, "w", encoding="utf-8") as file:
            file.write(build.source(conversion.blueprint, title=title))
        with replacing(stem + ".json") as beside, open(beside, "w", encoding="utf-8") as file:
            json.dump(report(conversion), file, indent=1)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return conversion


def _is_masked(graph, network):
    """Do the sequences have lengths that are fed, rather than the full one?"""
    run = network.recurrent[0].run
    if run is None or run.lengths is None:
        return False
    lengths = run.lengths
    shapes = {"Shape", "ShapeN", "Size", "Rank"}
    through = {node.op for node in graph.nodes.values()} - shapes
    ops = {graph.node(t).op for t in graph.behind(lengths, through=through) if graph.node(t)}
    return bool(ops & {"Placeholder", "PlaceholderV2", "IteratorGetNext", "PlaceholderWithDefault"})
