"""Outputs and final states of a map's cells in a graph, where their loops are recognised."""

from collections.abc import Mapping
from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.comparison.sides.weight_map import CellEntry
from tf1port.tf1.graph.levels import RecurrentLayer
from tf1port.tf1.session.recurrent_subgraph import run_outputs, run_tensors, static_sizes


class Cells:
    """Cells by the names of their entries.

    Args:
        layers: tf1port.tf1.graph.levels.RecurrentLayers, each with a run.
        compared: names of the outputs and states that are compared; None: all.
    """

    def __init__(self, layers: Mapping[str, RecurrentLayer] | None = None, compared: Any = None):
        self.layers, self._compared = layers or {}, compared

    def keep(self, compared: Any) -> "Cells":
        """The same cells with those outputs and states alone that are compared."""
        return Cells(self.layers, set(compared))

    @property
    def names(self) -> list[str]:
        """The names of the outputs and states that `run` returns."""
        every: list[str] = []
        for path, layer in self.layers.items():
            outputs, _ = run_tensors(layer.own_run)
            every += [path] if outputs and not layer.residual else []
            every += [f"{path}/{state}" for state in "hc"[: len(layer.own_run.initial)]]
        return [name for name in every if self._compared is None or name in self._compared]

    @property
    def tensors(self) -> list[Any]:
        """The tensors of the runs, nested."""
        return [run_tensors(layer.own_run) for layer in self.layers.values()]

    def run(self, whole: Any, feed: Any) -> dict[str, Any]:
        """The outputs and final states by name, of a tf1port.tf1.session.whole_graph.WholeGraph."""
        names = self.names
        runs = {name: layer.own_run for name, layer in self.layers.items()}
        cells = {name: run_tensors(run) for name, run in runs.items()}
        starts = {name: list(run.initial) for name, run in runs.items()}
        lengths = {name: [run.lengths] if run.lengths else [] for name, run in runs.items()}
        tensors = tf1.nest.map_structure(whole.tensor, [cells, starts, lengths])
        cells, starts, lengths = whole.run(tensors, feed)
        outputs = {}
        for name, layer in self.layers.items():
            own = lengths[name][0] if lengths[name] else None
            sequence, states, _ = run_outputs(layer, cells[name], starts[name], own)
            outputs[name] = sequence
            outputs.update({f"{name}/{letter}": s for letter, s in zip("hc", states, strict=False)})
        return {name: value for name, value in outputs.items() if name in names}


def find_cells(program: Any, port_map: Any, backward: Any = ()) -> dict[str, RecurrentLayer]:
    """The cells of a map that a graph runs over time once, by the names of their entries.

    Args:
        program: tf1port.comparison.sides.program.Program.
        port_map: tf1port.comparison.port.port_map.PortMap.
        backward: names of entries whose sequence is read from its end.
    """
    layers = {}
    for name, entry in port_map.layers.items():
        scope = entry.scope if isinstance(entry, CellEntry) else entry
        layer = program.recurrent(scope) if isinstance(scope, str) else None
        if layer is not None and layer.run is not None:
            layers[name] = layer._replace(backward=name in backward)
    return layers


def sizes(graph: Any, layers: Mapping[str, RecurrentLayer]) -> tuple[int | None, int | None]:
    """The batch size and the number of steps that the first of some cells takes; None for any."""
    for layer in layers.values():
        batch, steps = static_sizes(graph, layer.own_run)
        return batch, steps
    return None, None
