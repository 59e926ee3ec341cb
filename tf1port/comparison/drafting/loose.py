"""What places of a model may be by the shapes of single variables, where no layer is known."""

import functools
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tf1port.cells.families import FAMILIES
from tf1port.comparison.drafting.matching import Match
from tf1port.comparison.drafting.parts import FORGET_BIAS
from tf1port.comparison.drafting.places import Place, Shapes, Signature, blank, cell_signatures
from tf1port.tf1.checkpoint.cell_names import roles_in

_TRANSPOSED = {"kernel", "embeddings"}  # roles that a graph may have the other way round
_BY_SHAPES = "a cell by its shapes alone: are the gates in TF1's order?"
_CELL_BY_SHAPES = f"{_BY_SHAPES} Is {FORGET_BIAS} its forget bias?"


class Loose(NamedTuple):
    """The variables that no known part has: their names in order, and their shapes.

    wanted: how many weights of the places that are left have a shape.
    """

    names: list[str]
    shapes: Shapes
    wanted: Callable[[tuple[int, ...]], int]

    def without(self, names: Iterable[str]) -> "Loose":
        """The same without some of the names."""
        return self._replace(names=[name for name in self.names if name not in {*names}])

    def of_shape(self, shape: tuple[int, ...]) -> list[str]:
        """The names of those of a shape."""
        return [name for name in self.names if self.shapes[name] == shape]


def match_loose(
    places: list[Place], names: list[str], shapes: Shapes, tables: Iterable[str] = ()
) -> list[Match]:
    """Matches of places by single variables.

    Args:
        names: of the variables that are free. shapes: of all.
        tables: names of variables that are in another match and may be tied to a second one.
    """
    everything = [shape for place in places for shape in place.shapes.values()]
    loose = Loose(names, shapes, everything.count)
    tables, found = list(tables), []
    for place in places:
        tries = [_of_keras, _of_scope, _of_shapes] if place.signatures else [_by_role]
        tries += [functools.partial(_tied, tables=tables)]
        made = next((one for one in (each(place, loose) for each in tries) if one), None)
        if made is not None:
            found.append(made)
            loose = loose.without(made.variables)
            tables += made.variables if "embeddings" in place.shapes else ()
    return found


def _of_keras(place, loose):
    """Weights that a graph has as Keras has them, of tf.keras' own layers in a session."""
    scopes: dict[str, dict[str, str]] = {}
    for name in loose.names:
        scope, _, leaf = name.rpartition("/")
        if loose.shapes[name] == place.shapes.get(leaf):
            scopes.setdefault(scope, {})[leaf] = name
    whole = [found for found in scopes.values() if found.keys() == place.shapes.keys()]
    if not whole:
        return None
    unsure = f"{len(whole)} scopes have these shapes" if len(whole) > 1 else None
    return _match(place, whole[0], whole[0], unsure)


def _of_scope(place, loose):
    """A scope whose variables are named as a cell's are."""
    shapes = {name: loose.shapes[name] for name in loose.names}
    for scope in dict.fromkeys(name.rpartition("/")[0] for name in loose.names):
        roles = roles_in(shapes, scope)
        found = cell_signatures({role: shapes[name] for role, name in roles.items()}, side="tf1")
        signature = next((one for one in place.signatures if one in found), None)
        if signature is not None and scope:
            return _match(place, _cell(signature, {"scope": scope}), roles, _doubt(signature))
    return None


def _of_shapes(place, loose):
    """Variables of the shapes of a cell, whatever they are named."""
    for signature in place.signatures:
        wanted = _tf1_shapes(signature, place.shapes)
        roles = _roles(wanted, loose, place.name)
        if roles is not None:
            entry = _cell(signature, {role: name for role, (name, _) in roles.items()})
            return _match(place, entry, _names(roles), _doubt(signature))
    return None


def _by_role(place, loose):
    """Variables of the shapes of a layer's weights, or of their transposes."""
    roles = _roles(place.shapes, loose, place.name, transposed=_TRANSPOSED)
    if roles is None:
        return None
    unsure = next((doubt for _, doubt in roles.values() if doubt), None)
    entry = {
        role: _source(name, loose.shapes[name], place.shapes[role])
        for role, (name, _) in roles.items()
    }
    return _match(place, entry, _names(roles), unsure)


def _tied(place, loose, *, tables):
    """A layer whose kernel is the table of another one."""
    kernel = place.shapes.get("kernel")
    own = [name for name in tables if loose.shapes[name] in (kernel, (kernel or ())[::-1])]
    rest = {role: shape for role, shape in place.shapes.items() if role != "kernel"}
    roles = _roles(rest, loose, place.name) if len(own) == 1 else None
    if roles is None:
        return None
    entry = {role: name for role, (name, _) in roles.items()}
    entry["kernel"] = _source(own[0], loose.shapes[own[0]], kernel)
    doubt = f"{own[0]} is in another layer too: tied in the graph, it is to be one weight"
    return _match(place, entry, _names(roles), doubt)


def _roles(wanted, loose, name, transposed=()):
    """A variable for each role with why it is unsure; None where one has none.

    What is named as the role is, and lies where the others do, goes first.
    """
    found: dict[str, tuple[str, str | None]] = {}
    for role, shape in wanted.items():
        free = loose.without([one for one, _ in found.values()])
        fitting = free.of_shape(shape)
        if not fitting and role in transposed:
            fitting = free.of_shape(shape[::-1])
        if not fitting:
            return None
        named = [one for one in fitting if one.rpartition("/")[2] == role]
        scopes = {one.rpartition("/")[0] for one, _ in found.values()}
        distance = functools.partial(_distance, scopes=scopes, word=name.rpartition("/")[2])
        doubt = _several(shape, named or fitting, 0 if named else loose.wanted(shape))
        found[role] = min(named or fitting, key=distance), doubt
    return found


def _several(shape, names, wanted):
    """Why a variable may be another one; None: it cannot."""
    if len(names) > 1:
        return f"{len(names)} variables have the shape {list(shape)}"
    return f"{wanted} weights of the model have the shape {list(shape)}" if wanted > 1 else None


def _distance(name, *, scopes, word):
    apart = bool(scopes) and name.rpartition("/")[0] not in scopes
    return apart, word not in name.split("/")


def _tf1_shapes(signature: Signature, shapes: Shapes) -> Shapes:
    """The shapes that TF1 has of a cell with such weights in Keras."""
    arrays = FAMILIES[signature.family].to_tf1(blank(shapes), linear=True)
    return {role: array.shape for role, array in arrays.items()}


def _cell(signature, entry):
    bias = {"forget_bias": FORGET_BIAS} if "lstm" in signature.family else {}
    return {"cell": signature.family, **entry, **bias}


def _doubt(signature):
    return _CELL_BY_SHAPES if "lstm" in signature.family else _BY_SHAPES


def _source(name: str, shape: Any, wanted: Any) -> Any:
    """A variable as a map has it, transposed where it is the other way round."""
    return name if shape == wanted else {"variable": name, "transpose": [1, 0]}


def _names(roles):
    return {role: name for role, (name, _) in roles.items()}


def _match(place, entry, variables, unsure):
    return Match(place.name, entry, tuple(variables.values()), unsure)
