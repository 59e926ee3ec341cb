"""Programs that choose by values: loops that end early, branches, loops within loops."""

import numpy as np

from tests.tf1port.programs.program import program
from tests.tf1port.programs.sequences import B, T, U, floats
from tests.tf1port.programs.stacks import squares

# isort: split
import tensorflow.compat.v1 as tf1


@program("loop by hand", "as many steps as values need, up to a number of them")
def adaptive_steps():
    """Each step adds to a state until it is large; what is left is divided by, never by zero."""
    x, array = floats("x", 3)
    w, halt = tf1.get_variable("w", [3 + U, U]), tf1.get_variable("halt", [U, 1])

    def body(step, state, left, written):
        state = tf1.tanh(tf1.matmul(tf1.concat([x, state], 1), w))
        taken = tf1.reduce_mean(tf1.sigmoid(tf1.matmul(state, halt)))
        return step + 1, state / left, left - 0.4 * taken, written.write(step, state)

    rows = tf1.TensorArray(tf1.float32, 0, dynamic_size=True, element_shape=[None, U])
    step, state, left, rows = tf1.while_loop(
        lambda step, _, left, __: tf1.logical_and(left > 0.3, step < 9),
        body,
        (0, tf1.zeros([tf1.shape(x)[0], U]), tf1.constant(1.0), rows),
    )
    both = tf1.concat([tf1.reduce_sum(rows.stack(), 0), state], 1) * left
    both /= tf1.cast(step, tf1.float32)
    return {x: array}, squares(tf1.layers.dense(both, 2, name="logits"))


@program("loop by hand", "arrays of a fixed size, with zeros for steps that are not taken")
def padded_steps():
    x, array = floats("x", T, 3)
    w, steps = tf1.get_variable("w", [3 + U, U]), tf1.transpose(x, [1, 0, 2])
    read = tf1.TensorArray(tf1.float32, T).unstack(steps)

    def body(t, state, written):
        state = tf1.tanh(tf1.matmul(tf1.concat([read.read(t), state], 1), w))
        return t + 1, state, written.write(t, state)

    _, _, written = tf1.while_loop(
        lambda t, state, _: tf1.logical_and(t < T, tf1.reduce_mean(tf1.square(state)) < 0.25),
        body,
        (0, tf1.zeros([tf1.shape(x)[0], U]), tf1.TensorArray(tf1.float32, T)),
    )
    flat = tf1.reshape(tf1.transpose(written.stack(), [1, 0, 2]), [-1, T * U])
    return {x: array}, squares(tf1.layers.dense(flat, 2, name="logits"))


@program("loop by hand", "fewer steps than the sequence has, a number that is fed")
def fed_steps():
    x, array = floats("x", T, 3)
    count = tf1.placeholder(tf1.int32, [], name="count")
    w, steps = tf1.get_variable("w", [3 + U, U]), tf1.transpose(x, [1, 0, 2])
    read = tf1.TensorArray(tf1.float32, T).unstack(steps)

    def body(t, state):
        return t + 1, tf1.tanh(tf1.matmul(tf1.concat([read.read(t), state], 1), w))

    start = tf1.zeros([tf1.shape(x)[0], U])
    _, state = tf1.while_loop(lambda t, _: t < count, body, (0, start))
    return {x: array, count: np.int32(2)}, squares(tf1.layers.dense(state, 2, name="logits"))


@program("branch by value", "tf.cond, behind the cells")
def branch():
    """The branch that is not taken would divide by zero."""
    x, array = floats("x", T, 3)
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    total = tf1.nn.relu(tf1.reduce_sum(state))
    scaled = tf1.cond(total > 0.0, lambda: tf1.log(total) * state, lambda: state * 2.0)
    return {x: array}, squares(tf1.layers.dense(scaled, 2, name="logits"))


class Branching(tf1.nn.rnn_cell.RNNCell):
    """A cell that starts anew where its state is large: in one step of all rows."""

    state_size = output_size = U

    def call(self, x, state):
        both = tf1.concat([x, state], 1)
        new = tf1.tanh(tf1.layers.dense(both, U, name="new"))
        size = tf1.reduce_mean(tf1.square(new))
        slow = lambda: tf1.cond(size > 0.2, lambda: 0.5 * new, lambda: new + state)  # noqa: E731
        state = tf1.cond(size > 0.3, lambda: tf1.zeros_like(new), slow)
        return state, state


@program("branch by value", "tf.cond within the loop, and within another one")
def branch_in_the_loop():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.dynamic_rnn(Branching(), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps, 2, name="logits"))


class Spelled(tf1.nn.rnn_cell.RNNCell):
    """A cell over words [B, 4 * 3] that reads the four characters of a word by another cell."""

    state_size = output_size = U

    def call(self, x, state):
        characters = tf1.reshape(x, [-1, 4, 3])
        steps, last = tf1.nn.dynamic_rnn(
            tf1.nn.rnn_cell.GRUCell(4), characters, dtype=tf1.float32, scope="characters"
        )
        word = tf1.concat([last, tf1.reduce_max(steps, 1), state], 1)
        state = tf1.tanh(tf1.layers.dense(word, U, name="words"))
        return state, state


@program("hierarchy", "a loop over characters within the loop over words")
def characters_in_words():
    x, array = floats("x", T, 12)
    steps, _ = tf1.nn.dynamic_rnn(Spelled(), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps, 2, name="logits"))


@program("hierarchy", "a loop that ends on a condition within another one")
def thinking():
    """Each step of the outer loop repeats an inner one until its state is small."""
    x, array = floats("x", B, 3)
    w, u = tf1.get_variable("w", [3 + U, U]), tf1.get_variable("u", [U, U])
    read = tf1.TensorArray(tf1.float32, B).unstack(tf1.transpose(x, [1, 0, 2]))

    def inner(step, state):
        return step + 1, tf1.tanh(tf1.matmul(state, u)) * 0.7

    def body(t, state):
        state = tf1.tanh(tf1.matmul(tf1.concat([read.read(t), state], 1), w))
        large = lambda step, s: tf1.logical_and(tf1.reduce_sum(s * s) > 2.0, step < 6)  # noqa: E731
        step, state = tf1.while_loop(large, inner, (0, state))
        return t + 1, state + 0.1 * tf1.cast(step, tf1.float32)

    start = tf1.zeros([tf1.shape(x)[0], U])
    _, state = tf1.while_loop(lambda t, _: t < B, body, (0, start))
    return {x: array}, squares(tf1.layers.dense(state, 2, name="logits"))
