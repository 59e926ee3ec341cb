"""Converts between TF1 variables and weights of a Keras model, by a map.

Weights are named by their Keras layer and their role in it, such as `lstm/recurrent_kernel` or
`encoder/forward/kernel`, and have Keras' layout.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

from tf1port.cells.families import FAMILIES
from tf1port.comparison.sides.gates import Gates
from tf1port.comparison.sides.sources import Source
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.layer_weights import CellMapping
from tf1port.tf1.checkpoint.cell_names import roles_in


class CellEntry(NamedTuple):
    """A cell as a map describes it.

    Attributes:
        family: a key of tf1port.cells.families.FAMILIES.
        scope: of TF1's variables; None: `variables` names them.
        gates, rows: as for tf1port.comparison.sides.gates; None: TF1's own.
        forget_bias: that the graph adds; None: read from the graph, for a known cell.
        variables: by role, several where they are joined.
    """

    family: str
    scope: str | None = None
    gates: str | None = None
    rows: str = "xh"
    forget_bias: float | None = None
    variables: Mapping[str, tuple[Source, ...]] = {}


class Entry(NamedTuple):
    """A layer or a cell: its name, TF1's variables by role, the cell that it is, if any."""

    name: str
    sources: Mapping[str, Source]
    cell: CellMapping | Gates | None = None

    def to_keras(self, arrays, *, linear):
        if isinstance(self.cell, Gates):
            return self.cell.to_keras(arrays, linear=linear)
        return layer_weights.to_keras(self._mappings, arrays, linear=linear)

    def to_tf1(self, arrays, *, linear):
        if isinstance(self.cell, Gates):
            return self.cell.to_tf1(arrays, linear=linear)
        return layer_weights.to_tf1(self._mappings, arrays, linear=linear)

    @property
    def _mappings(self):
        return (self.cell,) if isinstance(self.cell, CellMapping) else ()


class WeightMap:
    """A map of weights for one checkpoint.

    Args:
        layers: of a tf1port.comparison.port.port_map.PortMap.
        program: tf1port.comparison.sides.program.Program.

    Raises:
        UserError: the checkpoint has no such scope or variable, or no such cell in it.
    """

    def __init__(self, layers: Mapping[str, Any], program: Any):
        self.entries = [_entry(name, entry, program) for name, entry in layers.items()]

    @property
    def variables(self) -> list[str]:
        """The names of all TF1 variables in it."""
        return [source.name for entry in self.entries for source in entry.sources.values()]

    @property
    def adds_forget_bias(self) -> bool:
        """Whether a forget bias is added to a bias, which is then rounded once."""
        return any(entry.cell is not None and entry.cell.forget_bias for entry in self.entries)

    def to_keras(self, arrays, *, linear=False):
        """Named weights of TF1's variables {name: array}; missing variables are left out.

        linear: for slots and gradients, as for tf1port.cells.families.
        """
        weights = {}
        for entry in self.entries:
            own = {
                role: source.to_keras(arrays[source.name])
                for role, source in entry.sources.items()
                if source.name in arrays
            }
            # A cell is converted as a whole; of a normalization's weights not all are trained.
            if len(own) == len(entry.sources) or entry.cell is None:
                own = entry.to_keras(own, linear=linear)
                weights.update({f"{entry.name}/{role}": value for role, value in own.items()})
        return weights

    def to_tf1(self, weights, *, linear=False):
        """TF1's variables of named weights, the inverse; missing weights are left out."""
        variables = {}
        for entry in self.entries:
            own = {
                name.removeprefix(f"{entry.name}/"): value
                for name, value in weights.items()
                if self._of(name) is entry
            }
            if own:
                own = entry.to_tf1(own, linear=linear)
                sources = {role: source for role, source in entry.sources.items() if role in own}
                variables.update({s.name: s.to_tf1(own[role]) for role, s in sources.items()})
        return variables

    def _of(self, name):
        """The entry of a weight; of `encoder` and `encoder/forward` the longer one."""
        owners = [entry for entry in self.entries if name.startswith(f"{entry.name}/")]
        return max(owners, key=lambda entry: len(entry.name), default=None)


def _entry(name, entry, program):
    if isinstance(entry, CellEntry):
        return _described(name, entry, program)
    if not isinstance(entry, str):
        _check_there(program, [source.name for source in entry.values()])
        return Entry(name, entry)
    if entry in program.cells:
        return _recognised(name, entry, program)
    for layer in program.inventory.layers:
        if layer.scope == entry:
            return Entry(name, _sources(layer.variables))
    if entry in program.checkpoint.shapes:
        return Entry(name, {"embeddings": Source(entry)})
    raise _unknown(program, entry)


def _recognised(name, scope, program):
    """The Entry of a scope whose names and shapes are a cell's."""
    cell, layer = program.cells[scope], program.recurrent(scope)
    if layer is None and "lstm" in cell.family:
        raise UserError(
            f"the forget bias of {scope} is not found in the graph: give "
            f'{name} = {{ cell = "{cell.family}", scope = "{scope}", forget_bias = 1.0 }}'
        )
    forget_bias = (layer.constants.forget_bias or 0.0) if layer else 0.0
    return Entry(name, _sources(cell.variables), CellMapping("", cell.family, forget_bias))


def _described(name, entry, program):
    """The Entry of a cell that the map describes."""
    shapes = program.checkpoint.shapes
    if entry.scope is not None:
        variables = roles_in(shapes, entry.scope)
        if not variables:
            raise _unknown(program, entry.scope)
        described = entry._replace(
            variables={role: (Source(variable),) for role, variable in variables.items()}
        )
        if entry.forget_bias is None and entry.scope in program.cells:
            described = described._replace(
                forget_bias=_recognised(name, entry.scope, program).cell.forget_bias
            )
        return _described(name, described._replace(scope=None), program)
    _check_there(program, [s.name for sources in entry.variables.values() for s in sources])
    forget_bias = entry.forget_bias or 0.0
    if entry.gates is None:
        sources = {role: many[0] for role, many in entry.variables.items()}
        described = Entry(name, sources, CellMapping("", entry.family, forget_bias))
    else:
        sources = {
            f"{role} {n}": source
            for role, many in entry.variables.items()
            for n, source in enumerate(many)
        }
        widths = {
            role: tuple(shapes[source.name][-1] for source in many)
            for role, many in entry.variables.items()
        }
        gates = Gates(entry.family, entry.gates, entry.rows, forget_bias, widths)
        described = Entry(name, sources, gates)
    _check_fits(described, program)
    return described


def _check_fits(entry, program):
    """Refuses variables that do not fit the cell."""
    arrays = {role: program.checkpoint.read(s.name) for role, s in entry.sources.items()}
    try:
        entry.to_keras(arrays, linear=False)
    except (ValueError, KeyError, IndexError) as error:
        family = entry.cell.family
        reason = ", ".join(FAMILIES) if family not in FAMILIES else str(error)
        raise UserError(f"[layers] {entry.name} is no {family}: {reason}") from None


def _check_there(program, names):
    missing = [name for name in names if name not in program.checkpoint.shapes]
    if missing:
        raise _unknown(program, missing[0])


def _sources(variables):
    return {role: Source(name) for role, name in variables.items()}


def _unknown(program, name):
    prefix = program.checkpoint.prefix
    return UserError(f"{prefix} has no {name}: python -m tf1port inspect shows its scopes")
