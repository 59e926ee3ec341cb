"""Keras' layers for the families of tf1port/cells/families.py, built with given weights and run."""

from functools import partial

import keras
import numpy as np

from tf1port.cells.families import FAMILIES
from tf1port.cells.keras import ExtendedLSTMCell, LayerNormLSTMCell
from tf1port.numerics.differences import difference
from tf1port.numerics.tolerances import tolerance

LAYERS = {
    "rnn": keras.layers.SimpleRNN,
    "lstm": keras.layers.LSTM,
    "gru": partial(keras.layers.GRU, reset_after=False),
    "cudnn_gru": partial(keras.layers.GRU, reset_after=True),
    "layer_norm_lstm": keras.layers.LSTM,  # of TF1's layer_norm=False
}
ZEROS = {"kernel_initializer": "zeros", "recurrent_initializer": "zeros"}  # the quickest ones


def layer(family, weights, *, options=None, **arguments):
    """A layer with the weights of one cell, which go by Keras' roles.

    options: of the cell: activation, cell_clip, projection_clip.
    """
    dtype = weights["kernel"].dtype.name  # the policy of layers does not follow set_floatx
    options = {**(options or {}), "dtype": dtype}
    arguments |= {"return_sequences": True, "return_state": True, "zero_output_for_mask": True}
    units = FAMILIES[family].sizes(weights).units
    cell = _cell(weights, units=units, options=options)
    if cell is None:
        built = LAYERS[family](units, **ZEROS, **options, **arguments)
    else:
        built = keras.layers.RNN(cell, dtype=dtype, **arguments)
    built.build((None, None, len(weights["kernel"])))
    load(built, weights)
    return built


def load(layer, weights):
    """Assigns every weight of a layer by its name."""
    variables = {variable.name: variable for variable in layer.weights}
    assert variables.keys() == weights.keys()
    for name, variable in variables.items():
        assert variable.dtype == weights[name].dtype
        variable.assign(weights[name])


def run(layers, inputs, *, lengths=None):
    """Layers one above the other on [B, T, F]: (outputs, states per layer in TF1's order)."""
    mask = None if lengths is None else np.arange(inputs.shape[1]) < np.asarray(lengths)[:, None]
    states = []
    for one in layers:
        inputs, *state = one(inputs, mask=mask)
        halves = 2 if isinstance(one, keras.layers.Bidirectional) else 1
        size = len(state) // halves
        states += [_in_tf1s_order(state[half * size :][:size]) for half in range(halves)]
    return np.asarray(inputs), states


def bidirectional(forward, backward):
    """Both layers in a Bidirectional, outputs side by side."""
    both = keras.layers.Bidirectional(
        forward, backward_layer=backward, merge_mode="concat", dtype=forward.compute_dtype
    )
    both.build((None, None, forward.cell.kernel.shape[0]))
    for copy, layer in ((both.forward_layer, forward), (both.backward_layer, backward)):
        copy.set_weights(layer.get_weights())  # the wrapper makes its layers again, from configs
    return both


def gaps(found, expected):
    """The largest differences of (outputs, states per layer) by quantity of the tolerance table.

    Relative to the largest value of an array where that is over one.
    """
    quantities = {}
    for quantity, take in (("cell outputs", _outputs), ("cell states", _states)):
        one, other = take(*found), take(*expected)
        for name in one.keys() & other.keys():
            scale = max(1, np.abs(other[name]).max())
            one[name], other[name] = one[name] / scale, other[name] / scale
        quantities[quantity] = difference(one, other).max_abs
    return quantities


def within(found, dtype):
    """Whether the gaps are within the table's bounds."""
    return all(gap <= tolerance(quantity, dtype).bound for quantity, gap in found.items())


def apart(found, dtype):
    """Whether all gaps are so far beyond the table's bounds that no rounding explains them."""
    return all(gap > 100 * tolerance(quantity, dtype).bound for quantity, gap in found.items())


def _outputs(outputs, states):
    return {"outputs": outputs}


def _states(outputs, states):
    return {
        f"states {layer} {n}": value
        for layer, state in enumerate(states)
        for n, value in enumerate(state)
    }


def _in_tf1s_order(state):
    return tuple(np.asarray(value) for value in reversed(state))  # Keras h, c; TF1 c, h


def _cell(weights, *, units, options):
    """Our cell where Keras has no layer, else None."""
    if "gate_gamma" in weights:
        return LayerNormLSTMCell(units, **options)
    more = {"peephole_i", "projection"} & weights.keys()
    if not more and not {"cell_clip", "projection_clip"} & options.keys():
        return None
    projection = weights["projection"].shape[1] if "projection" in weights else None
    return ExtendedLSTMCell(
        units, peepholes="peephole_i" in weights, projection=projection, **options
    )
