"""cuDNN's op in a graph: one op for all layers and both directions of a stack."""

from typing import NamedTuple

from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.graph.equations import Constants
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.runs import UnknownCell

_OPS = {"CudnnRNN", "CudnnRNNV2", "CudnnRNNV3"}
_MODES = {"lstm": "tanh", "gru": "tanh", "rnn_tanh": "tanh", "rnn_relu": "relu"}


class CudnnLevels(NamedTuple):
    """The cells of one op.

    levels: pairs of the cells (forward, backward) of a layer and their Constants.
    inputs: the input tensor [T, B, F]. ends: as for surroundings.layers_after.
    """

    levels: list[tuple[tuple[tuple[Cell, ...], tuple[Cell, ...]], Constants]]
    inputs: str
    ends: list[tuple[str, str]]


def cudnn_levels(graph: Graph, cells):
    """The levels of a graph whose cells are all of one op of cuDNN's; None where there is none.

    The cells' variables are not in such a graph: its Saver writes the parameters by cell.

    Raises:
        UnknownCell: there are several such ops, or cells besides.
    """
    nodes = [node for node in graph.nodes.values() if node.op in _OPS]
    if not nodes:
        return None
    if len(nodes) > 1:
        raise UnknownCell(f"there are {len(nodes)} ops of cuDNN's, and convert knows one at a time")
    (node,) = nodes
    mode = node.attr["rnn_mode"].s.decode() if "rnn_mode" in node.attr else "lstm"
    constants = Constants(_MODES[mode], 0.0 if mode == "lstm" else None)
    layers = sorted({cell.layer or 0 for cell in cells})
    levels: list[tuple[tuple[tuple[Cell, ...], tuple[Cell, ...]], Constants]] = []
    for layer in layers:
        here = [cell for cell in cells if (cell.layer or 0) == layer]
        forward = tuple(cell for cell in here if cell.direction != "bw")
        backward = tuple(cell for cell in here if cell.direction == "bw")
        if len(forward) != 1 or len(backward) > 1:
            raise UnknownCell(f"there are other cells beside those of {node.name}")
        levels.append(((forward, backward), constants))
    ends = [(f"{node.name}:0", "steps"), (f"{node.name}:0", "last"), (f"{node.name}:1", "state")]
    return CudnnLevels(levels, graph.inputs(node)[0], ends)
