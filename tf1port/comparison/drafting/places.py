"""The places of a Keras model that a map has to name something of a checkpoint for."""

import re
from typing import NamedTuple

import keras
import numpy as np

from tf1port.cells.families import FAMILIES, Sizes
from tf1port.comparison.sides import naming

Shapes = dict[str, tuple[int, ...]]
_WAYS = {"forward": "fw", "backward": "bw"}


class Signature(NamedTuple):
    """What a cell has in common on both sides.

    family: a key of tf1port.cells.families.FAMILIES. sizes: its Sizes. variant: the number of the
    set of roles that it has, of those of its family.
    """

    family: str
    sizes: Sizes
    variant: int


class Place(NamedTuple):
    """A layer with weights, or a cell within one.

    Attributes:
        name: that a map has for it, such as "encoder/forward".
        shapes: of its weights by role.
        signatures: of the cells that it may be; none of another layer.
        direction: "fw" or "bw" of a cell; else None.
        automatic: whether Keras chose the name, which then says nothing.
        same_as: the place whose variables these are; None: its own.
    """

    name: str
    shapes: Shapes
    signatures: tuple[Signature, ...] = ()
    direction: str | None = None
    automatic: bool = False
    same_as: str | None = None

    @property
    def described(self) -> str:
        """Its name and the shapes of its weights, in a line."""
        shapes = ", ".join(f"{role} {list(shape)}" for role, shape in self.shapes.items())
        return f"{self.name}: {shapes}"


def find_places(model: keras.Model) -> list[Place]:
    """The Places of a model, in the order of its layers."""
    found: list[Place] = []
    owners: dict[frozenset[int], str] = {}
    for path, layer in naming.layers(model).items():
        for start, variables in _grouped(naming.roles(layer)).items():
            name = f"{path}/{start}" if start else path
            ids = frozenset(map(id, variables.values()))
            owner = owners.setdefault(ids, name)
            place = _place(name, layer, {role: tuple(v.shape) for role, v in variables.items()})
            found.append(place if owner == name else place._replace(same_as=owner))
    return found


def cell_signatures(shapes: Shapes, *, side: str) -> tuple[Signature, ...]:
    """The Signatures that weights by role have; `side`: "keras" or "tf1", whose roles they are."""
    found = []
    for name, family in FAMILIES.items():
        variants = [set(roles) for roles in getattr(family, side).variants]
        if shapes.keys() not in variants:
            continue
        try:
            sizes = family.sizes(blank(shapes))
        except (KeyError, ValueError):
            continue
        found.append(Signature(name, sizes, variants.index({*shapes})))
    return tuple(found)


def blank(shapes: Shapes) -> dict[str, np.ndarray]:
    """Arrays of these shapes that take no memory."""
    return {role: np.broadcast_to(np.int8(0), shape) for role, shape in shapes.items()}


def _place(name, layer, shapes):
    signatures = cell_signatures(shapes, side="keras") if "recurrent_kernel" in shapes else ()
    direction = None
    if signatures:
        ways = [_WAYS[word] for word in name.split("/") if word in _WAYS]
        backwards = getattr(layer, "go_backwards", False)
        direction = ways[-1] if ways else ("bw" if backwards else "fw")
    return Place(name, shapes, signatures, direction, _is_automatic(name, layer))


def _grouped(variables):
    """Variables by role as groups of one cell, or one layer, each: {prefix: {role: variable}}."""
    found: dict[str, dict[str, object]] = {}
    for role, variable in variables.items():
        start, _, own = role.rpartition("/")
        found.setdefault(start, {})[own] = variable
    return found


def _is_automatic(name, layer):
    """Whether a layer goes by the name that Keras gives to one of its class."""
    kind = type(getattr(layer, "layer", layer)).__name__
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", kind).lower()
    return bool(re.fullmatch(rf"{words}(_\d+)?", name.rpartition("/")[2]))
