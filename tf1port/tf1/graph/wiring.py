"""How a graph uses its cells: constants that are not in a checkpoint, and runs over time."""

from dataclasses import dataclass, field

from tf1port.tf1.graph.equations import Constants, read_uses
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.runs import Run, UnknownCell
from tf1port.tf1.graph.unrolls import find_runs


@dataclass
class Wiring:
    """The runs of every cell over time, and its constants in the graph, by the cell's scope."""

    constants: dict[str, Constants] = field(default_factory=dict)
    runs: dict[str, list[Run]] = field(default_factory=dict)


def find_wiring(graph: Graph, cells):
    """Finds the runs and constants of cells (tf1port.tf1.checkpoint.cell_names.Cell) in a graph.

    Raises:
        UnknownCell: a kernel is used in no known way.
    """
    wiring = Wiring()
    for cell in cells:
        uses = read_uses(graph, cell)
        constants = {constants for constants, _ in uses}
        if len(constants) > 1:
            raise UnknownCell(
                f"{cell.scope} is used in several ways: {sorted(map(str, constants))}"
            )
        if uses:
            wiring.constants[cell.scope] = constants.pop()
            steps = [use for _, use in uses if not isinstance(use, Run)]
            fused = [use for _, use in uses if isinstance(use, Run)]
            wiring.runs[cell.scope] = fused + find_runs(graph, cell.scope, steps)
    return wiring
