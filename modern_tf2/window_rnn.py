"""The window RNN: three basic RNN cells over a random window of an image's rows.

Keras 3: a functional model, a value that knows its layers; nothing is a placeholder (D1).
Shapes: B batch, T window, F = 28 pixels per row, H units, C = 10 classes.
"""

import math

import keras

from modern_tf2.fused import FusedRNN


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Returns a compiled functional model from windows [B, T, F] to logits [B, C].
    """
    # 1. inputs
    inputs = keras.Input((config.window, config.features), dtype=dtype, name="inputs")

    # 2. recurrent stack
    cells = [_cell(config, layer, dtype=dtype) for layer in range(config.layers)]
    # Named here: Keras would number it by the models that the process has made before.
    stack = keras.layers.StackedRNNCells(cells, name="cells", dtype=dtype)
    layer = FusedRNN if config.kernel == "fused" else keras.layers.RNN  # D24
    # Unrolled: a step of these small cells costs less than one turn of a while loop (D3).
    last = layer(stack, unroll=True, dtype=dtype, name="rnn")(inputs)  # [B, H]

    # 3. logits
    logits = keras.layers.Dense(config.classes, dtype=dtype, name="logits")(last)  # [B, C]

    # 4. loss, accuracy and optimizer
    model = keras.Model(inputs, logits, name="window_rnn")
    model.compile(
        optimizer=keras.optimizers.Adam(
            config.learning_rate, config.beta_1, config.beta_2, config.epsilon
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype),
        metrics=["accuracy"],
    )
    return model


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A model over the same cells and layers, from windows to a dict of outputs.
    """
    _, rnn, logits = model.layers
    everything = type(rnn)(rnn.cell, return_sequences=True, return_state=True, dtype=rnn.dtype)
    outputs, *states = keras.tree.flatten(everything(model.input))  # [B, T, H], layers x [B, H]
    tensors = {"rnn": outputs, "logits": logits(outputs[:, -1])}
    tensors.update((f"cell_{n}/state", state) for n, state in enumerate(states))
    return keras.Model(model.input, tensors)


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    A cell has a kernel [inputs, H] and a recurrent kernel [H, H], as the named weights do (D2).

    linear: for gradients and slots; here stored like the weights.
    """
    return dict(weights)


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients or slots of them, as named weights."""
    return {name: values[name] for name in config.weight_shapes()}


def _cell(config, layer, *, dtype):
    """One cell, drawn as TF1 draws it: Glorot over input's and state's rows together (D4)."""
    inputs = config.units if layer else config.features
    limit = math.sqrt(6 / (inputs + config.units + config.units))
    cell = keras.layers.SimpleRNNCell(
        config.units,
        kernel_initializer=keras.initializers.RandomUniform(-limit, limit),
        recurrent_initializer=keras.initializers.RandomUniform(-limit, limit),
        dtype=dtype,
        name=f"cell_{layer}",
    )
    # Keras builds the cells of a loaded model one by one: only so are the paths of its variables
    # those of a new one, `cell_0/kernel` and not `rnn/cells/cell_0/kernel`.
    cell.build((None, inputs))
    return cell
