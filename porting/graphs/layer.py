"""What a layer around the cells is to a graph."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple


class Layer(NamedTuple):
    """A layer before or after the cells.

    kind: a key of porting.models.plain_layers.KINDS. variables: by Keras' role.
    inputs, output: the tensors that it takes and makes. options: of Keras' layer, as far as no
    variable's shape tells them.
    """

    kind: str
    variables: dict[str, str]
    output: str
    inputs: str
    options: Mapping[str, object] = MappingProxyType({})
