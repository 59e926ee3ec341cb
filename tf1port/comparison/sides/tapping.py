"""Records inputs and outputs of single layers while a Keras model of any kind is called."""

from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np


class Call(NamedTuple):
    """One call of a layer: its first argument, its keyword arguments, its output."""

    inputs: Any
    options: dict[str, Any]
    output: Any


@contextmanager
def tapped(layers):
    """Calls of layers {path: layer} by path, filled in as a model is called eagerly within this.

    A layer that is called several times is left out: the calls are ambiguous.
    """
    calls: dict[str, Call] = {}
    repeated: set[str] = set()
    for path, layer in layers.items():
        layer.call = _recording(path, layer, calls, repeated)
    try:
        yield calls
    finally:
        for layer in layers.values():
            del layer.call  # the class's own comes back
        for path in repeated:
            del calls[path]


def _recording(path, layer, calls, repeated):
    call = layer.call

    def recorded(inputs, *more, **options):
        output = call(inputs, *more, **options)
        if path in calls:
            repeated.add(path)
        calls[path] = Call(inputs, options, output)
        return output

    return recorded


def recurrent_outputs(name, layer, call):
    """The sequence of a recurrent layer, in the order of the inputs, and its final states, by name.

    Args:
        name: what the layer goes by, such as "lstm" or "encoder/forward".
        layer: with a cell.
        call: the Call that was recorded of it.

    Returns:
        {name: [B, T, U], name/h: [B, U], name/c} for one cell; of several, the states of each
        and the last one's sequence: name/cell_0/h and so on.
    """
    options = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}
    options |= {"go_backwards": layer.go_backwards, "dtype": layer.dtype_policy}
    kwargs = {key: call.options.get(key) for key in ("mask", "initial_state")}
    sequence, *states = keras.layers.RNN(layer.cell, **options)(call.inputs, **kwargs)
    sequence = np.array(sequence)
    cells = getattr(layer.cell, "cells", None)
    outputs = {}
    names = [name] if cells is None else [f"{name}/cell_{n}" for n in range(len(cells))]
    for way, cell_states in zip(names, [states] if cells is None else states, strict=True):
        for letter, state in zip("hc", keras.tree.flatten(cell_states), strict=False):
            outputs[f"{way}/{letter}"] = np.array(state)
    outputs[names[-1]] = sequence[:, ::-1] if layer.go_backwards else sequence
    return outputs


def directions(name, layer):
    """The recurrent layers in a layer by name; empty for other layers."""
    if isinstance(layer, keras.layers.Bidirectional):
        layers = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        return {f"{name}/{way}": inner for way, inner in layers.items()}
    return {name: layer} if isinstance(layer, keras.layers.RNN) else {}
