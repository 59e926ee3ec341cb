"""Reads a TF1 checkpoint and the graph beside it, and plans the Keras model."""

import dataclasses
from collections.abc import Sequence
from typing import Any

from tf1port.conversion.cells_alone import network_of_cells
from tf1port.conversion.head_map import check_layers, with_map
from tf1port.conversion.opened import Opened
from tf1port.conversion.stack import Conversion
from tf1port.errors import UserError
from tf1port.keras_model.blueprint import Blueprint, draw
from tf1port.keras_model.objective import with_objective, with_statistics
from tf1port.keras_model.optimizer import OptimizerSpec
from tf1port.keras_model.optimizer_search import find_optimizer, why_not, with_trained
from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.checkpoint.inventory import Inventory
from tf1port.tf1.checkpoint.reader import Checkpoint
from tf1port.tf1.graph.dependencies import is_fed
from tf1port.tf1.graph.ends import Ends, find_ends
from tf1port.tf1.graph.importing import check_needed
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.network import Network, find_network
from tf1port.tf1.graph.pruning import behind
from tf1port.tf1.graph.searching import searching
from tf1port.tf1.session.probing import with_observed_head
from tf1port.tf1.session.recurrent_subgraph import network_tensors


def read(path: str, *, trust: bool = False, **options: Any) -> Conversion:
    """Reads a checkpoint and the graph beside it, and plans its Keras model.

    Args:
        path, trust: as for tf1port.conversion.opened.Opened.
        options: those of `plan`.

    Raises:
        UserError: as `Opened` and `plan`.
    """
    return plan(Opened(path, trust=trust), **options)


def plan(
    opened: Opened,
    *,
    averages: bool = False,
    forget_bias: float | None = None,
    activation: str | None = None,
    head_map: str | None = None,
) -> Conversion:
    """Plans the Keras model of a checkpoint and the graph beside it.

    Args:
        averages: take the moving averages of variables in the place of these; no optimizer then.
        forget_bias, activation: of all cells, where there is no graph to read them off.
        head_map: a file that describes the layers after the cells, see tf1port.conversion.head_map.

    Raises:
        UserError: the `.meta` is damaged, the cells are unknown, or something is missing that only
            a graph knows; the map is wrong, or not needed.
    """
    checkpoint, contents = opened.checkpoint, opened.contents
    cells = _without_buffers(contents.cells)
    if not cells:
        raise UserError(_no_cell(opened.path, contents))
    if averages:
        checkpoint = _averaged(checkpoint, contents, cells)
    if checkpoint.meta is None:
        network = network_of_cells(cells, forget_bias, activation, path=opened.path)
        planned: dict[str, Any] = {"notes": [], "head_map": head_map, "trust": opened.trust}
        return _planned(checkpoint, contents, network, graph=None, **planned)
    if forget_bias is not None or activation is not None:
        raise UserError(
            f"{checkpoint.meta} knows the forget bias and the activation: leave them out"
        )
    with searching(checkpoint.meta):
        graph = opened.graph
        network = find_network(graph, cells)
        _check_same_model(checkpoint, graph, network)
        check_needed(graph, network_tensors(network))
        _check_gradients(graph, network_tensors(network))
        probed, fault = with_observed_head(graph, network, checkpoint.read)
        notes = [*opened.notes, *_notes(graph, probed if head_map else network, probed, fault)]
        planned = {"notes": notes, "head_map": head_map, "trust": opened.trust}
        return _planned(checkpoint, contents, probed, graph=graph, **planned)


def _check_same_model(checkpoint: Checkpoint, graph: Graph, network: Network) -> None:
    """Refuses a graph whose variables are not those of the checkpoint."""
    missing = sorted(set(network.variables) - checkpoint.shapes.keys())
    if missing:
        raise UserError(
            f"{checkpoint.meta} is of another model: the checkpoint has no {missing[0]}, so give "
            "the .meta that was saved with it"
        )
    for name in network.variables:
        shape = graph.shape_of(name)
        if shape is not None and shape != checkpoint.shapes[name]:
            raise UserError(
                f"{checkpoint.meta} is of another model: its {name} is {list(shape)}, the "
                f"checkpoint's {list(checkpoint.shapes[name])}, so give the .meta saved with it"
            )


def _check_gradients(graph: Graph, tensors: Sequence[str]) -> None:
    """Refuses a node with a gradient that is not its op's own."""
    names = behind(graph.nodes, tensors)
    custom = sorted(name for name in names if "_gradient_op_type" in graph.nodes[name].attr)
    if custom:
        raise UserError(
            f"the gradient of {custom[0]} is a custom one, which no stack of layers has"
        )


def _averaged(checkpoint: Checkpoint, contents: Inventory, cells: Sequence[Cell]) -> Checkpoint:
    """The checkpoint with the moving averages of its variables as their values."""
    averages = {
        name: average for name, average in contents.averages.items() if name in checkpoint.shapes
    }
    for cell in cells:
        for name in sorted(cell.variables.values()):
            if name not in averages:
                raise UserError(
                    f"{checkpoint.prefix} holds no moving average of {name}: leave out --averages"
                )
    return checkpoint.with_substitutes(averages)


def _no_cell(path: str, contents: Inventory) -> str:
    """The error message for a checkpoint without known cells."""
    see = f"see python -m tf1port inspect {path}"
    if not contents.unexplained:
        return f"{path} holds no recurrent cell: {see}"
    name = contents.unexplained[0]
    return f"{path} holds no cell of a known kind ({name} is {contents.notes[name]}): {see}"


