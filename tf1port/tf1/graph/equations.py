"""The uses of a cell's kernel in a graph, read from its operations; nothing is run.

A graph uses a cell where it matches the cell's equations (tf1port.tf1.graph.cell_patterns);
anything else is no known cell.
"""

from typing import NamedTuple

from tf1port.tf1.graph import cell_patterns
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.matcher import Matcher
from tf1port.tf1.graph.patterns import ACTIVATIONS, Pattern
from tf1port.tf1.graph.runs import Run, Step, UnknownCell

__all__ = ["ACTIVATIONS", "Constants", "read_uses"]


class Constants(NamedTuple):
    """The constants of a cell, which only the graph has; None: the cell has no such constant."""

    activation: str = "tanh"
    forget_bias: float | None = None
    cell_clip: float | None = None
    projection_clip: float | None = None
    straight_through: bool = False  # a block cell's gradient ignores its clip


def read_uses(graph: Graph, cell):
    """Every use of a cell (tf1port.tf1.checkpoint.cell_names.Cell) in a graph.

    Returns: pairs of Constants and Step or Run.

    Raises:
        UnknownCell: the kernel is used in no known way.
    """
    uses = []
    for role in ("kernel", "gates/kernel"):
        if role in cell.variables:
            for node in graph.uses(cell.variables[role], {"MatMul", *_BLOCKS}):
                reader = _BLOCKS.get(node.op, _step)
                uses.append(reader(graph, cell, node, _names(graph, cell, node)))
    return uses


def _names(graph, cell, node):
    """The match's names of a cell's equations around a node whose input is its kernel."""
    matcher, equations = Matcher(graph, cell.variables), _equations(cell, node.op)
    find = matcher.match if node.op in _BLOCKS else matcher.around
    match = find(equations, f"{node.name}:0")
    if match is None or not _covers_all_gates(graph, cell, match.names):
        raise UnknownCell(
            f"{node.name} uses the kernel of {cell.scope} in another way than a cell of the family "
            f"{cell.family}: {matcher.mismatch}"
        )
    return match.names


def _equations(cell, op) -> Pattern:
    """The equations of a cell whose kernel is an input of an op."""
    peepholes, projected = (role in cell.variables for role in ("w_f_diag", "projection/kernel"))
    if op in {"LSTMBlockCell", "BlockLSTM"}:
        return cell_patterns.lstm_block(op, peepholes=peepholes)
    if op == "GRUBlockCell":
        return cell_patterns.gru_block()
    if cell.family == "lstm" or (cell.family == "layer_norm_lstm" and "bias" in cell.variables):
        return cell_patterns.lstm(peepholes=peepholes, projected=projected)
    return _PATTERNS[cell.family]()


_PATTERNS = {
    "rnn": cell_patterns.rnn,
    "layer_norm_lstm": cell_patterns.layer_norm_lstm,
    "gru": cell_patterns.gru,
    "cudnn_gru": cell_patterns.cudnn_gru,
}


def _covers_all_gates(graph, cell, names):
    """Whether slices that cut the gates out of a product cover all of its columns."""
    if "width" not in names:
        return True
    shape = graph.shape_of(cell.variables.get("kernel") or cell.variables["gates/kernel"])
    gates = 2 if "gates/kernel" in cell.variables else 4
    return shape is not None and shape[1] == gates * names["width"]


def _step(graph, cell, node, names):
    """The constants of a cell of several operations, and its step."""
    c, new_c = (graph.origin(names[name]) if name in names else None for name in ("c", "new_c"))
    step = Step(
        graph.unconditioned(names["x"]), graph.origin(names["h"]), names["result"], c, new_c
    )
    return Constants(**{name: names[name] for name in Constants._fields if name in names}), step


def _lstm_block(graph, cell, node, names):
    """LSTMBlockCell has the outputs i, c', f, o, ci, co, h'."""
    states = [graph.origin(names[name]) for name in ("h", "c")]
    step = Step(names["x"], states[0], f"{node.name}:6", states[1], f"{node.name}:1")
    return _block_constants(node), step


def _block_lstm(graph, cell, node, names):
    """BlockLSTM has the same outputs as sequences [T, B, U], of x [T, B, F]."""
    if "steps" in names and (graph.shape(names["x"]) or [None])[0] != names["steps"]:
        raise UnknownCell(f"{node.name} stops after {names['steps']:g} steps, whatever its input")
    run = Run(
        cell.scope,
        (),
        initial_h=graph.origin(names["h"]),
        initial_c=graph.origin(names["c"]),
        inputs=names["x"],
        outputs=f"{node.name}:6",
        cell_states=f"{node.name}:1",
        lengths=graph.origin(names["lengths"]) if "lengths" in names else None,
    )
    return _block_constants(node), run


def _gru_block(graph, cell, node, names):
    """GRUBlockCell has the outputs r, u, the candidate, h'."""
    return Constants("tanh"), Step(names["x"], graph.origin(names["h"]), f"{node.name}:3")


def _block_constants(node):
    """The constants of a block op, which has no clip where its limit is not above zero."""
    # An attribute of its default value may be left out of a file.
    bias = node.attr["forget_bias"].f if "forget_bias" in node.attr else 1.0
    clip = node.attr["cell_clip"].f if "cell_clip" in node.attr else 3.0
    if clip <= 0:
        return Constants("tanh", _decimal(bias))
    return Constants("tanh", _decimal(bias), _decimal(clip), straight_through=True)


def _decimal(value):
    """A float32 as the Python float of the fewest digits that is the same one."""
    return float(f"{value:.7g}")


_BLOCKS = {
    "LSTMBlockCell": _lstm_block,
    "BlockLSTM": _block_lstm,
    "GRUBlockCell": _gru_block,
}
