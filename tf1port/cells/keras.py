"""LSTM cells that TF1 had and Keras has no layer for (D17); steps of keras.layers.RNN(cell).

Beside them stands a constraint for a GRU cell whose biases are other ones in Keras (D18).

They are registered under the package's former name, which `.keras` files contain.

Shapes: B batch, F features, U units, P outputs: the size of the projection, else U.
The gates stand in Keras' order, i, f, c, o, and the states as in Keras, h before c.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="modern_tf2")
class ExtendedLSTMCell(keras.layers.Layer):
    """An LSTM cell with peepholes, clipping and a projection, each of them optional.

    With h [B, P] and c [B, U] of the step before:

        i = sigmoid(x W_i + h R_i + b_i + p_i c)
        f = sigmoid(x W_f + h R_f + b_f + p_f c)
        c' = clip(f c + i g(x W_c + h R_c + b_c))
        o = sigmoid(x W_o + h R_o + b_o + p_o c')
        h' = clip(o g(c') projection)

    Args:
        units: U.
        activation: g.
        peepholes: whether there are weights p_i, p_f and p_o [U]; zero at the start.
        projection: P, or None.
        cell_clip: the largest absolute value in c', or None.
        projection_clip: the largest absolute value in h', or None; needs a projection.
        straight_through: the gradient passes through a clip as if there was none, as it does in
            TF1's block cells (D19); else it is zero where something was clipped.

    Raises:
        ValueError: a projection_clip without a projection.
    """

    def __init__(
        self,
        units,
        *,
        activation="tanh",
        peepholes=False,
        projection=None,
        cell_clip=None,
        projection_clip=None,
        straight_through=False,
        **options,
    ):
        super().__init__(**options)
        if projection_clip is not None and projection is None:
            raise ValueError("projection_clip clips projected outputs: give projection as well")
        self.units = units
        self.activation = keras.activations.get(activation)
        self.peepholes, self.projection_units = peepholes, projection
        self.cell_clip, self.projection_clip = cell_clip, projection_clip
        self.straight_through = straight_through
        self.output_size = units if projection is None else projection
        self.state_size = [self.output_size, units]

    def build(self, input_shape):
        """Creates the variables for inputs [B, F]."""
        _add_kernels(self, input_shape[-1])
        _add_bias(self)
        self.peephole_i = self.peephole_f = self.peephole_o = None
        if self.peepholes:
            self.peephole_i, self.peephole_f, self.peephole_o = (
                _add(self, (self.units,), "peephole_" + gate, "zeros") for gate in "ifo"
            )
        self.projection = None
        if self.projection_units is not None:
            shape = (self.units, self.projection_units)
            self.projection = _add(self, shape, "projection", "glorot_uniform")

    def call(self, inputs, states, training=False):
        """One step: inputs [B, F] and states h [B, P], c [B, U] to h' and the states h', c'."""
        h, c = states
        i, f, g, o = ops.split(_products(self, inputs, h) + self.bias, 4, axis=-1)
        i, f = self._peep(i, c, self.peephole_i), self._peep(f, c, self.peephole_f)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * self.activation(g)
        c = self._clipped(c, self.cell_clip)
        h = ops.sigmoid(self._peep(o, c, self.peephole_o)) * self.activation(c)
        if self.projection is not None:
            h = self._clipped(ops.matmul(h, self.projection), self.projection_clip)
        return h, [h, c]

    def get_config(self):
        """The arguments of the constructor, for serialization."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "peepholes": self.peepholes,
            "projection": self.projection_units,
            "cell_clip": self.cell_clip,
            "projection_clip": self.projection_clip,
            "straight_through": self.straight_through,
        }

    def _peep(self, gate, c, weights):
        return gate if weights is None else gate + weights * c

    def _clipped(self, values, limit):
        if limit is None:
            return values
        clipped = ops.clip(values, -limit, limit)
        return values + ops.stop_gradient(clipped - values) if self.straight_through else clipped


@keras.saving.register_keras_serializable(package="modern_tf2")
class LayerNormLSTMCell(keras.layers.Layer):
    """An LSTM cell that normalizes each gate, and the new cell state before the next step.

    With N(a) = (a - mean a) / sqrt(variance a + epsilon) over the units of one example, with gains
    and shifts (Ba et al., Layer Normalization, 2016):

        i, f, c, o = N(x W + h R) gate_gamma + gate_beta, normalized gate by gate
        c' = N(sigmoid(f) c + sigmoid(i) g(c)) state_gamma + state_beta
        h' = sigmoid(o) g(c')

    There is no other bias; the forget gate's share of gate_beta starts at one.

    Args:
        units: U.
        activation: g.
        epsilon: added to the variances.
    """

    def __init__(self, units, *, activation="tanh", epsilon=1e-12, **options):
        super().__init__(**options)
        self.units = self.output_size = units
        self.activation = keras.activations.get(activation)
        self.epsilon = epsilon
        self.state_size = [units, units]

    def build(self, input_shape):
        """Creates the variables for inputs [B, F]."""
        _add_kernels(self, input_shape[-1])
        self.gate_gamma = _add(self, (4 * self.units,), "gate_gamma", "ones")
        self.gate_beta = _add(self, (4 * self.units,), "gate_beta", _forget_bias)
        self.state_gamma = _add(self, (self.units,), "state_gamma", "ones")
        self.state_beta = _add(self, (self.units,), "state_beta", "zeros")

    def call(self, inputs, states, training=False):
        """One step: inputs [B, F] and states h, c [B, U] to h' and the states h', c'."""
        h, c = states
        gates = ops.reshape(_products(self, inputs, h), (-1, 4, self.units))
        gates = ops.reshape(self._normalized(gates), (-1, 4 * self.units))
        i, f, g, o = ops.split(gates * self.gate_gamma + self.gate_beta, 4, axis=-1)
        c = ops.sigmoid(f) * c + ops.sigmoid(i) * self.activation(g)
        c = self._normalized(c) * self.state_gamma + self.state_beta
        h = ops.sigmoid(o) * self.activation(c)
        return h, [h, c]

    def get_config(self):
        """The arguments of the constructor, for serialization."""
        return {
            **super().get_config(),
            "units": self.units,
            "activation": keras.activations.serialize(self.activation),
            "epsilon": self.epsilon,
        }

    def _normalized(self, values):
        mean = ops.mean(values, axis=-1, keepdims=True)
        variance = ops.mean(ops.square(values - mean), axis=-1, keepdims=True)
        return (values - mean) * ops.rsqrt(variance + self.epsilon)


