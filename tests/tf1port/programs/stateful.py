"""Programs that `convert --stateful` makes models of whose states are inputs and outputs."""

import numpy as np

from tests.tf1port.programs.loops import MinimalGatedUnit
from tests.tf1port.programs.sequences import STREAM, B, E, T, U, V, floats, ids, lengths, lstm
from tests.tf1port.programs.sequences import words_loss as loss_of
from tests.tf1port.programs.stacks import squares

# isort: split
import tensorflow.compat.v1 as tf1


def two(cell=tf1.nn.rnn_cell.LSTMCell):
    return tf1.nn.rnn_cell.MultiRNNCell([cell(U) for _ in range(2)])


def embedded(chars):
    return tf1.nn.embedding_lookup(tf1.get_variable("embedding", [V, E]), chars)


def from_zeros():
    """Two layers over ids, which start from zeros."""
    fed = [ids("chars", T), ids("next_chars", T, 1)]
    (chars, _), (following, _) = fed
    steps, _ = tf1.nn.dynamic_rnn(two(), embedded(chars), dtype=tf1.float32)
    return dict(fed), loss_of(tf1.layers.dense(steps, V, name="logits"), following)


def fixed_ids():
    """Ids with a fixed number of rows and steps, as char-rnn and the PTB tutorial have them."""
    arrays = [STREAM(seed).randint(V, size=(B, T)) for seed in range(2)]
    names = ("chars", "next_chars")
    return [(tf1.placeholder(tf1.int32, [B, T], n), a) for n, a in zip(names, arrays, strict=True)]


def fixed_sizes():
    """zero_state of a fixed batch size; logits that are reshaped to these sizes."""
    fed, cell = fixed_ids(), two()
    (chars, _), (following, _) = fed
    state = cell.zero_state(B, tf1.float32)
    steps, _ = tf1.nn.dynamic_rnn(cell, embedded(chars), initial_state=state)
    w, b = tf1.get_variable("softmax_w", [U, V]), tf1.get_variable("softmax_b", [V])
    logits = tf1.matmul(tf1.reshape(steps, [B * T, U]), w) + b
    return dict(fed), loss_of(tf1.reshape(logits, [B, T, V]), following)


def unrolled():
    """A number of steps that is unrolled, split and concatenated, as in char-rnn-tensorflow."""
    fed, cell = fixed_ids(), two(tf1.nn.rnn_cell.BasicLSTMCell)
    (chars, _), (following, _) = fed
    pieces = [tf1.squeeze(piece, [1]) for piece in tf1.split(embedded(chars), T, 1)]
    state = cell.zero_state(B, tf1.float32)
    outputs, _ = tf1.nn.static_rnn(cell, pieces, initial_state=state, scope="rnnlm")
    w, b = tf1.get_variable("softmax_w", [U, V]), tf1.get_variable("softmax_b", [V])
    logits = tf1.matmul(tf1.reshape(tf1.concat(outputs, 1), [-1, U]), w) + b
    return dict(fed), loss_of(logits, tf1.reshape(following, [-1]))


def one_placeholder():
    """The states of all layers are fed as one array."""
    x, array = floats("x", T, 3)
    init = tf1.placeholder(tf1.float32, [2, 2, None, U], name="init_state")
    parts = [tf1.nn.rnn_cell.LSTMStateTuple(p[0], p[1]) for p in tf1.unstack(init, axis=0)]
    steps, _ = tf1.nn.dynamic_rnn(two(), x, initial_state=tuple(parts))
    fed = {x: array, init: STREAM(1).normal(size=(2, 2, B, U))}
    return fed, squares(tf1.layers.dense(steps, 2, name="logits"))


def with_lengths():
    fed = [floats("x", T, 3), lengths()]
    (x, _), (count, _) = fed
    cell = tf1.nn.rnn_cell.GRUCell(U)
    steps, _ = tf1.nn.dynamic_rnn(cell, x, sequence_length=count, dtype=tf1.float32)
    return dict(fed), squares(tf1.layers.dense(steps, 2, name="logits"))


def own_cell():
    """A loop of no known cell, with a fixed number of steps."""
    x = tf1.placeholder(tf1.float32, [None, T, 3], name="x")
    steps, _ = tf1.nn.dynamic_rnn(MinimalGatedUnit(), x, dtype=tf1.float32)
    fed = {x: STREAM(0).normal(size=(B, T, 3))}
    return fed, squares(tf1.layers.dense(steps, 2, name="logits"))


def shared_zeros():
    """One tensor of zeros for both states of a layer, of which the last output is classified."""
    x, array = floats("x", T, 3)
    zeros = tf1.zeros([tf1.shape(x)[0], U])
    state = tf1.nn.rnn_cell.LSTMStateTuple(zeros, zeros)
    steps, _ = tf1.nn.dynamic_rnn(lstm(), x, initial_state=state)
    return {x: array}, squares(tf1.layers.dense(steps[:, -1], 2, name="logits"))


def mean_over_time():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(tf1.reduce_mean(steps, 1), 2, name="logits"))


def both_directions():
    x, array = floats("x", T, 3)
    outputs, _ = tf1.nn.bidirectional_dynamic_rnn(lstm(), lstm(), x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(tf1.concat(outputs, 2), 2, name="logits"))


def rows_of_an_image():
    """The number of steps is of a reshape."""
    x = tf1.placeholder(tf1.float32, [None, 4 * T], name="x")
    cell = tf1.nn.rnn_cell.GRUCell(U)
    steps, _ = tf1.nn.dynamic_rnn(cell, tf1.reshape(x, [-1, T, 4]), dtype=tf1.float32)
    fed = {x: np.ones([B, 4 * T])}
    return fed, squares(tf1.layers.dense(steps[:, -1], 2, name="logits"))


def no_cell():
    x, array = floats("x", 3)
    return {x: array}, squares(tf1.layers.dense(x, 2, name="logits"))


def characters_of_words():
    """A layer reads the characters of each word: it has as many rows as all rows have words."""
    words, array = ids("words", T)
    characters = tf1.reshape(embedded(words), [-1, 2, E // 2])
    cell = tf1.nn.rnn_cell.GRUCell(U)
    _, last = tf1.nn.dynamic_rnn(cell, characters, dtype=tf1.float32, scope="word")
    of_words = tf1.reshape(last, [-1, tf1.shape(words)[1], U])
    steps, _ = tf1.nn.dynamic_rnn(lstm(), of_words, dtype=tf1.float32, scope="sentence")
    return {words: array}, squares(tf1.layers.dense(steps, 2, name="logits"))
