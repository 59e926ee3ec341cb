"""Constants of both sides of a port: of cells, optimizers, learning rates and their schedules."""

from collections.abc import Iterable, Sequence
from contextlib import suppress
from typing import Any

import keras
import numpy as np

from tf1port.comparison.ladder.constants import RATE, UNKNOWN
from tf1port.comparison.sides.protocol import NotOffered
from tf1port.comparison.sides.tapping import directions
from tf1port.errors import UserError
from tf1port.numerics.optimizers import CLIPS
from tf1port.tf1.graph.dependencies import is_fed
from tf1port.tf1.graph.index import VARIABLES

DENSE = 1e8  # a norm that is never reached: it makes the gradient of a table a dense one (D20)

# Options of Keras' optimizers that TF1's do not have, switched off.
_NEUTRAL = {
    "momentum": 0.0,
    "nesterov": False,
    "amsgrad": False,
    "centered": False,
    "weight_decay": None,
    "use_ema": False,
    "gradient_accumulation_steps": None,
    "loss_scale_factor": None,
    **dict.fromkeys(CLIPS),
}
_MOST = 200  # numbers read from an array


def of_graph(optimizer: Any) -> dict[str, Any]:
    """The constants of a graph's optimizer (OptimizerSpec), but for its rate."""
    unknown = {*optimizer.unknown, "learning_rate"}
    unknown |= {*CLIPS} if "clipping" in unknown else set()
    options = _undense({"optimizer": optimizer.kind, **_NEUTRAL, **optimizer.options})
    return {name: value for name, value in options.items() if name not in unknown}


def of_model(optimizer: keras.optimizers.Optimizer, kind: str) -> dict[str, Any]:
    """The constants of a Keras optimizer, but for its rate; kind: the class of Keras that it is."""
    options = _undense({**optimizer.get_config(), "optimizer": kind})
    if not options.get("weight_decay"):
        options["weight_decay"] = None
    return {name: value for name, value in options.items() if name != "learning_rate"}


def _undense(options):
    """Options without a clipping that only makes gradients dense."""
    dense = (options.get("global_clipnorm") or 0) >= DENSE
    return {**options, "global_clipnorm": None} if dense else options


def rates_of_graph(side: Any, batch: Any, counts: Sequence[int]) -> dict[str, Any]:
    """The learning rate of a CheckpointSide after some numbers of steps, by name."""
    with suppress(NotOffered, UserError):
        rates = side.rates(batch, counts)
        if rates is not None:
            return _named(counts, rates)
    return {}


def rates_of_model(optimizer: keras.optimizers.Optimizer, counts: Sequence[int]) -> dict[str, Any]:
    """The same of a Keras optimizer."""
    iterations, rates = int(optimizer.iterations), []
    try:
        for count in counts:
            optimizer.iterations.assign(count)
            rates.append(float(optimizer.learning_rate))
    finally:
        optimizer.iterations.assign(iterations)
    return _named(counts, rates)


def numbers_behind(graph: Any, tensor: str) -> tuple[list[float], bool]:
    """The constants that a tensor of a graph is computed from, and whether it is fed.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
    """
    through = {node.op for node in graph.nodes.values()}
    numbers, fed = [], False
    for name in graph.behind(tensor, through=through):
        node = graph.node(name)
        value = graph.constant(name)
        if value is not None and value.dtype.kind in "iuf":
            numbers += [float(number) for number in np.ravel(value)[:_MOST]]
        fed = fed or (node is not None and is_fed(node.op))
    return numbers, fed


def depends_on_variables(graph: Any, tensor: str) -> bool:
    """Whether a tensor of a graph is computed from variables."""
    through = {node.op for node in graph.nodes.values()}
    nodes = map(graph.node, graph.behind(tensor, through=through))
    return any(node is not None and node.op in VARIABLES for node in nodes)


def numbers_in(config: Any) -> list[float]:
    """All numbers in a configuration."""
    if isinstance(config, dict):
        return [number for value in config.values() for number in numbers_in(value)]
    if isinstance(config, list | tuple):
        return [number for value in config for number in numbers_in(value)]
    return [float(config)] if type(config) in (int, float) else []


def clips_of_graph(layers: Any) -> dict[str, Any]:
    """The clips of cells (RecurrentLayers by name): a number, or None."""
    return {
        f"{clip} of {name}": getattr(layer.constants, clip)
        for name, layer in layers.items()
        for clip in ("cell_clip", "projection_clip")
    }


def clips_of_model(layers: Any, names: Iterable[str]) -> dict[str, Any]:
    """The same of Keras' layers by path, for the names that a graph has cells of."""
    cells: dict[str, Any] = {}
    for path, layer in layers.items():
        for name, recurrent in directions(path, layer).items():
            inner = getattr(recurrent.cell, "cells", None)
            cells |= (
                {name: recurrent.cell}
                if inner is None
                else {f"{name}/cell_{n}": cell for n, cell in enumerate(inner)}
            )
    return {
        f"{clip} of {name}": _clip(cells.get(name), clip)
        for name in names
        for clip in ("cell_clip", "projection_clip")
    }


def _clip(cell, name):
    """A clip of a Keras cell: Keras' own cells have none, other classes may call it anything."""
    if type(cell).__module__.startswith("keras."):
        return None
    if cell is None or not hasattr(cell, name):
        return UNKNOWN
    return getattr(cell, name)


def _named(counts, rates):
    return {f"{RATE} after {n} steps": rate for n, rate in zip(counts, rates, strict=True)}
