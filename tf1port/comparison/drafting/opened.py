"""A checkpoint as it is drafted from: with its graph, or without one."""

from functools import cached_property
from typing import Any

from tf1port.comparison.sides.program import Program
from tf1port.conversion.interface import Interface, find_interface
from tf1port.tf1.checkpoint.reader import inventory, open_checkpoint
from tf1port.tf1.graph.searching import searching


class Opened:
    """A checkpoint, and the graph beside it if there is one.

    Args:
        path: as for tf1port.tf1.checkpoint.reader.open_checkpoint.
        trust: the graph's ops may run Python and touch files.

    Attributes:
        program: tf1port.comparison.sides.program.Program; None where there is no graph.
        checkpoint, inventory: of tf1port.tf1.checkpoint.reader.
        whole: tf1port.tf1.graph.index.Graph with the nodes of backpropagation, or None.
        interface: tf1port.conversion.interface.Interface, of no names without a graph.

    Raises:
        UserError: as tf1port.comparison.sides.program.Program, but for a graph that is missing.
    """

    def __init__(self, path: str, *, trust: bool = False):
        self.checkpoint = open_checkpoint(path)
        self.program: Any = None
        self.whole: Any = None
        self.interface = Interface()
        if self.checkpoint.meta is not None:
            with searching(self.checkpoint.meta):
                self.program = Program(path, trust=trust)
                self.checkpoint = self.program.checkpoint  # under the names of the graph
                self.whole = self.program.graph.whole
                self.interface = find_interface(self.program.graph, self.whole)
        self.inventory = inventory(self.checkpoint)

    @property
    def cells(self) -> dict[str, Any]:
        """The cells that are known by their variables' names and shapes, by scope."""
        return {cell.scope: cell for cell in self.inventory.cells if cell.family != "opaque"}

    def recurrent(self, scope: str) -> Any:
        """Of a cell what its graph says of it; None where that is not found."""
        return None if self.program is None else self.program.recurrent(scope)

    def place_of(self, variable: str) -> tuple[int, int]:
        """A sorting key: the order in which a graph makes them, else that of the checkpoint."""
        return self._places.get(variable, (len(self._places), 0))

    @cached_property
    def _places(self):
        nodes = self.whole.nodes if self.whole is not None else {}
        made = {name: (0, number) for number, name in enumerate(nodes)}
        ordered = enumerate(self.inventory.names())
        return {name: made.get(name, (1, number)) for number, name in ordered}
