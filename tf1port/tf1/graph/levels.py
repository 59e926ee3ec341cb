"""The levels of a stack: layers in the order of the sequences between them, by direction."""

from typing import NamedTuple, NoReturn

from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.graph.equations import Constants
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.runs import Run, UnknownCell
from tf1port.tf1.graph.unrolls import MOVING

_Below = dict[int, bool]  # the layers below one, and whether time is reversed between


class RecurrentLayer(NamedTuple):
    """A cell with its constants and its longest run over time in the graph.

    backward: the run reads the sequence in reverse order.
    other_runs: how many more runs of the cell give other results, as in a graph to test beside one
        to train.
    """

    cell: Cell
    constants: Constants
    run: Run | None  # None where there is no graph, or one op of cuDNN runs all cells
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


def find_levels(graph: Graph, layers: list[RecurrentLayer]) -> list[Level]:
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


def _next_ways(
    graph: Graph, layers: list[RecurrentLayer], below: list[_Below], done: set[int]
) -> list[list[int]]:
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
    raise UnknownCell(f"these cells are no plain stack: {scopes}")


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
