"""A TF1 checkpoint as a `.keras` model, with its source and a map of what went where."""

import dataclasses
import json
import os
from typing import NamedTuple

from porting.blueprint import Blueprint, draw
from porting.checkpoint import inventory, open_checkpoint
from porting.graph import Graph, check_trusted, load_graph
from porting.network import Network, RecurrentLayer, find_network
from porting.optimizer_specs import find_optimizer
from porting.probing import with_takes
from porting.wiring import ACTIVATIONS, Constants, UnknownCell
from shared.errors import UserError
from shared.files import replacing

KERAS_ACTIVATIONS = {*ACTIVATIONS.values(), "linear"}


class Conversion(NamedTuple):
    """What was found of a checkpoint and what becomes of it."""

    checkpoint: object
    network: object
    graph: Graph | None
    blueprint: Blueprint
    counters: dict[str, str]  # the checkpoint's, by what is counted


def read(path, *, trust=False, forget_bias=None, activation=None):
    """Reads a checkpoint and the graph beside it, and plans its Keras model.

    Args:
        path: as for porting.checkpoint.open_checkpoint.
        trust: also take a graph whose ops run Python or touch files.
        forget_bias, activation: of all cells, where there is no graph to read them off.

    Raises:
        UserError: the checkpoint or its `.meta` is damaged, its cells are unknown, or something is
            missing that only a graph knows.
    """
    checkpoint = open_checkpoint(path)
    held = inventory(checkpoint)
    if not held.cells:
        raise UserError(f"{path} holds no recurrent cell: see python -m porting inspect {path}")
    if checkpoint.meta is None:
        network = _without_graph(held.cells, forget_bias, activation, path=path)
        return _planned(checkpoint, held, network, graph=None)
    if forget_bias is not None or activation is not None:
        raise UserError(
            f"{checkpoint.meta} knows the forget bias and the activation: leave them out"
        )
    graph_def = load_graph(checkpoint.meta)
    if not trust:
        check_trusted(graph_def)
    graph = Graph(graph_def)
    try:
        network = find_network(graph, held.cells)
        missing = sorted(set(network.variables) - checkpoint.shapes.keys())
        if missing:
            raise UserError(
                f"{checkpoint.meta} is of another model: the checkpoint has no {missing[0]}"
            )
        network = with_takes(graph, network, checkpoint.read)
    except UnknownCell as error:
        raise UserError(f"{checkpoint.meta}: {error}") from None
    return _planned(checkpoint, held, network, graph=graph)


def _without_graph(cells, forget_bias, activation, *, path):
    """The cells alone, in the order of their names; the caller says what only a graph knows."""
    if activation is None or (forget_bias is None and any(c.family == "lstm" for c in cells)):
        raise UserError(
            f"{path} has no .meta beside it, which alone knows --forget-bias and --activation: "
            "say both (TF1's defaults are 1.0 and tanh)"
        )
    if activation not in KERAS_ACTIVATIONS:
        raise UserError(
            f"--activation is {activation}: give one of {', '.join(sorted(KERAS_ACTIVATIONS))}"
        )
    if len({cell.direction for cell in cells}) > 1 or len({cell.layer for cell in cells}) < len(
        cells
    ):
        raise UserError(f"{path} has several cells in no order of layers: put its .meta beside it")
    layers = [
        RecurrentLayer(
            cell, Constants(activation, forget_bias if cell.family == "lstm" else None), None
        )
        for cell in sorted(cells, key=lambda cell: cell.layer or 0)
    ]
    return Network([], layers, [], "steps")


def _planned(checkpoint, held, network, *, graph):
    try:
        blueprint = draw(network, checkpoint.read, masked=_is_masked(graph, network))
    except ValueError as error:
        raise UserError(f"{checkpoint.prefix}: {error}") from None
    optimizer = None if graph is None else find_optimizer(graph, blueprint.specs, checkpoint, held)
    used = {*network.variables, *(optimizer.variables if optimizer else ())}
    unused = sorted(checkpoint.shapes.keys() - used)
    blueprint = dataclasses.replace(blueprint, optimizer=optimizer, unused=unused)
    return Conversion(checkpoint, network, graph, blueprint, held.counters)


def convert(path, target, **options):
    """Writes `target` (`.keras`), its source (`.py`) and its map (`.json`); returns a Conversion.

    Takes the options of `read`.

    Raises:
        UserError: as `read`, or `target` cannot be written.
    """
    from porting import build

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


def report(conversion):
    """The map, for JSON: each TF1 variable, where it went and what was done to it; the rest."""
    blueprint, shapes = conversion.blueprint, conversion.checkpoint.shapes
    recurrent = zip(blueprint.recurrent, conversion.network.recurrent, strict=True)
    biases = {spec.name: layer.constants.forget_bias for spec, layer in recurrent}
    moved = [
        {
            "variable": variable,
            "shape": list(shapes[variable]),
            "layer": spec.name,
            "role": role,
            "operation": spec.operation,
        }
        for spec in blueprint.specs
        for role, variable in spec.sources.items()
    ]
    found = {
        "checkpoint": os.path.basename(conversion.checkpoint.prefix),
        "dtype": blueprint.dtype,
        "layers": [
            {
                "name": spec.name,
                "kind": spec.kind,
                "options": spec.options,
                "family": spec.family,
                "forget_bias": biases.get(spec.name),
            }
            for spec in blueprint.specs
        ],
        "takes": blueprint.takes,
        "masked": blueprint.masked,
        "variables": moved,
        "unused": blueprint.unused,
    }
    if blueprint.optimizer is not None:
        optimizer = blueprint.optimizer
        found["optimizer"] = {
            "kind": optimizer.kind,
            "options": optimizer.options,
            "iterations": optimizer.iterations,
            "slots": optimizer.sources,
            "counters": {
                key: {"variable": name, "dtype": str(conversion.checkpoint.dtypes[name])}
                for key, name in conversion.counters.items()
            },
            "variables": optimizer.variables,
            "notes": optimizer.notes,
        }
    return found


def diagram(conversion):
    """The wiring that was found, from the inputs down, as lines of text."""
    blueprint = conversion.blueprint
    took = "ids [B, T]" if blueprint.features is None else f"inputs [B, T, {blueprint.features}]"
    lines = [took]
    for spec in blueprint.specs:
        options = ", ".join(f"{name}={value}" for name, value in spec.options.items())
        lines += ["  |", f"{spec.name}: {spec.kind}({options})"]
        for role, variable in spec.sources.items():
            lines.append(f"  |   {role:<18} {variable}")
        run = next(
            (r.run for r in conversion.network.recurrent if r.cell.variables == spec.sources), None
        )
        if run is not None:
            how = "a loop (dynamic_rnn)" if run.looped else f"{len(run.steps)} unrolled steps"
            lines.append(f"  |   {how}, {spec.operation}")
    if blueprint.optimizer is not None:
        optimizer = blueprint.optimizer
        options = ", ".join(f"{name}={value}" for name, value in optimizer.options.items())
        lines += ["", f"optimizer: {optimizer.kind}({options})"]
        lines += [
            f"  after {optimizer.iterations} steps; slots: {', '.join(optimizer.slots) or 'none'}"
        ]
        lines += [f"  {note}" for note in optimizer.notes]
    lines += ["", "not taken over: " + (", ".join(blueprint.unused) or "nothing")]
    return lines


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
