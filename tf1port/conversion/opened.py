"""A checkpoint and the graph beside it, read once for all the plans that are tried."""

from functools import cached_property

from tf1port.tf1.checkpoint.inventory import Inventory
from tf1port.tf1.checkpoint.reader import inventory
from tf1port.tf1.graph.files import load_graph, open_program
from tf1port.tf1.graph.index import Graph


class Opened:
    """A checkpoint, what it holds, and its graph; the latter two are read when they are needed.

    Args:
        path: as for tf1port.tf1.checkpoint.reader.open_checkpoint.
        trust: also take a graph whose ops run Python or touch files.

    Raises:
        UserError: there is no checkpoint, or it is damaged.
    """

    def __init__(self, path: str, *, trust: bool = False) -> None:
        self.path, self.trust = path, trust
        self.checkpoint = open_program(path)

    @property
    def notes(self) -> list[str]:
        """Lines on variables that the graph's Saver stores under other names than their own."""
        renamed = sorted(self.checkpoint.renamed.items())
        if not renamed:
            return []
        name, stored = renamed[0]
        more = f", and {len(renamed) - 1} more by other names" if renamed[1:] else ""
        lines = [f"{name} is read from {stored}, as the graph's Saver does{more}"]
        if self.checkpoint.hidden and self.contents.slots:
            lines.append(f"the optimizer is left out: its state is not that of {stored}")
        return lines

    @cached_property
    def contents(self) -> Inventory:
        """What the variables are."""
        return inventory(self.checkpoint)

    @cached_property
    def graph(self) -> Graph:
        """The forward graph. Raises UserError: its file is missing or damaged."""
        return Graph(load_graph(self.checkpoint.meta), trust=self.trust)
