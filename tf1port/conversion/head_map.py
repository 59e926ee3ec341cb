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

from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.trusted_layers import configurations, is_stock_option, runs_code
from tf1port.reading import read_toml
from tf1port.tf1.graph.layer import Layer

_TAKES = ("steps", "last", "state")
_KEYS = {"layer", "name", "options", "output", "weights"}


def read_map(path, *, trust=False):
    """Reads a map: the output of the last cell that is used, and tf1port.tf1.graph.layer.Layers.

    Args:
        trust: its layers may run code and read files.

    Raises:
        UserError: it cannot be read, or has unknown keys or values.
    """
    entries = read_toml(path)
    _check_keys(entries, {"takes", "after"}, place=path)
    if entries.get("takes") not in _TAKES:
        raise UserError(f"{path} says takes = {entries.get('takes')!r}: give one of {list(_TAKES)}")
    after = entries.get("after")
    if (
        not isinstance(after, list)
        or not after
        or not all(isinstance(entry, dict) for entry in after)
    ):
        raise UserError(f"{path} has no [[after]]: describe each layer after the cells in one")
    layers = [_layer(entry, f"{path}, layer {i + 1}", trust) for i, entry in enumerate(after)]
    names = [layer.name for layer in layers if layer.name]
    if len(set(names)) < len(names):
        raise UserError(f"{path} has layers of one name: {', '.join(sorted(names))}")
    return entries["takes"], layers


def _layer(entry, place, trust):
    _check_keys(entry, _KEYS, place=place)
    kind, options = entry.get("layer"), entry.get("options", {})
    layer_class = getattr(keras.layers, kind, None) if isinstance(kind, str) else None
    if not (isinstance(layer_class, type) and issubclass(layer_class, keras.layers.Layer)):
        raise UserError(f"{place}: keras.layers has no {kind!r}")
    if not isinstance(options, dict) or {"name", "dtype"} & options.keys():
        raise UserError(f"{place}: options are arguments of {kind}, but for name and dtype")
    if not trust:
        _check_trusted(kind, options, place)
    for key in ("name", "output"):
        if not isinstance(entry.get(key, ""), str):
            raise UserError(f"{place}: {key} = {entry[key]!r} is not a string")
    weights = entry.get("weights", {})
    if not isinstance(weights, dict):
        raise UserError(f'{place}: weights are variables by role, such as kernel = "W"')
    weights = {role: _weight(value, f"{place}, {role}") for role, value in weights.items()}
    return Layer(
        kind,
        {role: name for role, (name, _) in weights.items()},
        output=entry.get("output", ""),
        inputs="",
        options=options,
        name=entry.get("name"),
        permuted={role: axes for role, (_, axes) in weights.items() if axes},
    )


def _check_trusted(kind, options, place):
    """Refuses a layer that runs code or reads files, itself or through its options."""
    if runs_code(kind):
        raise UserError(
            f"{place}: {kind} runs code or reads files: pass --trust if you know what it does"
        )
    for config in configurations(options):
        if not is_stock_option(config):
            raise UserError(
                f"{place}: the options of {kind} describe a {config['class_name']}, which may run "
                "code: pass --trust if you know what it does"
            )


def _weight(entry, place):
    """The variable of a weight, and its axes in Keras' order; None: the same order."""
    if isinstance(entry, str):
        return entry, None
    if not isinstance(entry, dict) or not isinstance(entry.get("variable"), str):
        raise UserError(f'{place}: give "W" or {{variable = "W", transpose = [1, 0]}}')
    _check_keys(entry, {"variable", "transpose"}, place=place)
    axes = entry.get("transpose")
    if axes is None:
        return entry["variable"], None
    are_ints = isinstance(axes, list) and all(type(axis) is int for axis in axes)
    if not are_ints or sorted(axes) != list(range(len(axes))):
        raise UserError(
            f"{place}: transpose = {axes!r} is not a permutation of axes, such as [1, 0]"
        )
    return entry["variable"], tuple(axes)


def _check_keys(entry, known, *, place):
    unknown = sorted(entry.keys() - known)
    if unknown:
        raise UserError(f"{place}: unknown key {unknown[0]}, there are {', '.join(sorted(known))}")


def with_map(network, path, *, graph, shapes, trust=False):
    """The network with the layers of a map in place of those that were read after its cells.

    Args:
        network: tf1port.tf1.graph.network.Network.
        path: of the map.
        graph: tf1port.tf1.graph.index.Graph; None where there is none.
        shapes: of the checkpoint's variables by name.
        trust: as for read_map.

    Raises:
        UserError: as read_map; it names variables or tensors that do not exist, or its layers are
            found without it.
    """
    takes, layers = read_map(path, trust=trust)
    names = [name for layer in layers for name in layer.variables.values()]
    for layer in layers:
        for role, name in layer.variables.items():
            if name not in shapes:
                raise UserError(f"{path}: the checkpoint has no variable {name}, see inspect")
            axes = layer.permuted.get(role)
            if axes and len(axes) != len(shapes[name]):
                raise UserError(f"{path}: {name} is {list(shapes[name])}, transpose {list(axes)}")
        if layer.output and (graph is None or graph.node(layer.output) is None):
            raise UserError(f"{path}: the graph has no tensor {layer.output}")
    if network.after and set(names) <= set(network.variables):
        raise UserError(f"{path} is not needed: the layers after the cells are found without it")
    used = network._replace(after=[]).variables
    repeated = sorted({name for name in names if name in used or names.count(name) > 1})
    if repeated:
        raise UserError(f"{path}: {repeated[0]} is used already, by another layer or a cell")
    return network._replace(after=layers, takes=takes)


def check_layers(blueprint, path):
    """Checks that the layers of a map fit each other and their weights.

    Raises:
        UserError: they do not; it names the first one.
    """
    steps = (None,) if blueprint.takes == "steps" else ()
    x = keras.Input((*steps, blueprint.width), dtype=blueprint.dtype)
    for spec in blueprint.after:
        try:
            layer = spec.call.make()
            x = layer(x)
            variables = layer_weights.variables(layer)
        except (ValueError, TypeError, IndexError, AttributeError) as error:
            line = str(error).strip().splitlines()[0]
            raise UserError(f"{path}: {spec.name} ({spec.kind}): {line}") from None
        if variables.keys() != spec.weights.keys():
            roles = ", ".join(sorted(spec.weights)) or "none"
            expected = ", ".join(sorted(variables)) or "none"
            raise UserError(
                f"{path}: {spec.name} ({spec.kind}) has the weights {expected}, not {roles}"
            )
        for role, variable in variables.items():
            shape, stored = tuple(variable.shape), np.shape(spec.weights[role])
            if shape != stored:
                raise UserError(
                    f"{path}: {role} of {spec.name} is {list(shape)}, "
                    f"{spec.sources[role]} gives {list(stored)}"
                )
