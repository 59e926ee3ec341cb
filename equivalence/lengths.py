"""The recurrent layers over sequences of different lengths: TF1's sequence_length, Keras' mask.

Both sides' models always see full sequences. Here their recurrent layer is called once more, on
the same variables, with a length per example: outputs beyond it are zero, the state is unchanged.
"""

import keras
import numpy as np
import tensorflow.compat.v1 as tf1

from legacy_tf1.nested_rnn import MemoryCell
from tf1port.comparison.sides.protocol import NotApplicable


def check(config):
    """Raises NotApplicable where the config's model takes no lengths."""
    if config.model not in _LEGACY:
        raise NotApplicable("the model has no time steps")
    if getattr(config, "kernel", None) in ("fused-cpu", "fused"):
        raise NotApplicable("the fused kernels take one length for the whole batch")


def legacy_outputs(config, inputs):
    """dynamic_rnn once more over the default graph's variables.

    Returns:
        A placeholder for lengths [B] int32, and tensors by name: see Side.
    """
    lengths = tf1.placeholder(tf1.int32, [None], name="lengths")
    dtype = tf1.nest.flatten(inputs)[0].dtype
    with tf1.variable_scope(tf1.get_variable_scope(), reuse=True):
        outputs, state = tf1.nn.dynamic_rnn(
            _LEGACY[config.model](config), inputs, sequence_length=lengths, dtype=dtype
        )
    return lengths, {_OUTPUTS[config.model]: outputs, **_named(config, tf1.nest.flatten(state))}


def modern_outputs(config, model, images, lengths):
    """The model's recurrent layer with a mask: outputs and final states by name."""
    steps = keras.tree.flatten(images)[0].shape[1]
    mask = np.arange(steps) < lengths[:, None]  # [B, T]
    name = _OUTPUTS[config.model]
    layer = model.get_layer(name)
    if config.model == "nested-rnn":
        outputs, state = _masked_memory(layer, images, mask)
    else:
        options = {"return_sequences": True, "return_state": True, "dtype": layer.dtype_policy}
        masked = keras.layers.RNN(layer.cell, zero_output_for_mask=True, **options)
        outputs, *state = masked(images, mask=mask)
    state = keras.tree.flatten(state)
    if config.model == "row-lstm":
        state.reverse()  # Keras has (h, c)
    return {name: outputs, **_named(config, state)}


def _masked_memory(layer, images, mask):
    """MemoryRNN steps in Python, so that a masked step leaves the state as it was."""
    state = layer.initial_state(len(mask))
    outputs = []
    for step in range(mask.shape[1]):
        unmasked = mask[:, step, None]
        inputs = {name: keras.ops.convert_to_tensor(x[:, step]) for name, x in images.items()}
        output, after = layer.step(inputs, state)
        outputs.append(keras.ops.where(unmasked, output, keras.ops.zeros_like(output)))
        state = {
            name: keras.ops.where(
                unmasked if new.ndim == 2 else unmasked[:, None], new, state[name]
            )
            for name, new in after.items()
        }
    return keras.ops.stack(outputs, axis=1), state


def _named(config, state):
    """The arrays of a final state, in TF1's order, by the names of the layer outputs."""
    if config.model == "window-rnn":
        return {f"cell_{number}/state": array for number, array in enumerate(state)}
    names = {"row-lstm": ("lstm/c", "lstm/h"), "nested-rnn": ("rnn/hidden", "rnn/memory")}
    return dict(zip(names[config.model], state, strict=True))


def _stack(config):
    cells = [tf1.nn.rnn_cell.BasicRNNCell(config.units) for _ in range(config.layers)]
    return tf1.nn.rnn_cell.MultiRNNCell(cells)


def _lstm(config):
    return tf1.nn.rnn_cell.LSTMCell(config.units, forget_bias=config.forget_bias)


_LEGACY = {"window-rnn": _stack, "row-lstm": _lstm, "nested-rnn": MemoryCell}
_OUTPUTS = {"window-rnn": "rnn", "row-lstm": "lstm", "nested-rnn": "rnn"}
