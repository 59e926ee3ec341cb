"""Layers after the cells as a user describes them, in TOML: for heads that are not recognised.

    takes = "last"

    [[after]]
    layer = "Dense"
    name = "logits"
    options = {units = 10, activation = "relu"}
    output = "head/add:0"
    weights = {kernel = {variable = "W", transpose = [1, 0]}, bias = "b"}

`layer` is a class of keras.layers, `options` its arguments, `weights` the checkpoint's variables by
Keras' role. `output` may name the tensor of the graph that the layer makes, for verify to compare.
"""

import keras
import numpy as np

from tf1port.conversion.toml_file import read_toml
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.trusted_layers import configurations, is_part, runs_code
from tf1port.tf1.graph.layer import Layer

_TAKES = ("steps", "last", "state")
_KEYS = {"layer", "name", "options", "output", "weights"}


def read_map(path, *, trust=False):
    """What a map says: what is taken of the last cell, and tf1port.tf1.graph.layer.Layers.

    Args:
        trust: its layers may run code and read files.

    Raises:
        UserError: it cannot be read, or says something that no map says.
    """
    told = read_toml(path)
    _check_keys(told, {"takes", "after"}, where=path)
    if told.get("takes") not in _TAKES:
        raise UserError(f"{path} says takes = {told.get('takes')!r}: give one of {list(_TAKES)}")
    after = told.get("after")
    if not isinstance(after, list) or not after or not all(isinstance(one, dict) for one in after):
        raise UserError(f"{path} has no [[after]]: describe each layer after the cells in one")
    layers = [_layer(one, f"{path}, layer {i + 1}", trust) for i, one in enumerate(after)]
    names = [layer.name for layer in layers if layer.name]
    if len(set(names)) < len(names):
        raise UserError(f"{path} has layers of one name: {', '.join(sorted(names))}")
    return told["takes"], layers


def _layer(told, where, trust):
    _check_keys(told, _KEYS, where=where)
    kind, options = told.get("layer"), told.get("options", {})
    found = getattr(keras.layers, kind, None) if isinstance(kind, str) else None
    if not (isinstance(found, type) and issubclass(found, keras.layers.Layer)):
        raise UserError(f"{where}: keras.layers has no {kind!r}")
    if not isinstance(options, dict) or {"name", "dtype"} & options.keys():
        raise UserError(f"{where}: options are arguments of {kind}, but for name and dtype")
    if not trust:
        _check_trusted(kind, options, where)
    for key in ("name", "output"):
        if not isinstance(told.get(key, ""), str):
            raise UserError(f"{where}: {key} = {told[key]!r} is no text")
    weights = told.get("weights", {})
    if not isinstance(weights, dict):
        raise UserError(f'{where}: weights are variables by role, such as kernel = "W"')
    held = {role: _weight(value, f"{where}, {role}") for role, value in weights.items()}
    return Layer(
        kind,
        {role: name for role, (name, _) in held.items()},
        output=told.get("output", ""),
        inputs="",
        options=options,
        name=told.get("name"),
        turned={role: axes for role, (_, axes) in held.items() if axes},
    )


def _check_trusted(kind, options, where):
    """Refuses a layer that runs code or reads files, itself or by what its options describe."""
    if runs_code(kind):
        raise UserError(
            f"{where}: {kind} runs code or reads files: say --trust if you know what it does"
        )
    for one in configurations(options):
        if not is_part(one):
            raise UserError(
                f"{where}: the options of {kind} describe a {one['class_name']}, which may run "
                "code: say --trust if you know what it does"
            )


def _weight(told, where):
    """The variable of a weight, and the order in which Keras has its axes; None: the same."""
    if isinstance(told, str):
        return told, None
    if not isinstance(told, dict) or not isinstance(told.get("variable"), str):
        raise UserError(f'{where}: give "W" or {{variable = "W", transpose = [1, 0]}}')
    _check_keys(told, {"variable", "transpose"}, where=where)
    axes = told.get("transpose")
    if axes is None:
        return told["variable"], None
    whole = isinstance(axes, list) and all(type(axis) is int for axis in axes)
    if not whole or sorted(axes) != list(range(len(axes))):
        raise UserError(f"{where}: transpose = {axes!r} is no order of axes, such as [1, 0]")
    return told["variable"], tuple(axes)


def _check_keys(told, known, *, where):
    unknown = sorted(told.keys() - known)
    if unknown:
        raise UserError(f"{where}: unknown key {unknown[0]}, there are {', '.join(sorted(known))}")


def with_map(network, path, *, graph, shapes, trust=False):
    """The network with the layers of a map in place of those that were found after its cells.

    Args:
        network: tf1port.tf1.graph.network.Network.
        path: of the map.
        graph: tf1port.tf1.graph.index.Graph; None where there is none.
        shapes: of the checkpoint's variables by name.
        trust: as for read_map.

    Raises:
        UserError: as read_map; it names variables or tensors that are not there, or nothing that
            was not found without it.
    """
    takes, layers = read_map(path, trust=trust)
    named = [name for layer in layers for name in layer.variables.values()]
    for layer in layers:
        for role, name in layer.variables.items():
            if name not in shapes:
                raise UserError(f"{path}: the checkpoint has no variable {name}, see inspect")
            axes = layer.turned.get(role)
            if axes and len(axes) != len(shapes[name]):
                raise UserError(f"{path}: {name} is {list(shapes[name])}, transpose {list(axes)}")
        if layer.output and (graph is None or not _has(graph, layer.output)):
            raise UserError(f"{path}: the graph has no tensor {layer.output}")
    if network.after and set(named) <= set(network.variables):
        raise UserError(f"{path} is not needed: the layers after the cells are found without it")
    taken = network._replace(after=[]).variables
    twice = sorted({name for name in named if name in taken or named.count(name) > 1})
    if twice:
        raise UserError(f"{path}: {twice[0]} is taken already, by another layer or a cell")
    return network._replace(after=layers, takes=takes)


def _has(graph, tensor):
    name, _, port = tensor.partition(":")
    return name in graph.nodes and port.isdigit()


def check_layers(blueprint, path):
    """Whether the layers of a map fit each other and their weights.

    Raises:
        UserError: they do not; it names the first one.
    """
    steps = (None,) if blueprint.takes == "steps" else ()
    x = keras.Input((*steps, blueprint.width), dtype=blueprint.dtype)
    for spec in blueprint.after:
        try:
            layer = spec.call.make()
            x = layer(x)
            own = layer_weights.variables(layer)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            line = str(error).strip().splitlines()[0]
            raise UserError(f"{path}: {spec.name} ({spec.kind}): {line}") from None
        if own.keys() != spec.weights.keys():
            found = ", ".join(sorted(spec.weights)) or "none"
            wanted = ", ".join(sorted(own)) or "none"
            raise UserError(
                f"{path}: {spec.name} ({spec.kind}) has the weights {wanted}, not {found}"
            )
        for role, variable in own.items():
            shape, given = tuple(variable.shape), np.shape(spec.weights[role])
            if shape != given:
                raise UserError(
                    f"{path}: {role} of {spec.name} is {list(shape)}, "
                    f"{spec.sources[role]} gives {list(given)}"
                )
