"""The parts of a checkpoint that a map may name for a place of a Keras model."""

from typing import Any, NamedTuple

from tf1port.comparison.drafting.places import Shapes, Signature, cell_signatures

FORGET_BIAS = 1.0  # TF1's default


class Part(NamedTuple):
    """A cell or a layer of a checkpoint.

    Attributes:
        scope: of its variables.
        variables: their names by role: TF1's of a cell, Keras' of a layer.
        shapes: of these.
        entry: what a map has for it.
        signature: of a cell; None of another layer.
        direction: "fw" or "bw" of a cell; else None.
        unsure: why the entry may not be right; None: it is.
    """

    scope: str
    variables: dict[str, str]
    shapes: Shapes
    entry: Any
    signature: Signature | None = None
    direction: str | None = None
    unsure: str | None = None


def find_parts(opened: Any) -> list[Part]:
    """The Parts of a checkpoint, in the order in which its graph makes their variables.

    Args:
        opened: tf1port.comparison.drafting.opened.Opened.
    """
    cells = [_cell(cell, opened) for cell in opened.cells.values()]
    found = [part for part in cells if part is not None]
    found += [_layer(layer, opened) for layer in opened.inventory.layers]
    return sorted(found, key=lambda part: opened.place_of(min(part.variables.values())))


def loose_variables(opened: Any, taken: Any) -> list[str]:
    """The names of the variables that are neither taken nor an optimizer's or an average's."""
    inventory = opened.inventory
    beside = {name for slots in inventory.slots.values() for name in slots.values()}
    beside |= {*inventory.counters.values(), *inventory.averages.values(), *taken}
    names = [name for name in opened.checkpoint.shapes if name not in beside]
    return sorted(names, key=opened.place_of)


def _cell(cell, opened):
    shapes = {role: opened.checkpoint.shapes[name] for role, name in cell.variables.items()}
    signatures = cell_signatures(shapes, side="tf1")
    own = [one for one in signatures if one.family == cell.family]
    if not own:
        return None
    entry: Any = cell.scope
    unsure = None
    if "lstm" in cell.family and opened.recurrent(cell.scope) is None:
        entry = {"cell": cell.family, "scope": cell.scope, "forget_bias": FORGET_BIAS}
        unsure = f"its forget bias is not found, {FORGET_BIAS} is TF1's default"
    direction = cell.direction or "fw"
    return Part(cell.scope, cell.variables, shapes, entry, own[0], direction, unsure)


def _layer(layer, opened):
    shapes = {role: opened.checkpoint.shapes[name] for role, name in layer.variables.items()}
    named = [one for one in opened.inventory.layers if one.scope == layer.scope]
    entry: Any = layer.scope
    if layer.variables.keys() == {"embeddings"}:
        entry = layer.variables["embeddings"]
    elif len(named) > 1 or layer.scope in opened.cells or not layer.scope:
        entry = dict(layer.variables)
    scope = layer.scope or next(iter(layer.variables.values()))
    return Part(scope, layer.variables, shapes, entry)
