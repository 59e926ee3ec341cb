"""The network of a graph's cells: their order, the layers before and after them."""

from collections.abc import Sequence
from typing import Any, NamedTuple, NoReturn

from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.graph.convolutions import shortest
from tf1port.tf1.graph.cudnn import cudnn_levels
from tf1port.tf1.graph.equations import Constants
from tf1port.tf1.graph.index import PASSING, Graph
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.refusals import check_single_use, check_stack
from tf1port.tf1.graph.runs import Run, UnknownCell
from tf1port.tf1.graph.surroundings import layers_after, layers_before
from tf1port.tf1.graph.unrolls import MOVING
from tf1port.tf1.graph.wiring import find_wiring

_FUNCTIONS = {"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"}
_FUNCTIONS |= {"PartitionedCall", "StatefulPartitionedCall"}

_Below = dict[int, bool]  # the layers below one, and whether time is reversed between


class RecurrentLayer(NamedTuple):
    """A cell with its constants and its longest run over time in the graph.

    backward: the run reads the sequence in reverse order.
    other_runs: how many more runs of the cell give other results, as in a graph to test beside one
        to train.
    """

    cell: Cell
    constants: Constants
    run: Run | None  # None where there is no graph, or one op of cuDNN stands for all cells
    backward: bool = False
    other_runs: int = 0

    @property
    def residual(self) -> bool:
        """Whether the output is the sum of the cell's inputs and outputs."""
        return self.run is not None and self.run.residual

    @property
    def own_run(self) -> Run:
        """The run. Raises UnknownCell where there is none."""
        if self.run is None:
            raise UnknownCell(f"{self.cell.scope} is not run by itself")
        return self.run


class Level(NamedTuple):
    """The layers of one input sequence: a cell, or a stack of cells in each of two directions."""

    forward: tuple[RecurrentLayer, ...]
    backward: tuple[RecurrentLayer, ...] = ()

    @property
    def cells(self) -> list[RecurrentLayer]:
        """The cells of both directions, forwards first."""
        return [*self.forward, *self.backward]

    @property
    def firsts(self) -> list[RecurrentLayer]:
        """The first cell of each direction, whose input is the level's."""
        return [direction[0] for direction in self if direction]

    @property
    def tops(self) -> list[RecurrentLayer]:
        """The last cell of each direction; their outputs concatenated are the level's."""
        return [direction[-1] for direction in self if direction]


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
    levels = _levels(graph, _layers(graph, cells))
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


def _levels(graph: Graph, layers: list[RecurrentLayer]) -> list[Level]:
    """The levels from the inputs up: the input of each is the output of the one below."""
    below = [_below(graph, layers, index) for index in range(len(layers))]
    levels: list[Level] = []
    done: set[int] = set()
    while len(done) < len(layers):
        ways = _next_ways(graph, layers, below, done)
        directions = [
            tuple(layers[index]._replace(backward=back) for index in way)
            for way, back in zip(ways, (False, True), strict=False)
        ]
        levels.append(Level(*directions))
        done.update(index for way in ways for index in way)
    return levels


def _next_ways(graph, layers, below, done) -> list[list[int]]:
    """The layers of the level over those that are done: forwards, and backwards if there are any.

    Raises:
        UnknownCell: they are no level.
    """
    top = done - {source for index in done for source in below[index]}
    ready = [i for i in range(len(layers)) if i not in done and below[i].keys() <= done]
    ways = [_chain(i, below, done) if len(ready) == 2 else [i] for i in ready]
    reversed_ = [_is_reversed(graph, layers, way[0], below) for way in ways]
    on_top = all(top <= below[index].keys() for index in ready)
    if sorted(reversed_) not in ([False], [False, True]) or not on_top:
        _refuse(layers, reversed_)
    return [way for _, way in sorted(zip(reversed_, ways, strict=True))]


def _refuse(layers: list[RecurrentLayer], reversed_: list[bool]) -> NoReturn:
    scopes = ", ".join(layer.cell.scope for layer in layers)
    if reversed_ == [True]:
        raise UnknownCell(
            f"inputs are read in reverse alone, which convert does not support: {scopes}"
        )
    raise UnknownCell(f"these cells are not stacked one upon the other: {scopes}")


def _chain(first: int, below: list[_Below], done: set[int]) -> list[int]:
    """A layer and those stacked upon it, as MultiRNNCell in one of two directions."""
    chain = [first]
    while True:
        over = [i for i, sources in enumerate(below) if sources.keys() == {chain[-1]}]
        if len(over) != 1 or over[0] in done:
            return chain
        chain.append(over[0])


def _below(graph: Graph, layers: list[RecurrentLayer], index: int) -> _Below:
    """The layers below a layer, and whether time is reversed between them."""
    makers = {
        tensor: i
        for i, layer in enumerate(layers)
        for tensor in layer.own_run.results
        if i != index
    }
    ways = _time_reversals(graph, layers[index].own_run.first_inputs)
    return {makers[tensor]: reversed_ for tensor, reversed_ in ways.items() if tensor in makers}


def _time_reversals(graph: Graph, tensor: str) -> dict[str, bool]:
    """The tensors that one is reshaped or reordered from; whether time is reversed since each."""
    reversals, queue = {tensor: False}, [tensor]
    for current in queue:  # it grows
        node = graph.node(current)
        if node is None or node.op not in MOVING:
            continue
        reversed_ = reversals[current] ^ node.op.startswith("Reverse")
        for name in graph.inputs(node):
            if name not in reversals:
                reversals[name] = reversed_
                queue.append(name)
    return reversals


def _is_reversed(
    graph: Graph, layers: list[RecurrentLayer], index: int, below: list[_Below]
) -> bool:
    """Whether a layer reads its sequence in reverse order."""
    run = layers[index].own_run
    for other, layer in enumerate(layers):  # unrolled steps may simply be in another order
        pair = other != index and below[other].keys() == below[index].keys()
        pair = pair and min(len(run.steps), len(layer.own_run.steps)) > 1
        if pair and graph.origin(run.steps[-1].x) == graph.origin(layer.own_run.steps[0].x):
            return layers[index].cell.direction == "bw"
    if below[index]:
        source, reversed_ = next(iter(below[index].items()))
        return reversed_ ^ _is_reversed(graph, layers, source, below)
    return any(_time_reversals(graph, run.first_inputs).values())
