"""The row LSTM: an LSTM over all rows of an image, batch normalization, a dense layer.

Keras 3: a functional model, a value that knows its layers; nothing is a placeholder (D1).
Shapes: B batch, T = 28 rows, F = 28 pixels per row, H units, C = 10 classes.
"""

import keras
import tensorflow as tf


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Returns a compiled functional model from images [B, T, F] to logits [B, C].
    """
    # 1. inputs
    inputs = keras.Input((config.rows, config.features), dtype=dtype, name="inputs")

    # 2. recurrent layer
    last = _lstm(config, dtype=dtype)(inputs)  # [B, H]

    # 3. normalization and logits
    normalized = keras.layers.BatchNormalization(
        momentum=config.momentum,
        epsilon=config.epsilon,
        synchronized=tf.distribute.get_strategy().num_replicas_in_sync > 1,  # D22
        dtype=dtype,
        name="normalization",
    )(last)
    logits = keras.layers.Dense(config.classes, dtype=dtype, name="logits")(normalized)  # [B, C]

    # 4. loss, accuracy and optimizer
    model = keras.Model(inputs, logits, name="row_lstm")
    model.compile(
        optimizer=keras.optimizers.SGD(config.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype),
        metrics=["accuracy"],
    )
    return model


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A model over the same layers, from images to a dict of outputs.
    """
    _, lstm, normalization, logits = model.layers
    everything = {**lstm.get_config(), "return_sequences": True, "return_state": True}
    sequence = type(lstm).from_config(everything)
    outputs, h, c = sequence(model.input)
    sequence.set_weights(lstm.get_weights())
    normalized = normalization(outputs[:, -1])
    return keras.Model(
        model.input,
        {
            "lstm": outputs,
            "lstm/c": c,
            "lstm/h": h,
            "normalization": normalized,
            "logits": logits(normalized),
        },
    )


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    Kernels are apart as in D2, their columns are the gates i, f, c, o (D10), and the bias includes
    the forget bias (D11).

    linear: for gradients, which have no forget bias.
    """
    return {_path(name, config): value for name, value in weights.items()}


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients of them, as named weights."""
    paths = {name: _path(name, config) for name in config.weight_shapes()}
    return {name: values[path] for name, path in paths.items() if path in values}


@keras.saving.register_keras_serializable(package="modern_tf2")
class FusedLSTM(keras.layers.Layer):
    """An LSTM whose steps run in one CPU kernel, TensorFlow's BlockLSTMV2 op.

    Its weights are those of keras.layers.LSTM, in the same order. float32 only: the op has no
    float64 kernel. No mask, no dropout, tanh and sigmoid only.

    Args:
        units: H.
        return_sequences: return the outputs [B, T, H] of all steps instead of the last [B, H].
        return_state: return the final h and c [B, H] as well.
        unit_forget_bias: start the forget gate's bias at one.

    Raises:
        ValueError: another dtype was asked for.
    """

    def __init__(
        self,
        units,
        *,
        return_sequences=False,
        return_state=False,
        unit_forget_bias=True,
        **options,
    ):
        super().__init__(**options)
        if self.compute_dtype != "float32":
            raise ValueError(f"FusedLSTM computes in float32 only, not in {self.compute_dtype}")
        self.supports_jit = False  # XLA does not know the op
        self.units = units
        self.return_sequences, self.return_state = return_sequences, return_state
        self.unit_forget_bias = unit_forget_bias
        # Owns the variables, as the cell of keras.layers.LSTM does; it is never called.
        self.cell = keras.layers.LSTMCell(
            units, unit_forget_bias=unit_forget_bias, dtype=self.dtype_policy, name="lstm_cell"
        )

    def build(self, input_shape):
        """Creates the variables for inputs [B, T, F]."""
        self.cell.build((input_shape[0], input_shape[2]))

    def call(self, inputs):
        """Maps inputs [B, T, F] float32 to outputs as the constructor asked."""
        weights = tf.concat((self.cell.kernel, self.cell.recurrent_kernel), axis=0)
        bias = tf.convert_to_tensor(self.cell.bias)
        sequence = tf.transpose(inputs, (1, 0, 2))
        # The op uses one core and a little: the halves of a batch run side by side.
        middle = (tf.shape(inputs)[0] + 1) // 2
        halves = [
            _block_lstm(half, weights, bias)
            for half in (sequence[:, :middle], sequence[:, middle:])
        ]
        last_c, last_h = (
            tf.concat((first[-1], second[-1]), axis=0)
            for first, second in zip(*halves, strict=True)
        )
        if not self.return_sequences:
            return (last_h, last_h, last_c) if self.return_state else last_h
        output = tf.transpose(tf.concat([h for _, h in halves], axis=1), (1, 0, 2))
        return (output, last_h, last_c) if self.return_state else output

    def compute_output_shape(self, input_shape):
        """Shapes of what `call` returns."""
        batch, steps, _ = input_shape
        state = (batch, self.units)
        output = (batch, steps, self.units) if self.return_sequences else state
        return (output, state, state) if self.return_state else output

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "return_sequences": self.return_sequences,
            "return_state": self.return_state,
            "unit_forget_bias": self.unit_forget_bias,
        }


