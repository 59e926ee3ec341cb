"""The network of a graph's cells: their order, the layers before and after them."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.graph.convolutions import shortest
from tf1port.tf1.graph.cudnn import cudnn_levels
from tf1port.tf1.graph.index import PASSING, Graph
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.levels import Level, RecurrentLayer, find_levels
from tf1port.tf1.graph.refusals import check_single_use, check_stack
from tf1port.tf1.graph.runs import Run, UnknownCell
from tf1port.tf1.graph.surroundings import layers_after, layers_before
from tf1port.tf1.graph.wiring import find_wiring

_FUNCTIONS = {"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"}
_FUNCTIONS |= {"PartitionedCall", "StatefulPartitionedCall"}


class Network(NamedTuple):
    """The network that a checkpoint's graph computes.

    before: the layers that compute the inputs of the first level.
    levels: from the inputs up.
    after: the layers from the last level up.
    takes: the input of `after`: "steps", the outputs of all steps; "last", those of the last one;
        "state", the final state, which differs from "last" where sequences have lengths or are
        reversed.
    """

    before: list[Layer]
    levels: list[Level]
    after: list[Layer]
    takes: str

    @property
    def recurrent(self) -> list[RecurrentLayer]:
        """All cells, level by level."""
        return [layer for level in self.levels for layer in level.cells]

    @property
    def variables(self) -> list[str]:
        """The names of all variables of the network."""
        names = [name for layer in self.before + self.after for name in layer.variables.values()]
        names += [name for layer in self.recurrent for name in layer.cell.variables.values()]
        return names

    @property
    def head_kernel(self) -> str | None:
        """The variable of the first product after the cells; None: there is none."""
        dense = (layer for layer in self.after if layer.kind == "dense")
        kernels = (layer.variables["kernel"] for layer in dense)
        return next((name for name in kernels if name), None)

    @property
    def shortest(self) -> int:
        """The least number of steps for which the layers after the cells have an output step."""
        return shortest(self.after)

    @property
    def compared(self) -> int:
        """How many of the layers after the cells lead to a known tensor of the graph."""
        return max([i + 1 for i, layer in enumerate(self.after) if layer.output], default=0)

    @property
    def top(self) -> list[int]:
        """The positions in `recurrent` of the cells whose outputs are the last level's."""
        scopes = [layer.cell.scope for layer in self.recurrent]
        return [scopes.index(layer.cell.scope) for layer in self.levels[-1].tops]


def find_network(graph: Graph, cells: Sequence[Cell]) -> Network:
    """The network of a graph with these cells (tf1port.tf1.checkpoint.cell_names.Cell).

    Raises:
        UnknownCell: a cell is not used in the graph, or not in a known way, or the cells are no
            plain stack (tf1port.tf1.graph.refusals).
    """
    kernels = {name for cell in cells for name in cell.variables.values()}
    cudnn = cudnn_levels(graph, cells)
    if cudnn is not None:
        levels = [
            Level(
                tuple(RecurrentLayer(cell, constants, None) for cell in forward),
                tuple(RecurrentLayer(cell, constants, None, backward=True) for cell in backward),
            )
            for (forward, backward), constants in cudnn.levels
        ]
        after, takes = layers_after(graph, cudnn.ends, kernels=kernels)
        return Network(layers_before(graph, cudnn.inputs), levels, after, takes)
    levels = find_levels(graph, _layers(graph, cells))
    check_stack(graph, levels)
    top, first = levels[-1].tops[0].own_run, levels[0].cells[0].own_run
    after, takes = layers_after(graph, _ends(top), kernels=kernels)
    return Network(layers_before(graph, first.first_inputs), levels, after, takes)


def _layers(graph: Graph, cells: Sequence[Cell]) -> list[RecurrentLayer]:
    wiring = find_wiring(graph, cells)
    layers = []
    for cell in cells:
        if not any(name in graph.nodes for name in cell.variables.values()):
            raise UnknownCell(
                f"it has no {cell.scope}, so it is of another model: give the .meta that was saved "
                "with the checkpoint"
            )
        if cell.scope not in wiring.runs:
            raise UnknownCell(_hidden(graph, cell))
        constants, runs = wiring.constants[cell.scope], wiring.runs[cell.scope]
        check_single_use(graph, cell.scope, runs)
        layers.append(RecurrentLayer(cell, constants, runs[0], other_runs=len(runs) - 1))
    return layers


def _hidden(graph: Graph, cell: Cell) -> str:
    """Why no use of a cell is found in a graph, as a message."""
    functions = graph.ahead(
        [name + ":0" for name in cell.variables.values()], through=PASSING, ops=_FUNCTIONS
    )
    if not functions:
        return f"{cell.scope} is in the graph, but in no product: is it in use?"
    return (
        f"{cell.scope} is used within a function ({functions[0].op} {functions[0].name}), as "
        "control flow v2 and tf.function make them: build the graph anew after "
        "tf.compat.v1.disable_control_flow_v2() and export it, or convert without the .meta"
    )


def _ends(run: Run) -> list[tuple[Any, str]]:
    """The tensors of a run that may be inputs of layers, each with its meaning (`takes`)."""
    if run.steps and not run.looped:
        ends = [(run.steps[0].output, "steps"), (run.steps[-1].output, "last")]
        if run.lengths is not None:
            ends.insert(0, (run.steps[-1].new_h, "state"))
        return ends[-1:] if len(run.steps) == 1 else ends
    ends = [(run.final_h, "state"), (run.outputs, "steps"), (run.outputs, "last")]
    return [(tensor, takes) for tensor, takes in ends if tensor is not None]
