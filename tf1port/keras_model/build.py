"""A Blueprint as a Keras model, and as the Python source that builds the same model."""

from contextlib import contextmanager

import keras

from tf1port.keras_model import plain_layers
from tf1port.keras_model.blueprint import Blueprint
from tf1port.keras_model.cell_source import definitions
from tf1port.keras_model.expressions import Call, docstring
from tf1port.keras_model.layer_weights import set_weights
from tf1port.progress import progress

_WITHIN = ("forward_layer", "backward_layer", "cell")


def build(blueprint: Blueprint, *, keep=True):
    """The compiled model that the text of `source` builds, with its weights.

    Without `keep` the blueprint's own arrays are released layer by layer: a large model would be in
    memory twice.
    """
    shape, dtype = _inputs(blueprint)
    inputs = keras.Input(shape, dtype=dtype, name="inputs")
    mask = keras.Input((None,), dtype="bool", name="mask") if blueprint.masked else None
    x = inputs
    for spec in progress(blueprint.specs, "weights", unit=" layers", delay=0.5):
        keywords = {"mask": mask} if blueprint.masked and spec in blueprint.recurrent else {}
        layer = spec.call.make()
        with _nothing_drawn(layer):
            output = layer(x, **keywords)
        set_weights(layer, spec.weights)
        if not keep:
            spec.release()
        x = _sum(spec, blueprint).make()([x, output]) if spec.residual else output
        if blueprint.last_step_only(spec):
            x = x[:, -1]
    model = keras.Model([inputs, mask] if blueprint.masked else inputs, x, name="model")
    if blueprint.optimizer is not None:
        blueprint.optimizer.compile(model)
        blueprint.optimizer.restore(model)
    return model


@contextmanager
def _nothing_drawn(layer):
    """Replaces a layer's initializers by zeros while it is built: an orthogonal one takes minutes.

    The weights are set afterwards, and the layer's configuration keeps its initializers.
    """
    initializers = [
        (layer_or_cell, name, value)
        for layer_or_cell in _with_nested(layer)
        for name, value in vars(layer_or_cell).items()
        if name.endswith("_initializer") and isinstance(value, keras.initializers.Initializer)
    ]
    for layer_or_cell, name, _ in initializers:
        setattr(layer_or_cell, name, keras.initializers.Zeros())
    try:
        yield
    finally:
        for layer_or_cell, name, value in initializers:
            setattr(layer_or_cell, name, value)


def _with_nested(layer):
    """A layer with the layers and cells within it."""
    layers = [layer]
    for item in layers:  # it grows
        layers += [getattr(item, name) for name in _WITHIN if hasattr(item, name)]
        layers += getattr(item, "cells", [])
    return layers


def source(blueprint: Blueprint, *, title):
    """Python source with a function `build_model` for the same model, without the weights."""
    shape, dtype = _inputs(blueprint)
    lines = [f'    inputs = keras.Input({shape}, dtype="{dtype}", name="inputs")']
    if blueprint.masked:
        lines += ['    mask = keras.Input((None,), dtype="bool", name="mask")']
    before = "inputs"
    for spec in blueprint.specs:
        mask = ", mask=mask" if blueprint.masked and spec in blueprint.recurrent else ""
        name = "outputs" if spec.residual else "x"
        lines += spec.call.lines(indent=4, before=f"{name} = ", after=f"({before}{mask})")
        if spec.residual:
            after = f"([{before}, outputs])"
            lines += _sum(spec, blueprint).lines(indent=4, before="x = ", after=after)
        before = "x"
        if blueprint.last_step_only(spec):
            lines += ["    x = x[:, -1]"]
    ins = "[inputs, mask]" if blueprint.masked else "inputs"
    lines += [f'    model = keras.Model({ins}, x, name="model")']
    if blueprint.optimizer is not None:
        lines += ["    model.compile(", *blueprint.optimizer.source(), "    )"]
    head = [docstring(title), "", *_imports(blueprint), "", ""]
    head += ["def build_model():", f"    {docstring(_contents(blueprint))}"]
    return "\n".join([*head, *lines, "    return model", ""])


def _sum(spec, blueprint):
    """The layer that adds the input of a residual layer to its output."""
    return Call("keras.layers.Add", {"dtype": blueprint.dtype, "name": f"{spec.name}_sum"})


def _inputs(blueprint):
    """The shape of an input without its batch, and its dtype."""
    ids = blueprint.features is None
    return (None,) if ids else (None, blueprint.features), "int32" if ids else blueprint.dtype


def _imports(blueprint):
    """The imports, and the cells that Keras does not have: the file does not import tf1port."""
    lines = {line for spec in blueprint.specs for line in spec.call.imports} - {"import keras"}
    if not lines:
        return ["import keras"]
    names = sorted(line.rpartition(" ")[2] for line in lines)
    return ["import keras", "from keras import ops", *definitions(names)]


def _contents(blueprint):
    inputs = "ids [B, T]" if blueprint.features is None else f"inputs [B, T, {blueprint.features}]"
    last = blueprint.specs[-1]
    if any(layer not in plain_layers.CLASSES for layer in (spec.kind for spec in blueprint.after)):
        return f"A model from {inputs} to {last.name}."
    # Read from the calls, as the weights may have been released.
    widths = [spec.options.get("units", spec.options.get("filters")) for spec in blueprint.after]
    width = [blueprint.width, *filter(None, widths)][-1]
    last_only = any(spec.last_only for spec in blueprint.after)
    sequences = (blueprint.takes == "steps" and not last_only) or not blueprint.after
    outputs = f"[B, T, {width}]" if sequences else f"[B, {width}]"
    return f"A model from {inputs} to {last.name} {outputs}."