def _notes(graph: Graph, network: Network, probed: Network, fault: str | None) -> list[str]:
    """Lines on what the model lacks of its graph.

    Args:
        network, found: as the graph's operations were read, and what a run of it proved of that.
        fault: why it was not run; None: it was.
    """
    notes = []
    if graph.dropped:
        notes.append(f"dropout is left out: {', '.join(graph.dropped)}")
    for layer in [*probed.before, *probed.after]:
        if layer.kind == "batch_normalization" and layer.options["momentum"] is None:
            notes.append(f"how {layer.variables['moving_mean']} is averaged is not known: 0.99")
    if network.after and not probed.after:
        why = "takes neither the last output nor the final state nor the outputs of all steps"
        if fault:
            why = f"takes something of the cells that is not known, as {fault}"
        notes.append(
            f"{_first_variable(network.after)} {why}: the cells alone are converted, unless there "
            "is a --map"
        )
    return notes


def _first_variable(layers: Sequence[Layer]) -> str:
    return next(name for layer in layers for name in layer.variables.values())


def _without_buffers(cells: Sequence[Cell]) -> list[Cell]:
    """The cells without raw buffers of cuDNN's that a Saver has written as cells as well."""
    scopes = [cell.scope for cell in cells if cell.family != "opaque"]
    return [
        cell
        for cell in cells
        if cell.family != "opaque" or not any(s.startswith(cell.scope + "/") for s in scopes)
    ]


def _planned(
    checkpoint: Checkpoint,
    contents: Inventory,
    network: Network,
    *,
    graph: Graph | None,
    notes: list[str],
    head_map: str | None,
    trust: bool,
) -> Conversion:
    if head_map:
        shapes = checkpoint.shapes
        network = with_map(network, head_map, graph=graph, shapes=shapes, trust=trust)
    try:
        blueprint = draw(network, checkpoint.read, masked=_is_masked(graph, network))
    except ValueError as error:
        raise UserError(f"{checkpoint.prefix}: {error}") from None
    if head_map:
        check_layers(blueprint, head_map)
    ends = _ends(checkpoint, graph, network)
    optimizer = None
    if graph is not None:
        blueprint = _with_trained(graph, blueprint)
        # The state of an optimizer is not that of averages.
        if not checkpoint.substitutes and not checkpoint.hidden:
            optimizer = find_optimizer(graph, blueprint.specs, checkpoint, contents)
            reason = why_not(graph, blueprint.specs)
            notes = [*notes, *([f"the optimizer is left out: {reason}"] if reason else [])]
        optimizer = with_statistics(optimizer, graph, blueprint.specs)
        optimizer = _with_objective(optimizer, graph, blueprint, ends, checkpoint)
    names = [checkpoint.substitutes.get(name, name) for name in network.variables]
    accounted = {*names, *(optimizer.variables if optimizer else ())}
    raw = sorted(set(network.variables) & set(names)) if checkpoint.substitutes else []
    notes = [*notes, *(f"{name} has no moving average: its own value is used" for name in raw)]
    unused = sorted(checkpoint.shapes.keys() - accounted)
    blueprint = dataclasses.replace(blueprint, optimizer=optimizer, unused=unused)
    mapped = head_map is not None
    return Conversion(checkpoint, network, graph, blueprint, contents.counters, notes, mapped, ends)


def _with_objective(
    optimizer: OptimizerSpec | None,
    graph: Graph,
    blueprint: Blueprint,
    ends: Ends | None,
    checkpoint: Checkpoint,
) -> OptimizerSpec | None:
    """The optimizer with the loss and the penalties that the graph minimizes, where known."""
    if ends is None or len(ends.outputs) != 1:
        return optimizer
    outputs = {"outputs": ends.outputs[0]}
    masked = ["outputs"] if blueprint.masked and blueprint.takes == "steps" else []
    return with_objective(optimizer, graph, blueprint.specs, outputs, checkpoint, masked=masked)


def _with_trained(graph: Graph, blueprint: Blueprint) -> Blueprint:
    """The blueprint whose layers are trained where the graph trains their variables."""
    parts = (blueprint.before, blueprint.recurrent, blueprint.after)
    before, recurrent, after = ([with_trained(graph, spec) for spec in part] for part in parts)
    return dataclasses.replace(blueprint, before=before, recurrent=recurrent, after=after)


def _ends(checkpoint: Checkpoint, graph: Graph | None, network: Network) -> Ends | None:
    """The Ends of a network; None where no graph tells.

    Raises:
        UserError: its outputs depend on something fed that no layer takes.
    """
    if graph is None or any(layer.run is None for layer in network.recurrent):
        return None
    ends = find_ends(graph, network)
    if ends.extra_feeds:
        raise UserError(
            f"{checkpoint.meta}: {ends.outputs[-1]} also depends on {', '.join(ends.extra_feeds)}, "
            "which no layer takes: convert knows models of one sequence and its lengths alone"
        )
    return ends


def _is_masked(graph: Graph | None, network: Network) -> bool:
    """Whether the sequence lengths depend on a placeholder."""
    run = network.recurrent[0].run
    if graph is None or run is None or run.lengths is None:
        return False
    lengths = run.lengths
    shapes = {"Shape", "ShapeN", "Size", "Rank"}
    through = {node.op for node in graph.nodes.values()} - shapes
    ops = {graph.node(t).op for t in graph.behind(lengths, through=through) if graph.node(t)}
    return any(map(is_fed, ops))
