"""The Keras counterpart of a TF1 cell: a layer of Keras, or a cell of this package in an RNN."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from tf1port.cells.families import FAMILIES
from tf1port.keras_model.expressions import Call

_LAYERS = {"rnn": "SimpleRNN", "lstm": "LSTM", "gru": "GRU", "cudnn_gru": "GRU"}
_OURS = "tf1port.cells.keras."


@dataclass(frozen=True)
class CellSpec:
    """One cell.

    prefix: of its roles within the layer. family, forget_bias: as for tf1port.cells.families.
    function: its
    layer in Keras by its full name, or the cell that takes the place of one. options: of that.
    weights, sources: by Keras' and by TF1's roles. operation: what was done to the arrays.
    """

    prefix: str
    family: str
    forget_bias: float
    function: str
    options: dict[str, Any]
    weights: dict[str, np.ndarray]
    sources: dict[str, str]
    operation: str

    @property
    def is_layer(self):
        """Whether Keras has a layer for the cell."""
        return not self.function.startswith(_OURS)

    @property
    def kinds(self):
        """How many states the cell has: h, or h and c."""
        return 2 if "lstm" in self.family else 1

    def call(self, options):
        """The Call of the cell alone, to be one of several in a stack."""
        function = f"{self.function}Cell" if self.is_layer else self.function
        return Call(function, {**self.options, **options})


def of_level(level, read):
    """The CellSpecs of a tf1port.tf1.graph.levels.Level, forwards first.

    Args:
        read: a function from a variable's name to its array.

    Raises:
        ValueError: a cell's arrays do not fit each other, or the directions differ in kind.
    """
    specs = []
    for direction, layers in (("forward/", level.forward), ("backward/", level.backward)):
        for index, layer in enumerate(layers):
            prefix = (direction if level.backward else "") + (
                f"cell_{index}/" if len(layers) > 1 else ""
            )
            specs.append(_cell(layer, read, prefix))
    half = len(level.forward)
    for forward, backward in zip(specs[:half], specs[half:], strict=False):
        if (forward.function, forward.options) != (backward.function, backward.options):
            raise ValueError(
                f"{forward.function} and {backward.function} differ between two directions"
            )
    return specs


def layer_call(cells, options):
    """The Call of a layer of stacked cells, with its own options."""
    if len(cells) == 1 and cells[0].is_layer:
        return Call(cells[0].function, {**cells[0].options, **options})
    dtype = {"dtype": options["dtype"]}
    if len(cells) == 1:
        return Call(
            "keras.layers.RNN", {"cell": cells[0].call({**dtype, "name": "cell"}), **options}
        )
    calls = [cell.call({**dtype, "name": f"cell_{i}"}) for i, cell in enumerate(cells)]
    # A list alone would become a stack of the default dtype, which casts its inputs.
    stack = Call("keras.layers.StackedRNNCells", {"cells": calls, **dtype, "name": "cells"})
    return Call("keras.layers.RNN", {"cell": stack, **options})


def _cell(layer, read, prefix):
    cell, constants = layer.cell, layer.constants
    if cell.family not in FAMILIES:
        raise ValueError(
            f"{cell.scope} is a raw buffer of cuDNN's: tf1port.cells.cudnn_buffer decodes it, "
            "convert does not"
        )
    family = FAMILIES[cell.family]
    arrays = {role: read(variable) for role, variable in cell.variables.items()}
    forget_bias = constants.forget_bias or 0.0
    weights = family.to_keras(arrays, forget_bias=forget_bias)
    function, options = _keras(cell.family, weights, constants, family.sizes(arrays))
    operation = _operation(cell.family, forget_bias)
    return CellSpec(
        prefix, cell.family, forget_bias, function, options, weights, cell.variables, operation
    )


def _keras(family, weights, constants, sizes):
    """The Keras class of a cell, and the options of its constructor."""
    options: dict[str, Any] = {"units": sizes.units, "activation": constants.activation}
    clips = {"cell_clip": constants.cell_clip, "projection_clip": constants.projection_clip}
    if "gate_gamma" in weights:
        return _OURS + "LayerNormLSTMCell", options
    if "peephole_i" in weights or "projection" in weights or constants.cell_clip is not None:
        options["peepholes"] = "peephole_i" in weights
        options["projection"] = sizes.outputs if "projection" in weights else None
        options["straight_through"] = constants.straight_through
        return _OURS + "ExtendedLSTMCell", {**options, **clips}
    if family != "rnn":
        options["recurrent_activation"] = "sigmoid"
    if "gru" in family:
        options["reset_after"] = family == "cudnn_gru"
    return "keras.layers." + _LAYERS.get(family, "LSTM"), options


def _operation(family, forget_bias):
    text = "rows split into kernel and recurrent kernel"
    if "lstm" in family:
        text += f", gates i, j, f, o to i, f, c, o, {forget_bias:g} added to the forget bias"
    if "gru" in family:
        text += ", gates r, u and the candidate to z, r, h"
    return text
