"""Programs whose cells start from states that are not zero: of an encoder, of features, fed."""

import numpy as np

from tests.tf1port.programs.program import program

# isort: split
import tensorflow.compat.v1 as tf1

V, E, U, B, T = 9, 4, 5, 3, 6
STREAM = np.random.RandomState


def ids(name, steps, seed=0):
    """A placeholder of ids [B, T], and some."""
    shape = [None, None]
    return tf1.placeholder(tf1.int32, shape, name=name), STREAM(seed).randint(V, size=(B, steps))


def floats(name, *shape, seed=0):
    """A placeholder of real numbers with any number of rows, and some."""
    array = STREAM(seed).normal(size=(B, *shape)).astype("float32")
    return tf1.placeholder(tf1.float32, [None, *shape], name=name), array


def lengths(name="lengths"):
    """A placeholder of the lengths of rows, and some."""
    return tf1.placeholder(tf1.int32, [None], name=name), np.array([T, 2, 4])


def words_loss(logits, labels):
    """The loss of logits for every step."""
    return tf1.reduce_mean(
        tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)
    )


def lstm(units=U):
    return tf1.nn.rnn_cell.LSTMCell(units)


@program("encoder and decoder", "with lengths, an embedding of both, teacher forcing")
def encoder_decoder():
    fed = [ids("source", T), lengths("source_lengths"), ids("target", T - 1), ids("y", T - 1, 1)]
    (source, _), (count, _), (target, _), (y, _) = fed
    table = tf1.get_variable("embedding", [V, E])
    _, state = tf1.nn.dynamic_rnn(
        lstm(),
        tf1.nn.embedding_lookup(table, source),
        sequence_length=count,
        dtype=tf1.float32,
        scope="encoder",
    )
    read = tf1.nn.embedding_lookup(table, target)
    steps, _ = tf1.nn.dynamic_rnn(lstm(), read, initial_state=state, scope="decoder")
    logits = tf1.layers.dense(steps, V, name="logits")
    return dict(fed), words_loss(logits, y)


@program("encoder and decoder", "the encoder reads from the end")
def encoder_from_the_end():
    fed = [floats("question", T, 3), floats("answer", T, 3, seed=1)]
    (question, _), (answer, _) = fed
    cells = [tf1.nn.rnn_cell.GRUCell(U) for _ in range(2)]
    _, last = tf1.nn.dynamic_rnn(
        cells[0], tf1.reverse(question, [1]), dtype=tf1.float32, scope="encoder"
    )
    said, _ = tf1.nn.dynamic_rnn(cells[1], answer, initial_state=last, scope="decoder")
    return dict(fed), tf1.reduce_mean(tf1.square(tf1.layers.dense(said, 2) - 1))


@program("language model", "states fed and given back, to sample from step by step")
def char_rnn():
    fed = [ids("chars", T), ids("next_chars", T, 1)]
    (chars, _), (following, _) = fed
    cell = tf1.nn.rnn_cell.MultiRNNCell([lstm(), lstm()])
    states = [(floats(f"c_{i}", U, seed=i), floats(f"h_{i}", U, seed=9 + i)) for i in range(2)]
    initial = tuple(tf1.nn.rnn_cell.LSTMStateTuple(c, h) for (c, _), (h, _) in states)
    table = tf1.get_variable("embedding", [V, E])
    steps, _ = tf1.nn.dynamic_rnn(
        cell, tf1.nn.embedding_lookup(table, chars), initial_state=initial
    )
    w, b = tf1.get_variable("softmax_w", [U, V]), tf1.get_variable("softmax_b", [V])
    logits = tf1.matmul(tf1.reshape(steps, [-1, U]), w) + b
    tf1.nn.softmax(logits, name="probabilities")
    loss = words_loss(logits, tf1.reshape(following, [-1]))
    return dict(fed + [one for pair in states for one in pair]), loss


@program("language model", "the states of all cells as one tensor, which is fed and given back")
def states_in_one():
    fed = [floats("x", T, 3), floats("init_state", 4 * U, seed=1)]
    (x, _), (init, _) = fed
    cells = [tf1.nn.rnn_cell.BasicLSTMCell(U, state_is_tuple=False) for _ in range(2)]
    cell = tf1.nn.rnn_cell.MultiRNNCell(cells, state_is_tuple=False)
    steps, _ = tf1.nn.dynamic_rnn(cell, x, initial_state=init)
    return dict(fed), tf1.reduce_mean(tf1.square(tf1.layers.dense(steps, 2, name="logits") - 1))


@program("image captioner", "the state is computed of features")
def captioner():
    fed = [floats("features", 7), ids("words", T), ids("next_words", T, 1)]
    (features, _), (words, _), (following, _) = fed
    parts = [tf1.layers.dense(features, U, tf1.nn.tanh, name=f"{part}_of_image") for part in "ch"]
    table = tf1.get_variable("word_embedding", [V, E])
    steps, _ = tf1.nn.dynamic_rnn(
        lstm(),
        tf1.nn.embedding_lookup(table, words),
        initial_state=tf1.nn.rnn_cell.LSTMStateTuple(*parts),
    )
    return dict(fed), words_loss(tf1.layers.dense(steps, V, name="logits"), following)


@program("any recurrent net", "a state that was learned")
def learned_state():
    x, array = floats("x", T, 3)
    one = tf1.get_variable("initial_state", [1, U])
    state = tf1.tile(one, [tf1.shape(x)[0], 1])
    steps, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, initial_state=state)
    return {x: array}, tf1.reduce_mean(tf1.square(tf1.layers.dense(steps[:, -1], 2) - 1))


class AttendingDecoder(tf1.nn.rnn_cell.RNNCell):
    """A GRU cell that reads, beside a word, a mean of the outputs [B, S, U] of an encoder."""

    state_size = output_size = U

    def __init__(self, memory):
        super().__init__()
        self.memory, self.cell = memory, tf1.nn.rnn_cell.GRUCell(U)
        self.keys = tf1.layers.dense(memory, U, use_bias=False, name="memory_keys")

    def call(self, word, state):
        query = tf1.expand_dims(tf1.layers.dense(state, U, use_bias=False, name="query"), 1)
        v = tf1.get_variable("attention_v", [U])
        scores = tf1.reduce_sum(v * tf1.tanh(self.keys + query), 2)
        weights = tf1.expand_dims(tf1.nn.softmax(scores), 2)
        context = tf1.reduce_sum(weights * self.memory, 1)
        return self.cell(tf1.concat([word, context], 1), state)


@program("attention", "of a translator's decoder over the outputs of its encoder")
def translator():
    fed = [ids("source", T), ids("target", T - 1), ids("y", T - 1, 1)]
    (source, _), (target, _), (y, _) = fed
    tables = [tf1.get_variable(f"{side}_embedding", [V, E]) for side in ("source", "target")]
    read = tf1.nn.embedding_lookup(tables[0], source)
    cell = tf1.nn.rnn_cell.GRUCell(U)
    memory, state = tf1.nn.dynamic_rnn(cell, read, dtype=tf1.float32, scope="encoder")
    words = tf1.nn.embedding_lookup(tables[1], target)
    cell = AttendingDecoder(memory)
    steps, _ = tf1.nn.dynamic_rnn(cell, words, initial_state=state, scope="decoder")
    return dict(fed), words_loss(tf1.layers.dense(steps, V, name="logits"), y)
