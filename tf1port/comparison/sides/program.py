"""A third party's TF1 program: a checkpoint and its graph, whose tensors a map names.

The graph as a whole is not analysed. A cell is known by its variables' names and shapes; what a map
does not name is read from the graph where it follows from a single op or loop.
"""

from functools import cached_property
from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.comparison.sides.sources import Source
from tf1port.errors import UserError
from tf1port.tf1.checkpoint.reader import Checkpoint, inventory
from tf1port.tf1.graph.files import load_graph, open_program
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.levels import RecurrentLayer
from tf1port.tf1.graph.op_defs import output_type
from tf1port.tf1.graph.optimizers import trained_by_rows
from tf1port.tf1.graph.pruning import full_name
from tf1port.tf1.graph.runs import UnknownCell
from tf1port.tf1.graph.wiring import find_wiring

# What a search raises where the nodes of a graph have an unexpected form.
_UNKNOWN = (UnknownCell, AttributeError, LookupError, StopIteration, TypeError, ValueError)


class Program:
    """A checkpoint with its graph.

    Args:
        path: as for tf1port.tf1.checkpoint.reader.open_checkpoint; its `.meta` lies beside it.
        trust: whether the graph's ops may run Python and access files.

    Attributes:
        checkpoint: tf1port.tf1.checkpoint.reader.Checkpoint.
        inventory: the checkpoint's Inventory.
        graph: tf1port.tf1.graph.index.Graph, of the forward nodes outside of training.

    Raises:
        UserError: one of the two is missing or damaged, or variables are partitioned.
    """

    def __init__(self, path: Any, *, trust: bool = False):
        self.checkpoint: Checkpoint = open_program(path)
        self.inventory = inventory(self.checkpoint)
        if self.checkpoint.meta is None:
            raise UserError(f"{path} has no .meta beside it: compare needs its graph")
        self.graph = Graph(load_graph(self.checkpoint.meta), trust=trust)
        if self.graph.joined:
            raise UserError(f"{path} has variables in parts: save it anew without a partitioner")
        self._layers: dict[str, RecurrentLayer | None] = {}

    @cached_property
    def cells(self):
        """The cells that are known by their variables' names and shapes, by scope."""
        return {cell.scope: cell for cell in self.inventory.cells if cell.family != "opaque"}

    def recurrent(self, scope: str) -> RecurrentLayer | None:
        """A known cell with its constants, and its loop over time if there is exactly one."""
        if scope not in self._layers:
            self._layers[scope] = self._read(scope)
        return self._layers[scope]

    def _read(self, scope):
        cell = self.cells.get(scope)
        if cell is None:
            return None
        try:
            wiring = find_wiring(self.graph, [cell])
        except _UNKNOWN:
            return None
        if scope not in wiring.constants:
            return None
        runs = wiring.runs[scope]
        return RecurrentLayer(cell, wiring.constants[scope], runs[0] if len(runs) == 1 else None)

    def trains(self, variable: str, applied: Any) -> bool:
        """Whether an optimizer of the graph changes a variable; `applied`: of find_applied."""
        return variable in applied or trained_by_rows(self.graph, variable)

    def dtype(self, variables: Any) -> str:
        """The dtype of some variables, such as "float32"."""
        dtypes = [self.checkpoint.dtypes[name].name for name in variables]
        return next((name for name in dtypes if name.startswith("float")), "float32")

    def spec(self, source: Source) -> tuple[tuple[int | None, ...] | None, str]:
        """The shape, None where it is open, and the dtype of a tensor that a map feeds.

        Raises:
            UserError: the graph has none of that name.
        """
        name = full_name(f"{source.name}/values" if source.sparse else source.name)
        node = self.graph.node(name)
        if node is None:
            raise UserError(f"the graph has no {name}: name one of its placeholders or tensors")
        shape = self.graph.shape(name)
        dtype = output_type(node, int(name.rpartition(":")[2])) or tf1.float32.as_datatype_enum
        return None if shape is None else tuple(shape), tf1.as_dtype(dtype).base_dtype.name
