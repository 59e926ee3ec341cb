"""A stack of basic RNN cells with a gradient of its own: fewer and larger products.

Layer by layer: the inputs of all steps are projected in one product, and only h U, an addition and
tanh remain for each step. Backwards a step has one product as well; the gradients of kernels and
biases are one product or sum over all steps, where TensorFlow's own gradient has one for each.
docs/speed-kernels.md says what was measured, and what else was tried.

Shapes: T steps, B batch, F inputs of a layer, H units.
"""

import keras
import tensorflow as tf

UNROLLED = 64  # steps at most that are written out in the graph: more are a loop over such pieces


@keras.saving.register_keras_serializable(package="modern_tf2")
class FusedRNN(keras.layers.RNN):
    """keras.layers.RNN over StackedRNNCells of SimpleRNNCells, on the same variables.

    Called, built and saved as keras.layers.RNN is; `unroll` is ignored. The halves of a batch are
    chains of their own, so that two cores can work.

    Raises:
        ValueError: a cell has another activation than tanh, no bias, or dropout; a mask is given.
    """

    def __init__(self, cell, **options):
        super().__init__(cell, **options)
        if not isinstance(cell, keras.layers.StackedRNNCells) or not all(map(_fits, cell.cells)):
            raise ValueError(
                "FusedRNN computes StackedRNNCells of SimpleRNNCells with tanh, a bias and no "
                "dropout only: use keras.layers.RNN"
            )

    def inner_loop(self, sequences, initial_state, mask, training=False):
        """All steps of [B, T, F]: last output [B, H], outputs [B, T, H], states of the layers."""
        if mask is not None:
            raise ValueError("FusedRNN has no mask: use keras.layers.RNN")
        if self.go_backwards:
            sequences = tf.reverse(sequences, axis=[1])
        states = [tf.nest.flatten(state)[0] for state in initial_state]  # [B, H] each
        middle = (tf.shape(sequences)[0] + 1) // 2
        first = self._run(sequences[:middle], [state[:middle] for state in states])
        second = self._run(sequences[middle:], [state[middle:] for state in states])
        outputs, *last = (tf.concat(pair, axis=0) for pair in zip(first, second, strict=True))
        return last[-1], outputs, last

    def _run(self, sequences, states):
        """Outputs [B, T, H] of the last layer, and the last state [B, H] of each."""
        sequence, last = tf.transpose(sequences, (1, 0, 2)), []
        for cell, state in zip(self.cell.cells, states, strict=True):
            projected = _project(sequence, cell.kernel, cell.bias)
            sequence = _recurrence(projected, state, tf.convert_to_tensor(cell.recurrent_kernel))
            last.append(_last(sequence))
        return tf.transpose(sequence, (1, 0, 2)), *last


def _fits(cell):
    return (
        isinstance(cell, keras.layers.SimpleRNNCell)
        and cell.activation is keras.activations.tanh
        and cell.use_bias
        and not cell.dropout
        and not cell.recurrent_dropout
    )


def _project(sequence, kernel, bias):
    """x W + b for all steps in one product: [T, B, F] to [T, B, H]."""
    rows = tf.reshape(sequence, (-1, sequence.shape[2]))
    projected = tf.nn.bias_add(rows @ tf.convert_to_tensor(kernel), tf.convert_to_tensor(bias))
    return tf.reshape(projected, (*tf.unstack(tf.shape(sequence)[:2]), bias.shape[0]))


def _last(sequence):
    """The last step [B, H] of [T, B, H].

    Not `sequence[-1]`: TensorFlow 2.21's arithmetic optimizer moves the tanh that such a slice of a
    stack leads to behind the halves' concatenation, and the stack finds the rows of both.
    """
    return tf.split(sequence, (-1, 1))[1][0]


@tf.custom_gradient
def _recurrence(projected, state, kernel):
    """h_t = tanh(z_t + h_{t-1} U).

    Args:
        projected: z [T, B, H], the inputs' share.
        state: h_0 [B, H].
        kernel: U [H, H].

    Returns:
        All h_t [T, B, H], differentiable in all three arguments.
    """
    outputs = _steps(lambda h, z: tf.tanh(z + h @ kernel), state, (projected,))

    def gradient(upstream):
        transposed = tf.transpose(kernel)

        def step(after, h, of_h):
            """The gradient of what tanh is applied to, from that of the step after."""
            return tf.raw_ops.TanhGrad(y=h, dy=of_h + after @ transposed)

        deltas = _steps(step, tf.zeros_like(state), (outputs, upstream), reverse=True)
        before = tf.concat((state[None], outputs[:-1]), axis=0)
        rows = (tf.reshape(value, (-1, kernel.shape[0])) for value in (before, deltas))
        return deltas, deltas[0] @ transposed, tf.matmul(*rows, transpose_a=True)

    return outputs, gradient


def _steps(step, state, sequences, *, reverse=False):
    """All states [T, B, H] of `step(state, *inputs)` over sequences [T, B, H], from a state [B, H].

    Written out for up to UNROLLED steps. More would take seconds to build, and a loop over single
    steps costs more than the steps: so the loop is over the largest pieces that fill T.
    """
    count = sequences[0].shape[0] or 1  # 1: unknown, a loop over single steps
    size = max(n for n in range(1, UNROLLED + 1) if count % n == 0)
    if size == sequences[0].shape[0]:
        return _piece(step, state, sequences, reverse=reverse)
    shape = tf.concat(((-1, size), tf.shape(state)), axis=0)
    pieces = tuple(tf.reshape(sequence, shape) for sequence in sequences)  # [T / size, size, B, H]
    last = 0 if reverse else -1
    found = tf.scan(
        lambda states, piece: _piece(step, states[last], piece, reverse=reverse),
        pieces,
        tf.broadcast_to(state, shape[1:]),
        reverse=reverse,
    )
    return tf.reshape(found, tf.shape(sequences[0]))


def _piece(step, state, sequences, *, reverse):
    """The same, written out."""
    inputs = list(zip(*(tf.unstack(sequence) for sequence in sequences), strict=True))
    states = []
    for values in reversed(inputs) if reverse else inputs:
        state = step(state, *values)
        states.append(state)
    return tf.stack(states[::-1] if reverse else states)