@keras.saving.register_keras_serializable(package="modern_tf2")
class OneBiasPerGate(keras.constraints.Constraint):
    """Keeps the second of the two biases of each gate of a GRU(reset_after=True) at zero.

    TF1's CudnnCompatibleGRUCell has one there, as it has two of the candidate alone (D18). The
    biases are [2, 3 U]: of the inputs and of the states, each of z, r and the candidate.
    """

    def __call__(self, bias):
        first, second = ops.split(bias, 2)
        units = bias.shape[-1] // 3
        gates, candidate = second[:, : 2 * units], second[:, 2 * units :]
        second = ops.concatenate((ops.zeros_like(gates), candidate), axis=-1)
        return ops.concatenate((first, second))


def _products(cell, inputs, h):
    return ops.matmul(inputs, cell.kernel) + ops.matmul(h, cell.recurrent_kernel)


def _add(cell, shape, name, initializer):
    return cell.add_weight(shape=shape, name=name, initializer=initializer)


def _add_kernels(cell, features):
    columns = 4 * cell.units
    cell.kernel = _add(cell, (features, columns), "kernel", "glorot_uniform")
    recurrent = (cell.output_size, columns)
    cell.recurrent_kernel = _add(cell, recurrent, "recurrent_kernel", "orthogonal")


def _add_bias(cell):
    cell.bias = _add(cell, (4 * cell.units,), "bias", _forget_bias)


def _forget_bias(shape, dtype=None):
    """Zeros, but ones for the forget gate, the second of four."""
    zeros, ones = (fill((shape[0] // 4,), dtype=dtype) for fill in (ops.zeros, ops.ones))
    return ops.concatenate((zeros, ones, zeros, zeros))
