"""The row LSTM: an LSTM over all rows of an image, batch normalization, a dense layer.

TF1: a class builds the graph around two placeholders and exposes its tensors as attributes (D1).
Shapes: B batch, T = 28 rows, F = 28 pixels per row, H units, C = 10 classes.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from legacy_tf1 import synchronized


class RowLSTM:
    """The graph of the model, from placeholders to train op.

    Attributes:
        inputs: placeholder [B, T, F], pixels in [0, 1].
        labels: placeholder [B] int64.
        training: scalar bool, False by default: which statistics the normalization uses.
        variables: those in a weights file, moving statistics included.
        outputs: [B, T, H], the LSTM's output at every step.
        state: (c, h), each [B, H]; Keras has them the other way round.
        normalized: [B, H], the last output after the normalization.
        logits: [B, C].
        loss: scalar, nats per example, mean over the batch.
        accuracy: scalar, fraction of the batch.
        train_op: one step of gradient descent; also adds 1 to the global step.
    """

    def __init__(self, inputs, labels, config):
        # 1. inputs
        self.inputs, self.labels = inputs, labels
        self.training = tf.placeholder_with_default(False, [], name="training")

        # 2. recurrent layer
        lstm = _block_lstm if config.kernel == "fused-cpu" else _lstm
        self.outputs, self.state = lstm(inputs, config)

        # 3. normalization and logits
        batch_normalization = synchronized.batch_normalization()  # of tf.layers; on workers, D22
        self.normalized = batch_normalization(
            self.outputs[:, -1],
            momentum=config.momentum,
            epsilon=config.epsilon,
            training=self.training,
            name="normalization",
        )
        # The default, written out because tf_keras' own default ignores the graph's seed.
        self.logits = tf.layers.dense(
            self.normalized,
            config.classes,
            kernel_initializer=tf.glorot_uniform_initializer(),
            name="logits",
        )  # [B, C]
        self.variables = tf.global_variables()

        # 4. loss, accuracy and optimizer
        self.loss = tf.losses.sparse_softmax_cross_entropy(labels, self.logits)
        wrong = tf.count_nonzero(labels - tf.argmax(self.logits, axis=1), dtype=tf.float32)
        self.accuracy = 1 - wrong / tf.cast(tf.shape(labels)[0], tf.float32)
        self.optimizer = tf.train.GradientDescentOptimizer(config.learning_rate)
        step = tf.train.get_or_create_global_step()
        # Without this the moving statistics keep their first values, and only testing suffers.
        with tf.control_dependencies(tf.get_collection(tf.GraphKeys.UPDATE_OPS)):
            self.train_op = self.optimizer.minimize(self.loss, global_step=step)

    def feed(self, images, labels, *, training=False):
        """The feed_dict of a batch."""
        return {self.inputs: images, self.labels: labels, self.training: training}


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Adds it to the default graph, with placeholders for batches of any size.
    """
    inputs = tf.placeholder(dtype, [None, config.rows, config.features], name="inputs")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    return RowLSTM(inputs, labels, config)


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A dict of tensors of the graph.
    """
    return {
        "lstm": model.outputs,
        "lstm/c": model.state[0],
        "lstm/h": model.state[1],
        "normalization": model.normalized,
        "logits": model.logits,
    }


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    The kernel is stacked as in D2, its columns are the gates i, j, f, o (D10), and the bias is
    stored without the forget bias, which the graph adds (D11).

    linear: for gradients, which have no forget bias.
    """
    names = ("kernel", "recurrent_kernel", "bias")
    kernel, recurrent, bias = (_from_ifco(weights["lstm/" + name]) for name in names)
    values = {
        "rnn/lstm_cell/kernel": np.concatenate([kernel, recurrent], axis=0),
        "rnn/lstm_cell/bias": bias - (0 if linear else _forget_bias(config, bias.dtype)),
    }
    values.update((name, weights[name]) for name in _REST if name in weights)
    return values


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients of them, as named weights."""
    kernel = _to_ifco(values["rnn/lstm_cell/kernel"])
    bias = values["rnn/lstm_cell/bias"]
    weights = {
        "lstm/kernel": kernel[: config.features],
        "lstm/recurrent_kernel": kernel[config.features :],
        "lstm/bias": _to_ifco(bias + (0 if linear else _forget_bias(config, bias.dtype))),
    }
    weights.update((name, values[name]) for name in _REST if name in values)
    return weights


_REST = ["normalization/" + n for n in ("gamma", "beta", "moving_mean", "moving_variance")]
_REST += ["logits/kernel", "logits/bias"]


def _lstm(inputs, config):
    """LSTMCell, stepped by dynamic_rnn: outputs [B, T, H] and state (c, h)."""
    cell = tf.nn.rnn_cell.LSTMCell(
        config.units, forget_bias=config.forget_bias, initializer=_keras_kernel
    )
    return tf.nn.dynamic_rnn(cell, inputs, dtype=inputs.dtype)


def _block_lstm(inputs, config):
    """The op behind contrib's LSTMBlockFusedCell: all steps in one kernel, same variables."""
    with tf.variable_scope("rnn/lstm_cell"):
        shape = [config.features + config.units, 4 * config.units]
        kernel = tf.get_variable("kernel", shape, inputs.dtype, _keras_kernel)
        bias = tf.get_variable("bias", shape[1:], inputs.dtype, tf.zeros_initializer())
    zeros = tf.zeros([tf.shape(inputs)[0], config.units], inputs.dtype)
    peephole = tf.zeros([config.units], inputs.dtype)
    _, c, _, _, _, _, h = tf.raw_ops.BlockLSTM(
        seq_len_max=tf.constant(config.rows, tf.int64),
        x=tf.transpose(inputs, [1, 0, 2]),
        cs_prev=zeros,
        h_prev=zeros,
        w=kernel,
        wci=peephole,
        wcf=peephole,
        wco=peephole,
        b=bias,
        forget_bias=config.forget_bias,
        cell_clip=-1,  # the op would clip at 3
    )
    return tf.transpose(h, [1, 0, 2]), tf.nn.rnn_cell.LSTMStateTuple(c[-1], h[-1])


def _keras_kernel(shape, dtype, partition_info=None):
    """Keras' initial kernels, stacked: Glorot for the input, orthogonal for the state (D4)."""
    units = shape[1] // 4
    inputs = tf.glorot_uniform_initializer()([shape[0] - units, shape[1]], dtype)
    state = tf.orthogonal_initializer()([units, shape[1]], dtype)
    return tf.concat([inputs, state], axis=0)


def _forget_bias(config, dtype):
    """The constant that the graph adds to the bias [4H], columns i, j, f, o."""
    return np.repeat(np.array([0, 0, config.forget_bias, 0], dtype), config.units)


def _from_ifco(columns):
    """Reorders gates i, f, c, o to TF1's i, j, f, o; c and j are two names of the candidate."""
    i, f, c, o = np.split(columns, 4, axis=-1)
    return np.concatenate([i, c, f, o], axis=-1)


_to_ifco = _from_ifco  # exchanging two gates is its own inverse
