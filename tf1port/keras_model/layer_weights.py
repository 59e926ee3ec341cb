"""The weights of a Keras layer by role, and the cells that a layer of several is made of.

A role is a variable's name within its cell, such as "kernel"; in a layer of two directions
"forward/kernel" and "backward/kernel", in a stack of cells "cell_0/kernel", in both
"forward/cell_0/kernel".
"""

from typing import NamedTuple

import keras
import numpy as np

from tf1port.cells.families import FAMILIES


class Part(NamedTuple):
    """A cell of a layer: what its roles begin with, its family, the forget bias of its graph."""

    prefix: str
    family: str
    forget_bias: float = 0.0


class Turned(NamedTuple):
    """A weight whose axes Keras has in another order: its role, TF1's axes in Keras' order."""

    role: str
    axes: tuple[int, ...]


def variables(layer):
    """The variables of a Keras layer by role."""
    if isinstance(layer, keras.layers.Bidirectional):
        ways = {"forward/": layer.forward_layer, "backward/": layer.backward_layer}
        return _prefixed({start: variables(way) for start, way in ways.items()})
    cell = getattr(layer, "cell", None)
    if isinstance(cell, keras.layers.StackedRNNCells):
        return _prefixed({f"cell_{i}/": variables(one) for i, one in enumerate(cell.cells)})
    return {variable.path.rpartition("/")[2]: variable for variable in layer.weights}


def weights(layer):
    """The arrays of a Keras layer by role."""
    return {role: np.array(variable) for role, variable in variables(layer).items()}


def set_weights(layer, arrays):
    """Sets the weights of a layer by role. Raises ValueError where the roles are not its own."""
    own = variables(layer)
    if own.keys() != arrays.keys():
        raise ValueError(f"{layer.name} has {sorted(own)}, not {sorted(arrays)}")
    for role, variable in own.items():
        variable.assign(arrays[role])


def slots(model, layer, slot):
    """The optimizer's variables of a slot, such as "momentum", of a layer's weights by role."""
    found = slots_by_variable(model, slot)
    own = variables(layer).items()
    return {role: found[id(variable)] for role, variable in own if id(variable) in found}


def slots_by_variable(model, slot):
    """The optimizer's variables of a slot by the id of the weight that each is of."""
    by_path: dict[str, list[object]] = {}
    for variable in model.optimizer.variables:
        by_path.setdefault(variable.path, []).append(variable)
    found = {}
    for variable in model.trainable_variables:
        path = f"{model.optimizer.name}/{variable.path.replace('/', '_')}_{slot}"
        if path in by_path:  # a loaded model may have several of one path, in order
            found[id(variable)] = by_path[path].pop(0)
    return found


def to_keras(parts, arrays, *, linear=False):
    """TF1's variables of a layer by role as Keras' weights by role.

    Args:
        parts: the layer's cells, or its Turned weights; none of a layer whose arrays are the same
            on both sides.
        linear: for slots and gradients, as for tf1port.cells.families.
    """
    return _moved("to_keras", parts, arrays, linear=linear)


def to_tf1(parts, arrays, *, linear=False):
    """The way back of to_keras."""
    return _moved("to_tf1", parts, arrays, linear=linear)


def _moved(way, parts, arrays, *, linear):
    if not parts:
        return dict(arrays)
    if all(isinstance(part, Turned) for part in parts):
        return {**arrays, **_turned(way, parts, arrays)}
    found = {}
    for part in parts:
        own = {
            role.removeprefix(part.prefix): value
            for role, value in arrays.items()
            if role.startswith(part.prefix)
        }
        bias = 0.0 if linear else part.forget_bias
        move = getattr(FAMILIES[part.family], way)
        found.update(_prefixed({part.prefix: move(own, forget_bias=bias, linear=linear)}))
    return found


def _turned(way, parts, arrays):
    axes = {part.role: part.axes for part in parts if part.role in arrays}
    if way == "to_tf1":
        axes = {role: np.argsort(order) for role, order in axes.items()}
    return {
        role: np.ascontiguousarray(np.transpose(arrays[role], order))
        for role, order in axes.items()
    }


def _prefixed(groups):
    return {start + role: value for start, group in groups.items() for role, value in group.items()}
