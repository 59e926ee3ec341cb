"""Runs the layers of a Blueprint with given weights and initial states, cell by cell."""

import json
from dataclasses import replace

import keras
import numpy as np

from tf1port.cells.sequences import reversed_sequence, with_residual
from tf1port.keras_model import cell_specs, layer_weights
from tf1port.numerics.precision import floatx

_ADDED = ("epsilon", "momentum")  # D13: a graph has them in its own dtype


class KerasRun:
    """Keras' layers of a Blueprint in one dtype.

    Args:
        blueprint: tf1port.keras_model.blueprint.Blueprint.
        weights: by layer and role.
    """

    def __init__(self, blueprint, weights, *, dtype):
        self.blueprint, self.dtype, self.weights = blueprint, dtype, weights
        with floatx(dtype):
            self._cells = [
                _layer(cell, _cell_arrays(cell, weights[spec.name]), dtype=dtype)
                for spec in blueprint.recurrent
                for cell in spec.cells
            ]
            self._after = [
                _plain(spec, weights[spec.name], dtype=dtype) for spec in blueprint.after
            ]

    def __call__(self, inputs, states, *, lengths=None):
        """Runs all cells on inputs [B, T, F].

        Returns: outputs [B, T, U], in the order of the inputs, and final (h,) or (h, c), by cell.
        """
        sequences: list[np.ndarray] = []
        finals: list[tuple[np.ndarray, ...]] = []
        for spec in self.blueprint.recurrent:
            tops: dict[str, np.ndarray] = {}
            for cell in spec.cells:
                direction, index = cell.prefix.partition("/")[0], len(finals)
                back = direction == "backward"
                cell_inputs = tops.get(
                    direction, reversed_sequence(inputs, lengths) if back else inputs
                )
                outputs, final = self.single(index, cell_inputs, states[index], lengths=lengths)
                tops[direction] = (
                    with_residual(cell_inputs, outputs, lengths) if spec.residual else outputs
                )
                sequences.append(
                    reversed_sequence(tops[direction], lengths) if back else tops[direction]
                )
                finals.append(final)
            tops_in_order = [
                reversed_sequence(top, lengths) if direction == "backward" else top
                for direction, top in tops.items()
            ]
            inputs = np.concatenate(tops_in_order, axis=-1)
        return sequences, finals

    def single(self, index, inputs, states, *, lengths=None):
        """Runs one cell over [B, T, F] in the order given: outputs and final states."""
        mask = None if lengths is None else np.arange(inputs.shape[1]) < lengths[:, None]
        outputs, *final = self._cells[index](inputs, initial_state=list(states), mask=mask)
        return np.array(outputs), tuple(np.array(value) for value in final)

    def head(self, x, *, count):
        """The first layers after the cells, on [B, T, U] or [B, U]."""
        for spec, layer in zip(self.blueprint.after[:count], self._after, strict=False):
            x = layer(x)
            x = x[:, -1] if spec.last_only else x
        return np.array(x)

    def before(self, x):
        """The layers before the cells, on the input of the first one."""
        with floatx(self.dtype):
            for spec in self.blueprint.before:
                x = _plain(spec, self.weights[spec.name], dtype=self.dtype)(x)
        return np.array(x)


def model_in_dtype(model, weights, dtype):
    """A copy of a Keras model in a dtype, with given weights by layer and role."""
    with floatx(dtype):
        copy = type(model).from_config(in_dtype(model.get_config(), dtype))
    layer_weights.set_weights_of(copy, weights)
    return copy


def in_dtype(config, dtype):
    """The configuration of a float32 model or loss in another dtype; any other one as it is.

    Constants such as epsilon stay rounded to float32: a TF1 graph has them in its own dtype (D13).
    """
    text = json.dumps(config)
    if dtype == "float32" or '"float32"' not in text:
        return config
    return _rounded(json.loads(text.replace('"float32"', f'"{dtype}"')))


def replaced(config, keys, change):
    """A configuration with other numbers by some keys, however deep they lie."""
    if isinstance(config, list):
        return [replaced(value, keys, change) for value in config]
    if not isinstance(config, dict):
        return config
    return {
        key: change(value)
        if key in keys and isinstance(value, float)
        else replaced(value, keys, change)
        for key, value in config.items()
    }


def from_cells(model, blueprint, *, ids=True):
    """A model without the layers before its cells; with `ids` an embedding stays."""
    embedded = [spec.kind for spec in blueprint.before] == ["Embedding"]
    if not blueprint.before or (ids and embedded):
        return model
    cell_inputs = model.get_layer(blueprint.before[-1].name).output
    return keras.Model(
        [cell_inputs, *model.inputs[1:]] if blueprint.masked else cell_inputs, model.outputs[0]
    )


def _cell_arrays(cell, arrays):
    """The arrays of one cell of a layer, by its own roles."""
    return {role: arrays[cell.prefix + role] for role in cell.weights}


def _layer(cell, weights, *, dtype):
    options = dict.fromkeys(("return_sequences", "return_state", "zero_output_for_mask"), True)
    layer = cell_specs.layer_call([cell], {**options, "dtype": dtype, "name": "layer"}).make()
    layer.build((None, None, len(weights["kernel"])))
    layer_weights.set_weights(layer, weights)
    return layer


def _rounded(config):
    """A configuration with the constants of its layers rounded to float32."""
    return replaced(config, _ADDED, lambda value: float(np.float32(value)))


def _plain(spec, weights, *, dtype):
    """A layer that is built, and its weights set, at its first call, by the shape of its input."""
    arguments = spec.call.arguments
    arguments = arguments if arguments["dtype"] == dtype else _rounded(arguments)
    layer = replace(spec.call, arguments={**arguments, "dtype": dtype}).make()

    def call(x):
        if not layer.built:
            layer.build(x.shape)
            layer_weights.set_weights(layer, weights)
        return layer(x)

    return call
