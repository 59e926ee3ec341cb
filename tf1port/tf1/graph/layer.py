"""What a layer around the cells is to a graph."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Layer(NamedTuple):
    """A layer before or after the cells.

    kind: a key of tf1port.keras_model.plain_layers.KINDS, or a class of keras.layers from a map.
    variables: by Keras' role.
    inputs, output: the tensors that it takes and makes; of a map's layer "" where nobody says them.
    options: of Keras' layer, as far as no variable's shape tells them.
    picked: only the last step of what it makes goes on.
    name, turned: of a map's layer; the order in which Keras has the axes of a variable, by role.
    """

    kind: str
    variables: dict[str, str]
    output: str
    inputs: str
    options: Mapping[str, object] = MappingProxyType({})
    name: str | None = None
    turned: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    picked: bool = False