def _lstm(config, *, dtype):
    """The recurrent layer [B, T, F] -> [B, H]; its weights are the same in every kernel."""
    options = {"unit_forget_bias": config.forget_bias == 1, "dtype": dtype}
    if config.kernel == "auto":  # cuDNN on a GPU
        return keras.layers.LSTM(config.units, name="lstm", **options)
    if config.kernel == "generic":  # never cuDNN: RNN does not look into its cell
        cell = keras.layers.LSTMCell(config.units, name="lstm_cell", **options)
        cell.build((None, config.features))  # as Keras does when it loads it: one path, not two
        return keras.layers.RNN(cell, dtype=dtype, name="lstm")
    if config.kernel == "unrolled":  # without a while loop: faster on a CPU (docs/speed-kernels.md)
        return keras.layers.LSTM(config.units, unroll=True, name="lstm", **options)
    return FusedLSTM(config.units, name="lstm", **options)


@tf.custom_gradient
def _block_lstm(inputs, weights, bias):
    """All steps of an LSTM from zero states in one op, BlockLSTMV2.

    TensorFlow 2.21 registers the gradient of the op's first version for it, which confuses forget
    gate and candidate (D12): so the gradient is named here, BlockLSTMGradV2.

    Args:
        inputs: [T, B, F] float32.
        weights: [F + H, 4 H], the rows of inputs above those of states, the gates i, f, c, o.
        bias: [4 H], the forget bias in it (D11).

    Returns:
        c and h [T, B, H], differentiable in all three arguments.
    """
    arguments = _block_arguments(inputs, weights, bias)
    outputs = tf.raw_ops.BlockLSTMV2(**arguments, cell_clip=-1.0)  # clips at 3 by default

    def gradient(c_gradient, h_gradient):
        gradients = tf.raw_ops.BlockLSTMGradV2(
            **arguments,
            **outputs._asdict(),
            cs_grad=c_gradient,
            h_grad=h_gradient,
            use_peephole=False,
        )
        # Without any rows the op leaves both unset.
        any_rows = tf.cast(tf.shape(inputs)[1] > 0, inputs.dtype)
        unset = (gradients.w_grad, gradients.b_grad)
        return gradients.x_grad, *(tf.math.multiply_no_nan(value, any_rows) for value in unset)

    return (outputs.cs, outputs.h), gradient


def _block_arguments(inputs, weights, bias):
    """The arguments that the op and its gradient share: zero states, no peepholes."""
    steps, batch = tf.shape(inputs)[0], tf.shape(inputs)[1]
    units = bias.shape[0] // 4
    zeros, no_peephole = tf.zeros((batch, units)), tf.zeros((units,))
    return {
        "seq_len_max": tf.cast(steps, tf.int64),
        "x": inputs,
        "cs_prev": zeros,
        "h_prev": zeros,
        "w": weights,
        "wci": no_peephole,
        "wcf": no_peephole,
        "wco": no_peephole,
        "b": bias,
    }


def _path(name, config):
    """The path of the variable that holds a named weight."""
    cell = "lstm_cell/" if config.kernel == "generic" else "lstm/lstm_cell/"
    return name.replace("lstm/", cell)
