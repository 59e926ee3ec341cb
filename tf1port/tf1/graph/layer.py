"""A layer around the cells, with its tensors in the graph."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Layer(NamedTuple):
    """A layer before or after the cells.

    kind: a key of tf1port.keras_model.plain_layers.KINDS, or a class of keras.layers from a map.
    variables: by Keras' role.
    inputs, output: its tensors; "" if unknown, in a layer of a map.
    options: of Keras' layer, but for those that follow from the variables' shapes.
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
