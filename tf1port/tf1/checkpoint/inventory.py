"""The variables of a checkpoint in groups: each in exactly one, whatever its name."""

import re
from dataclasses import dataclass, field

from tf1port.tf1.checkpoint import hints
from tf1port.tf1.checkpoint.cell_names import Cell, find_cells, of_a_cell
from tf1port.tf1.checkpoint.layer_names import Layer, find_layers
from tf1port.tf1.checkpoint.stacks import natural

__all__ = ["Cell", "Inventory", "Layer", "group"]

SLOTS = {
    "Adam": ("Adam", "Adam_1"),
    "Momentum": ("Momentum",),
    "RMSProp": ("RMSProp", "RMSProp_1"),
    "centered RMSProp": ("RMSProp", "RMSProp_1", "RMSProp_2"),
    "Adagrad": ("Adagrad",),
    "Adadelta": ("Adadelta", "Adadelta_1"),
    "Ftrl": ("Ftrl", "Ftrl_1"),
}  # by optimizer, in the order in which TF1 numbers them
_SLOT = re.compile("(Adam|AdamW|AdaMax|Momentum|RMSProp|Adagrad|Adadelta|Ftrl)" r"(_\d+)?")
_COUNTER = re.compile(r"(global_step|beta[12]_power|local_step|save_counter)(_\d+)?")
_AVERAGE = re.compile("ExponentialMovingAverage|avg|ema", re.IGNORECASE)
_DEBIASING = ("biased", "local_step")  # variables of an average with bias correction


@dataclass
class Inventory:
    """The groups of a checkpoint's variables; each variable is in one of them, once.

    Attributes:
        slots: {variable: {slot: name}}, slots as TF1 names them: "Adam" is m, "Adam_1" v.
        counters: name by what is counted ("global_step", "beta1_power", …); a second counter of
            a kind goes by its own full name.
        averages: name of the moving average by variable, which the checkpoint may lack.
        others: names that only the graph, or its author, can explain.
        unexplained: names that look like those of a known cell or layer and do not fit it.
        notes: a line on each name in `others` and `unexplained`.
    """

    cells: list[Cell] = field(default_factory=list)
    layers: list[Layer] = field(default_factory=list)
    slots: dict[str, dict[str, str]] = field(default_factory=dict)
    counters: dict[str, str] = field(default_factory=dict)
    averages: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    unexplained: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)

    @property
    def optimizer(self):
        """The optimizer with these slots, a key of SLOTS; None: no slots, or unknown ones."""
        kinds = {tuple(sorted(slots)) for slots in self.slots.values()}
        matching = [name for name, slots in SLOTS.items() if kinds == {slots}]
        return matching[0] if matching else None

    def names(self):
        """The variables of all groups, one after the other."""
        groups = [cell.variables for cell in self.cells]
        groups += [layer.variables for layer in self.layers]
        groups += [*self.slots.values(), self.counters, self.averages]
        names = [name for group in groups for name in group.values()]
        return [*names, *self.others, *self.unexplained]


def group(shapes):
    """The Inventory of variables with these shapes ({name: tuple})."""
    contents = Inventory()
    for name in sorted(shapes, key=lambda name: (name.count("/"), natural(name))):
        _place_beside(name, shapes, contents)
    placed = set(contents.names())
    rest = {name: shape for name, shape in shapes.items() if name not in placed}
    contents.cells = find_cells(rest)
    rest = _without(rest, contents.cells)
    contents.layers = find_layers(rest)
    for name in sorted(_without(rest, contents.layers), key=natural):
        _place_rest(name, shapes, contents)
    for name in contents.others:
        contents.notes[name] = hints.hint(
            name, shapes, cells=contents.cells, others=contents.others
        )
    return contents


def _without(shapes, entries):
    placed = {name for entry in entries for name in entry.variables.values()}
    return {name: shape for name, shape in shapes.items() if name not in placed}


def _place_beside(name, shapes, contents):
    """Groups a variable that an optimizer or an average keeps; leaves any other alone."""
    stem, _, leaf = name.rpartition("/")
    variable = _primary(stem, shapes, shape=shapes[name])
    if _COUNTER.fullmatch(leaf) and shapes[name] == () and stem not in shapes:
        contents.counters[name if leaf in contents.counters else leaf] = name
    elif _AVERAGE.fullmatch(leaf) and _averaged(leaf, stem, variable):
        contents.averages.setdefault(variable or stem, name)
    elif _slot(leaf, stem, variable):
        contents.slots.setdefault(variable or stem, {}).setdefault(leaf, name)


def _averaged(leaf, stem, variable):
    """A full name is enough where the variable itself was not saved."""
    return bool(variable) or (leaf == "ExponentialMovingAverage" and stem)


def _slot(leaf, stem, variable):
    """Slots are below their variable, also those of an optimizer with a name of its own."""
    if leaf in _DEBIASING:
        return False
    if _SLOT.fullmatch(leaf):
        # The buffer is saved as the canonical variables of cells, its slots are saved raw.
        return bool(variable) or stem.endswith("opaque_kernel")
    return variable is not None and variable == stem


def _primary(stem, shapes, *, shape):
    """The variable of a slot: a scope of the optimizer may stand before the variable's name."""
    words = stem.split("/")
    candidates = ["/".join(words[start:]) for start in range(len(words))]
    return next((name for name in candidates if shapes.get(name) == shape), None)


def _place_rest(name, shapes, contents):
    stem, _, leaf = name.rpartition("/")
    fault = None
    if _SLOT.fullmatch(leaf) and stem:
        fault = "a slot of a variable that is not there, or has one of that name already"
    elif re.search(r"/part_\d+(/|$)", name):
        fault = "a partition of a variable whose other partitions are missing"
    elif of_a_cell(name):
        fault = "under a cell that is not known, or whose variables do not fit each other"
    elif len(shapes[name]) > 4:
        fault = "of a rank that no known layer has"
    if fault:
        contents.unexplained.append(name)
        contents.notes[name] = fault
    else:
        contents.others.append(name)
