"""The weights of any Keras model by name: the path of their layer and their role in it.

A Keras layer goes by its name; one within another model or a user's own layer by its path, such as
`encoder/lstm`. Where a map names the outer layer, it stands for all of its layers.
"""

from collections.abc import Collection
from typing import Any

import keras

from tf1port.keras_model import layer_weights


def layers(model: keras.Model, named: Collection[str] = ()) -> dict[str, keras.layers.Layer]:
    """The layers of a model that have weights, or that are named, by path.

    Args:
        named: paths in a map; the layers within these are not listed.
    """
    by_path: dict[str, keras.layers.Layer] = {}
    for layer in model.layers:
        _add(by_path, layer.name, layer, named)
    return by_path


def weights(name: str, layer: keras.layers.Layer) -> dict[str, Any]:
    """The variables of a layer by their full names."""
    return {f"{name}/{role}": variable for role, variable in roles(layer).items()}


def roles(layer: keras.layers.Layer) -> dict[str, Any]:
    """The variables of a layer by role; roles that are not unique get more of the path."""
    variables = layer_weights.variables(layer)
    if len(variables) == len(layer.weights):
        return variables
    paths = [variable.path.split("/") for variable in layer.weights]
    size = 2
    while len({tuple(parts[-size:]) for parts in paths}) < len(paths) and size < 99:
        size += 1
    return {"/".join(parts[-size:]): v for parts, v in zip(paths, layer.weights, strict=True)}


def sublayers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers among a layer's attributes, also in lists and dicts."""
    if isinstance(layer, keras.Model):
        return layer.layers
    values = [item for value in vars(layer).values() for item in _flat(value)]
    layers = [value for value in values if isinstance(value, keras.layers.Layer)]
    return list({id(layer): layer for layer in layers}.values())


def embedded(model: keras.Model) -> list[int]:
    """The numbers of rows of all embedding tables in a model."""
    queue, sizes, seen = [*model.layers], [], set()
    while queue:
        layer = queue.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            sizes += [layer.input_dim] if isinstance(layer, keras.layers.Embedding) else []
            queue += sublayers(layer)
    return sizes


def _add(by_path, path, layer, named):
    inner = [sublayer for sublayer in sublayers(layer) if sublayer.weights]
    own = isinstance(layer, keras.Model) or not type(layer).__module__.startswith("keras.")
    within = any(name.startswith(f"{path}/") for name in named)
    if own and inner and (within or path not in named):
        inner_variables = {id(variable) for sublayer in inner for variable in sublayer.weights}
        for sublayer in inner:
            _add(by_path, f"{path}/{sublayer.name}", sublayer, named)
        if any(id(variable) not in inner_variables for variable in layer.weights):
            by_path[path] = _Rest(layer, inner_variables)
    elif layer.weights or path in named:
        by_path[path] = layer


class _Rest:
    """A layer with those of its weights that no layer within it has."""

    def __init__(self, layer, inner):
        self.layer, self.name = layer, layer.name
        self.weights = [variable for variable in layer.weights if id(variable) not in inner]


def _flat(value):
    if isinstance(value, dict):
        return [leaf for item in value.values() for leaf in _flat(item)]
    if isinstance(value, list | tuple | set):
        return [leaf for item in value for leaf in _flat(item)]
    return [value]
