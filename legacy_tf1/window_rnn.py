"""The window RNN: three basic RNN cells over a random window of an image's rows.

TF1: a class builds the graph around two placeholders and exposes its tensors as attributes (D1).
Shapes: B batch, T window, F = 28 pixels per row, H units, C = 10 classes.
"""

import numpy as np
import tensorflow.compat.v1 as tf


class WindowRNN:
    """The graph of the model, from placeholders to train op.

    Attributes:
        inputs: placeholder [B, T, F], pixels in [0, 1].
        labels: placeholder [B] int64.
        variables: those in a weights file.
        outputs: [B, T, H], the last cell's output at every step.
        logits: [B, C].
        loss: scalar, nats per example, mean over the batch.
        accuracy: scalar, fraction of the batch.
        train_op: one Adam step; also adds 1 to the global step.
    """

    def __init__(self, inputs, labels, config, *, time_major=False):
        # 1. inputs
        self.inputs, self.labels = inputs, labels
        lengths = tf.fill([tf.shape(inputs)[0]], config.window)  # [B]
        sequence = tf.transpose(inputs, [1, 0, 2]) if time_major else inputs

        # 2. recurrent stack
        cells = [tf.nn.rnn_cell.BasicRNNCell(config.units) for _ in range(config.layers)]
        outputs, self.states = tf.nn.dynamic_rnn(
            tf.nn.rnn_cell.MultiRNNCell(cells),
            sequence,
            sequence_length=lengths,
            dtype=inputs.dtype,
            time_major=time_major,
        )
        self.outputs = tf.transpose(outputs, [1, 0, 2]) if time_major else outputs  # [B, T, H]

        # 3. logits
        last = outputs[-1] if time_major else outputs[:, -1]  # [B, H]
        self.logits = tf.layers.dense(last, config.classes, name="logits")  # [B, C]
        self.variables = tf.global_variables()

        # 4. loss, accuracy and optimizer
        self.loss = tf.losses.sparse_softmax_cross_entropy(labels, self.logits)
        wrong = tf.count_nonzero(labels - tf.argmax(self.logits, axis=1), dtype=tf.float32)
        self.accuracy = 1 - wrong / tf.cast(tf.shape(labels)[0], tf.float32)
        self.optimizer = tf.train.AdamOptimizer(
            config.learning_rate, config.beta_1, config.beta_2, config.epsilon
        )
        step = tf.train.get_or_create_global_step()
        self.train_op = self.optimizer.minimize(self.loss, global_step=step)

    def feed(self, images, labels, *, training=False):
        """The feed_dict of a batch; training and testing run the same graph."""
        return {self.inputs: images, self.labels: labels}


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Adds it to the default graph, with placeholders for batches of any size.
    """
    inputs = tf.placeholder(dtype, [None, config.window, config.features], name="inputs")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    # TF1's own default (D4), written out because tf_keras' default ignores the graph's seed.
    tf.get_variable_scope().set_initializer(tf.glorot_uniform_initializer())
    return WindowRNN(inputs, labels, config)


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A dict of tensors of the graph; MultiRNNCell returns the last layer's outputs only.
    """
    tensors = {"rnn": model.outputs, "logits": model.logits}
    tensors.update(("cell_%d/state" % n, state) for n, state in enumerate(model.states))
    return tensors


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    A cell has one kernel [inputs + H, H]: the rows of the input, then those of the state (D2).

    linear: for gradients and slots; here stored like the weights.
    """
    values = {}
    for layer in range(config.layers):
        cell = "cell_%d/" % layer
        stacked = [weights[cell + "kernel"], weights[cell + "recurrent_kernel"]]
        values[_CELL % layer + "kernel"] = np.concatenate(stacked, axis=0)
        values[_CELL % layer + "bias"] = weights[cell + "bias"]
    for name in ("logits/kernel", "logits/bias"):
        values[name] = weights[name]
    return values


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients or slots of them, as named weights."""
    weights = {}
    for layer in range(config.layers):
        cell = "cell_%d/" % layer
        kernel = values[_CELL % layer + "kernel"]
        weights[cell + "kernel"] = kernel[: -config.units]
        weights[cell + "recurrent_kernel"] = kernel[-config.units :]
        weights[cell + "bias"] = values[_CELL % layer + "bias"]
    for name in ("logits/kernel", "logits/bias"):
        weights[name] = values[name]
    return weights


_CELL = "rnn/multi_rnn_cell/cell_%d/basic_rnn_cell/"
