"""Programs with normalizations and training flags around cells that are no plain stack."""

import numpy as np

from tests.tf1port.programs.program import program
from tests.tf1port.programs.sequences import T, U, floats
from tests.tf1port.programs.stacks import squares

# isort: split
import tensorflow.compat.v1 as tf1


def two_cells(x, between):
    """A cell over x [B, T, F], and another one over what a function makes of its outputs."""
    lower, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32, scope="lower")
    inputs = between(lower)[:, ::2]
    upper, _ = tf1.nn.dynamic_rnn(
        tf1.nn.rnn_cell.GRUCell(U), inputs, dtype=tf1.float32, scope="upper"
    )
    return squares(tf1.layers.dense(upper[:, -1], 2, name="logits"))


@program("normalization", "of a batch, with a training flag, between two cells")
def normalized_between():
    x, array = floats("x", T, 3)
    training = tf1.placeholder_with_default(False, [], name="training")

    def between(steps):
        dropped = tf1.layers.dropout(steps, 0.5, training=training)
        return tf1.layers.batch_normalization(dropped, training=training, momentum=0.9)

    return {x: array}, two_cells(x, between)


@program("normalization", "of images between convolutions and pooling, rows of which a cell reads")
def normalized_images():
    x, array = floats("x", 12, 9, 1)
    training = tf1.placeholder(tf1.bool, [], name="training")
    images = tf1.layers.conv2d(x, 4, 3, padding="same", name="conv")
    images = tf1.layers.batch_normalization(images, training=training, epsilon=1e-2)
    images = tf1.layers.max_pooling2d(tf1.nn.relu(images), 2, 2)
    rows = tf1.reshape(images, [-1, 6, 4 * 4])
    steps, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), rows, dtype=tf1.float32)
    fed = {x: array, training: np.array(False)}
    return fed, squares(tf1.layers.dense(steps[:, ::2], 2, name="logits"))


@program("normalization", "of each step's features, between two cells")
def normalized_steps():
    x, array = floats("x", T, 3)

    def between(steps):
        mean, variance = tf1.nn.moments(steps, [-1], keep_dims=True)
        with tf1.variable_scope("scaled"):
            beta = tf1.get_variable("beta", [U])
            gamma = tf1.get_variable("gamma", [U])
        return tf1.nn.batch_normalization(steps, mean, variance, beta, gamma, 1e-5)

    return {x: array}, two_cells(x, between)
