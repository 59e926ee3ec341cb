"""The weights of a Keras layer by role, and the cells that a layer of several is made of.

A role is a variable's name within its cell, such as "kernel"; in a layer of two directions
"forward/kernel" and "backward/kernel", in a stack of cells "cell_0/kernel", in both
"forward/cell_0/kernel".
"""

from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tf1port.cells.families import FAMILIES


class CellMapping(NamedTuple):
    """A cell of a layer: what its roles begin with, its family, the forget bias of its graph."""

    prefix: str
    family: str
    forget_bias: float = 0.0


class Permutation(NamedTuple):
    """A weight whose axes Keras has in another order: its role, TF1's axes in Keras' order."""

    role: str
    axes: tuple[int, ...]


def variables(layer):
    """The variables of a Keras layer by role."""
    if isinstance(layer, keras.layers.Bidirectional):
        directions = {"forward/": layer.forward_layer, "backward/": layer.backward_layer}
        return _prefixed({start: variables(direction) for start, direction in directions.items()})
    cell = getattr(layer, "cell", None)
    if isinstance(cell, keras.layers.StackedRNNCells):
        return _prefixed({f"cell_{i}/": variables(inner) for i, inner in enumerate(cell.cells)})
    return {variable.path.rpartition("/")[2]: variable for variable in layer.weights}


def weights(layer):
    """The arrays of a Keras layer by role."""
    return {role: np.array(variable) for role, variable in variables(layer).items()}


def layers_of(model, names):
    """Layers of a model, {name: layer}, at once: Model.get_layer searches all of them at each call.

    Raises ValueError where it has none of a name.
    """
    by_name = {layer.name: layer for layer in model.layers}
    for name in names:
        if name not in by_name:
            raise ValueError(f"No such layer: {name}. It has {', '.join(by_name)}")
    return {name: by_name[name] for name in names}


def weights_of(model, names):
    """The weights of some layers of a model, {name: arrays by role}; raises as layers_of."""
    return {name: weights(layer) for name, layer in layers_of(model, names).items()}


def set_weights_of(model, weights_by_layer):
    """Sets the weights of layers of a model by name and role; raises as layers_of."""
    for name, layer in layers_of(model, weights_by_layer).items():
        set_weights(layer, weights_by_layer[name])


def set_weights(layer, arrays):
    """Sets the weights of a layer by role. Raises ValueError where the roles are not its own."""
    variables_by_role = variables(layer)
    if variables_by_role.keys() != arrays.keys():
        raise ValueError(f"{layer.name} has {sorted(variables_by_role)}, not {sorted(arrays)}")
    for role, variable in variables_by_role.items():
        variable.assign(arrays[role])


def gradients(layer, by_id):
    """The gradients of a layer's weights as arrays by role, those that there are.

    by_id: tensors, or tf.IndexedSlices, or None, by the id of the variable.
    """
    by_role = {role: by_id.get(id(variable)) for role, variable in variables(layer).items()}
    present = {role: value for role, value in by_role.items() if value is not None}
    return {role: np.array(tf.convert_to_tensor(value)) for role, value in present.items()}


def slots(layer, by_id):
    """The optimizer's variables of a slot of a layer's weights by role.

    by_id: what slots_by_variable gives.
    """
    by_role = variables(layer).items()
    return {role: by_id[id(variable)] for role, variable in by_role if id(variable) in by_id}


def slots_by_variable(model, slot):
    """The optimizer's variables of a slot, such as "momentum", by the id of each one's weight."""
    by_path: dict[str, list[object]] = {}
    for variable in model.optimizer.variables:
        by_path.setdefault(variable.path, []).append(variable)
    result = {}
    for variable in model.trainable_variables:
        path = f"{model.optimizer.name}/{variable.path.replace('/', '_')}_{slot}"
        if path in by_path:  # a loaded model may have several of one path, in order
            result[id(variable)] = by_path[path].pop(0)
    return result


def to_keras(mappings, arrays, *, linear=False):
    """TF1's variables of a layer by role as Keras' weights by role.

    Args:
        mappings: its CellMappings, or its Permutations; none of a layer whose arrays are the same
            on both sides.
        linear: for slots and gradients, as for tf1port.cells.families.
    """
    return _moved("to_keras", mappings, arrays, linear=linear)


def to_tf1(mappings, arrays, *, linear=False):
    """The way back of to_keras."""
    return _moved("to_tf1", mappings, arrays, linear=linear)


def _moved(direction, mappings, arrays, *, linear):
    if not mappings:
        return dict(arrays)
    if all(isinstance(mapping, Permutation) for mapping in mappings):
        return {**arrays, **_permuted(direction, mappings, arrays)}
    result = {}
    for mapping in mappings:
        cell_arrays = {
            role.removeprefix(mapping.prefix): value
            for role, value in arrays.items()
            if role.startswith(mapping.prefix)
        }
        bias = 0.0 if linear else mapping.forget_bias
        convert = getattr(FAMILIES[mapping.family], direction)
        result.update(
            _prefixed({mapping.prefix: convert(cell_arrays, forget_bias=bias, linear=linear)})
        )
    return result


def _permuted(direction, permutations, arrays):
    axes = {
        permutation.role: permutation.axes
        for permutation in permutations
        if permutation.role in arrays
    }
    if direction == "to_tf1":
        axes = {role: np.argsort(order) for role, order in axes.items()}
    return {
        role: np.ascontiguousarray(np.transpose(arrays[role], order))
        for role, order in axes.items()
    }


def _prefixed(groups):
    return {start + role: value for start, group in groups.items() for role, value in group.items()}
