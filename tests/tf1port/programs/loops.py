"""Programs whose loops run no known cell, and that read what they are fed by themselves."""

import numpy as np

from tests.tf1port.programs.program import program
from tests.tf1port.programs.sequences import B, T, U, floats, lengths
from tests.tf1port.programs.stacks import squares

# isort: split
import tensorflow.compat.v1 as tf1


class MinimalGatedUnit(tf1.nn.rnn_cell.RNNCell):
    """A cell as people write their own: one gate."""

    state_size = output_size = U

    def call(self, x, state):
        both = tf1.concat([x, state], 1)
        forget = tf1.sigmoid(tf1.layers.dense(both, U, name="forget"))
        kept = tf1.concat([x, forget * state], 1)
        new = tf1.tanh(tf1.layers.dense(kept, U, name="candidate"))
        state = (1 - forget) * state + forget * new
        return state, state


@program("own cell", "a user's RNNCell in dynamic_rnn")
def own_cell():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.dynamic_rnn(MinimalGatedUnit(), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps, 2, name="logits"))


@program("own cell", "with lengths")
def own_cell_with_lengths():
    fed = [floats("x", T, 3), lengths()]
    (x, _), (count, _) = fed
    _, state = tf1.nn.dynamic_rnn(MinimalGatedUnit(), x, sequence_length=count, dtype=tf1.float32)
    return dict(fed), squares(tf1.layers.dense(state, 2, name="logits"))


class Concatenated(tf1.nn.rnn_cell.RNNCell):
    """A cell whose state is one tensor that it slices, as with state_is_tuple=False."""

    state_size, output_size = 2 * U, U

    def call(self, x, state):
        fast, slow = tf1.slice(state, [0, 0], [-1, U]), tf1.slice(state, [0, U], [-1, U])
        gates = tf1.layers.dense(tf1.concat([x, fast], 1), 2 * U, tf1.sigmoid, name="gates")
        slow = gates[:, :U] * slow + gates[:, U:]
        fast = tf1.tanh(slow) * 0.5 + tf1.get_variable("rates", [U]) * 0.5 * fast
        return gates[:, U:], tf1.concat([fast, slow], 1)


@program("own cell", "its state is one tensor that it slices, its outputs are none of it")
def sliced_state():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.dynamic_rnn(Concatenated(), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps, 2, name="logits"))


class Attending(tf1.nn.rnn_cell.RNNCell):
    """As AttentionCellWrapper: a cell, and attention over its own last outputs."""

    window = 3

    def __init__(self):
        super().__init__()
        self.cell = tf1.nn.rnn_cell.GRUCell(U)

    state_size = (U, U, 3 * U)
    output_size = U

    def call(self, x, state):
        state, context, before = state
        past = tf1.reshape(before, [-1, self.window, U])
        taken = tf1.layers.dense(tf1.concat([x, context], 1), 3, name="mixed")
        output, state = self.cell(taken, state)
        keys = tf1.layers.dense(past, U, use_bias=False, name="keys")
        query = tf1.expand_dims(tf1.layers.dense(state, U, name="query"), 1)
        scores = tf1.reduce_sum(tf1.tanh(keys + query), 2)
        weights = tf1.expand_dims(tf1.nn.softmax(scores), -1)
        context = tf1.reduce_sum(weights * past, 1)
        output = tf1.layers.dense(tf1.concat([output, context], 1), U, name="attended")
        past = tf1.concat([past[:, 1:], tf1.expand_dims(output, 1)], 1)
        return output, (state, context, tf1.reshape(past, [-1, self.window * U]))


@program("attention", "over the cell's own last outputs, within its loop")
def attention_in_the_loop():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.dynamic_rnn(Attending(), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps[:, -1], 2, name="logits"))


@program("attention", "over all steps, behind the cells")
def attention_over_steps():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    scores = tf1.layers.dense(tf1.layers.dense(steps, 4, tf1.nn.tanh, name="seen"), 1, name="score")
    context = tf1.reduce_sum(tf1.nn.softmax(scores, 1) * steps, 1)
    return {x: array}, squares(tf1.layers.dense(context, 2, name="logits"))


@program("loop by hand", "tf.while_loop with its own products")
def loop_by_hand():
    x, array = floats("x", T, 3)
    steps = tf1.transpose(x, [1, 0, 2])
    read = tf1.TensorArray(tf1.float32, T).unstack(steps)
    w, u = tf1.get_variable("w", [3, U]), tf1.get_variable("u", [U, U])

    def body(t, h):
        return t + 1, tf1.tanh(tf1.matmul(read.read(t), w) + tf1.matmul(h, u))

    start = tf1.zeros([tf1.shape(x)[0], U])
    _, h = tf1.while_loop(lambda t, _: t < T, body, [0, start])
    return {x: array}, squares(tf1.layers.dense(h, 2, name="logits"))


@program("layer for every row", "tf.map_fn over the steps")
def mapped():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    w = tf1.get_variable("w", [U, 2])
    made = tf1.map_fn(lambda row: tf1.matmul(row, w), tf1.transpose(steps, [1, 0, 2]))
    return {x: array}, squares(made)


@program("input pipeline", "a queue's batch is the input")
def queue():
    kinds = [tf1.float32, tf1.int32]
    held = tf1.FIFOQueue(9, kinds, shapes=[[B, T, 3], [B]])
    x, count = held.dequeue()
    steps, _ = tf1.nn.dynamic_rnn(
        tf1.nn.rnn_cell.GRUCell(U), x, sequence_length=count, dtype=tf1.float32
    )
    array = np.random.RandomState(0).normal(size=(B, T, 3)).astype("float32")
    return {x: array, count: np.array([T, 2, 4])}, squares(tf1.reduce_mean(steps, 1))


@program("input pipeline", "a dataset's batch is the input")
def dataset():
    array = np.random.RandomState(0).normal(size=(B, T, 3)).astype("float32")
    rows = tf1.data.Dataset.from_tensor_slices(array).repeat().batch(B)
    x = tf1.data.make_one_shot_iterator(rows).get_next()
    steps, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(tf1.reduce_mean(steps, 1), 2))
