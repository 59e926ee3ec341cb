"""What single layers of a Keras model take and make while it is called, in any kind of model."""

from contextlib import contextmanager
from typing import Any, NamedTuple

import keras
import numpy as np


class Call(NamedTuple):
    """One call of a layer: what it took first, its keyword arguments, what it made."""

    inputs: Any
    options: dict[str, Any]
    made: Any


@contextmanager
def tapped(layers):
    """Calls of layers {path: layer} by path, filled in as a model is called eagerly within this.

    A layer that is called several times is left out: which of its calls is meant is not known.
    """
    calls: dict[str, Call] = {}
    again: set[str] = set()
    for path, layer in layers.items():
        layer.call = _noting(path, layer, calls, again)
    try:
        yield calls
    finally:
        for layer in layers.values():
            del layer.call  # the class's own comes back
        for path in again:
            del calls[path]


def _noting(path, layer, calls, again):
    call = layer.call

    def noted(inputs, *more, **options):
        made = call(inputs, *more, **options)
        if path in calls:
            again.add(path)
        calls[path] = Call(inputs, options, made)
        return made

    return noted


def recurrent_outputs(name, layer, call):
    """The sequence of a recurrent layer, in the order of the inputs, and its final states, by name.

    Args:
        name: what the layer goes by, such as "lstm" or "encoder/forward".
        layer: with a cell.
        call: the Call that it was tapped at.

    Returns:
        {name: [B, T, U], name/h: [B, U], name/c} for one cell; of several, the states of each
        and the last one's sequence: name/cell_0/h and so on.
    """
    options = {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}
    options |= {"go_backwards": layer.go_backwards, "dtype": layer.dtype_policy}
    given = {key: call.options.get(key) for key in ("mask", "initial_state")}
    sequence, *states = keras.layers.RNN(layer.cell, **options)(call.inputs, **given)
    sequence = np.array(sequence)
    cells = getattr(layer.cell, "cells", None)
    found = {}
    ways = [name] if cells is None else [f"{name}/cell_{n}" for n in range(len(cells))]
    for way, of_cell in zip(ways, [states] if cells is None else states, strict=True):
        for part, state in zip("hc", keras.tree.flatten(of_cell), strict=False):
            found[f"{way}/{part}"] = np.array(state)
    found[ways[-1]] = sequence[:, ::-1] if layer.go_backwards else sequence
    return found


def directions(name, layer):
    """The recurrent layers in a layer, by the name that each goes by; empty for other layers."""
    if isinstance(layer, keras.layers.Bidirectional):
        ways = {"forward": layer.forward_layer, "backward": layer.backward_layer}
        return {f"{name}/{way}": one for way, one in ways.items()}
    return {name: layer} if isinstance(layer, keras.layers.RNN) else {}
