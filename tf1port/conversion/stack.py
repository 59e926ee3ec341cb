"""The conversion of a checkpoint whose graph is layers, one stack of cells, and layers."""

from typing import NamedTuple

from tf1port.keras_model.blueprint import Blueprint
from tf1port.tf1.checkpoint.reader import Checkpoint
from tf1port.tf1.graph.dependencies import Entry
from tf1port.tf1.graph.ends import Ends
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.network import Network
from tf1port.tf1.graph.unrolls import MOVING

# Ops that turn outputs into predictions: the largest one, probabilities, whether it is right.
_PREDICTING = {"ArgMax", "Softmax", "LogSoftmax", "Sigmoid", "TopK", "TopKV2", "InTopK", "InTopKV2"}


class Conversion(NamedTuple):
    """A checkpoint as it was read, and the plan of its Keras model."""

    checkpoint: Checkpoint
    network: Network
    graph: Graph | None
    blueprint: Blueprint
    counters: dict[str, str]  # the checkpoint's, by what is counted
    notes: list[str]  # lines on what was not taken over as it stands
    mapped: bool = False  # the layers after the cells are a map's
    ends: Ends | None = None  # None where there is no graph, or none that tells
    unchecked: tuple[str, ...] = ()  # what of the model was not compared with the graph, and why
    output: str = "0"  # what Keras calls the output of the model

    @property
    def inputs(self) -> dict[str, dict[str, str]]:
        """The graph's tensor for each input of the model, as its map has them."""
        if self.ends is None:
            return {}
        result = {"inputs": {"tensor": self.ends.inputs.tensor}}
        if self.blueprint.masked and self.ends.lengths is not None:
            result["mask"] = {"lengths": self.ends.lengths.tensor}
        return result

    @property
    def outputs(self) -> dict[str, str]:
        """The graph's tensor for the output of the model, or its tensors of all steps."""
        names = self.ends.outputs if self.ends is not None else []
        return {self.output: ", ".join(names)} if names else {}

    @property
    def has_all_layers(self) -> bool:
        """Whether the model lacks nothing but ops that turn its outputs into predictions."""
        beyond = self.ends.other_uses if self.ends is not None else []
        if beyond and self.ends is not None and self.graph is not None:
            computing = [n for n in beyond if self.graph.nodes[n].op not in _PREDICTING]
            if not self.ends.feeds_loss or not all(_is_unused(self.graph, n) for n in computing):
                return False
        return len(self.left_out) == len(beyond) + len(self.unchecked)

    @property
    def left_out(self) -> list[str]:
        """A line for each part of the program that the model lacks; empty: it is complete."""
        lines = [f"the variable {name}" for name in self.blueprint.unused]
        if self.ends is None:
            return [*lines, "the layers around the cells, which are unknown without a graph"]
        entries: dict[str, Entry | None] = {"inputs": self.ends.inputs}
        entries |= {"lengths": self.ends.lengths} if self.blueprint.masked else {}
        lines += [
            f"the ops that compute the {kind} {entry.tensor}"
            for kind, entry in entries.items()
            if entry is not None and not entry.fed
        ]
        lines += self.unchecked
        layers = [layer for layer in self.network.recurrent if layer.other_runs]
        again = {layer.cell.scope: layer.other_runs for layer in layers}
        lines += [f"the other runs of {scope}, {n} of them" for scope, n in again.items()]
        lines += [f"the dropout of {name}, which has one rate always" for name in self.ends.random]
        if self.graph is not None and self.graph.inference is not None:
            scopes = self.graph.inference.always_by_batch(self.network.variables)
            lines += map(by_batch, scopes)
            lines += map(drawn, self.graph.inference.drawing)
        return lines + [f"the op {name}, which uses the outputs" for name in self.ends.other_uses]


def by_batch(scope: str) -> str:
    """The line on a normalization that is in training always."""
    return f"the moments of each batch, which {scope} always uses: it has their moving averages"


def drawn(flag: str) -> str:
    """The line on a flag without which the graph draws random numbers."""
    name = flag.removesuffix(":0")
    return f"what the graph draws at random where {name} is false: it is that of {name} true"


def _is_unused(graph: Graph, name: str) -> bool:
    """Whether a node only rearranges values that no op computes with."""
    queue, visited = [graph.nodes[name]], {name}
    for node in queue:  # it grows
        if node.op not in MOVING:
            return False
        users = [user for tensor in graph.outputs(node) for user in graph.consumers(tensor)]
        queue += [user for user in users if user.name not in visited]
        visited.update(user.name for user in users)
    return True
