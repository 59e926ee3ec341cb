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
    last_only: only the last step of its output goes on.
    name, permuted: of a layer of a map: its name, and by role how a variable's axes are permuted
        for Keras.
    """

    kind: str
    variables: dict[str, str]
    output: str
    inputs: str
    options: Mapping[str, object] = MappingProxyType({})
    name: str | None = None
    permuted: Mapping[str, tuple[int, ...]] = MappingProxyType({})
    last_only: bool = False
