"""The weights of any Keras model by name: the path of their layer and their role in it.

A layer of Keras goes by its name; one within a model or a layer of one's own by the names on the
way to it, such as `encoder/lstm`. Where a map names the outer layer, that stands for all in it.
"""

from collections.abc import Collection
from typing import Any

import keras

from tf1port.keras_model import layer_weights


def layers(model: keras.Model, named: Collection[str] = ()) -> dict[str, keras.layers.Layer]:
    """The layers of a model that have weights, or that are named, by path.

    Args:
        named: paths of a map, which are not looked into.
    """
    found: dict[str, keras.layers.Layer] = {}
    for layer in model.layers:
        _add(found, layer.name, layer, named)
    return found


def weights(name: str, layer: keras.layers.Layer) -> dict[str, Any]:
    """The variables of a layer by their full names."""
    return {f"{name}/{role}": variable for role, variable in roles(layer).items()}


def roles(layer: keras.layers.Layer) -> dict[str, Any]:
    """The variables of a layer by role; where two have one, by as much of their path as differs."""
    found = layer_weights.variables(layer)
    if len(found) == len(layer.weights):
        return found
    words = [variable.path.split("/") for variable in layer.weights]
    size = 2
    while len({tuple(path[-size:]) for path in words}) < len(words) and size < 99:
        size += 1
    return {"/".join(path[-size:]): v for path, v in zip(words, layer.weights, strict=True)}


def sublayers(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """The layers that a layer holds as attributes, also in lists and dicts."""
    if isinstance(layer, keras.Model):
        return layer.layers
    held = [one for value in vars(layer).values() for one in _flat(value)]
    return list({id(one): one for one in held if isinstance(one, keras.layers.Layer)}.values())


def embedded(model: keras.Model) -> list[int]:
    """The sizes of all tables in a model."""
    queue, found, seen = [*model.layers], [], set()
    while queue:
        layer = queue.pop()
        if id(layer) not in seen:
            seen.add(id(layer))
            found += [layer.input_dim] if isinstance(layer, keras.layers.Embedding) else []
            queue += sublayers(layer)
    return found


def _add(found, path, layer, named):
    inner = [one for one in sublayers(layer) if one.weights]
    own = isinstance(layer, keras.Model) or not type(layer).__module__.startswith("keras.")
    within = any(name.startswith(f"{path}/") for name in named)
    if own and inner and (within or path not in named):
        known = {id(variable) for one in inner for variable in one.weights}
        for one in inner:
            _add(found, f"{path}/{one.name}", one, named)
        if any(id(variable) not in known for variable in layer.weights):
            found[path] = _Rest(layer, known)
    elif layer.weights or path in named:
        found[path] = layer


class _Rest:
    """A layer with those of its weights that no layer within it has."""

    def __init__(self, layer, known):
        self.layer, self.name = layer, layer.name
        self.weights = [variable for variable in layer.weights if id(variable) not in known]


def _flat(value):
    if isinstance(value, dict):
        return [one for item in value.values() for one in _flat(item)]
    if isinstance(value, list | tuple | set):
        return [one for item in value for one in _flat(item)]
    return [value]
