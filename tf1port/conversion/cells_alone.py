"""A network of a checkpoint's cells alone, where it has no graph beside it."""

import re
from collections.abc import Sequence

from tf1port.errors import UserError
from tf1port.tf1.checkpoint.cell_names import Cell
from tf1port.tf1.graph.equations import ACTIVATIONS, Constants
from tf1port.tf1.graph.levels import Level, RecurrentLayer
from tf1port.tf1.graph.network import Network

KERAS_ACTIVATIONS = {*ACTIVATIONS.values(), "linear"}
# The directions of a level, and how a stack is named that lies in one of them, not over both.
_WAYS = ({None, "fw"}, {"bw"})
_STACK_IN_WAY = re.compile(r"(^|/)[fb]w/.*cell_?\d")


def network_of_cells(
    cells: Sequence[Cell], forget_bias: float | None, activation: str | None, *, path: str
) -> Network:
    """The cells alone, in the order of their names; the caller gives what only a graph has."""
    if activation is None or (forget_bias is None and any("lstm" in c.family for c in cells)):
        raise UserError(
            f"{path} has no .meta beside it, which alone knows --forget-bias and --activation: "
            "pass both flags (TF1's defaults are 1.0 and tanh)"
        )
    if activation not in KERAS_ACTIVATIONS:
        raise UserError(
            f"--activation is {activation}: give one of {', '.join(sorted(KERAS_ACTIVATIONS))}"
        )
    levels: dict[int, dict[str | None, RecurrentLayer]] = {}
    for cell in cells:
        bias = forget_bias if "lstm" in cell.family else None
        layer = RecurrentLayer(cell, Constants(activation, bias), None, cell.direction == "bw")
        if levels.setdefault(cell.layer or 0, {}).setdefault(cell.direction, layer) is not layer:
            raise UserError(
                f"{path} has several cells in no order of layers: put its .meta beside it"
            )
    order = [
        Level(*(tuple(directions[name] for name in (names & directions.keys())) for names in _WAYS))
        for _, directions in sorted(levels.items())
    ]
    if len(order) > 1 and all(_STACK_IN_WAY.search(cell.scope.lower()) for cell in cells):
        order = [Level(*(sum(layers, ()) for layers in zip(*order, strict=True)))]
    return Network([], order, [], "steps")
