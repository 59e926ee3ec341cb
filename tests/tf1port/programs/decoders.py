"""Programs as tf.contrib.seq2seq built them: a loop that ends when every row is finished."""

import numpy as np

from tests.tf1port.programs.program import program
from tests.tf1port.programs.sequences import E, T, U, V, floats, ids, lengths
from tests.tf1port.programs.stacks import squares

# isort: split
import tensorflow.compat.v1 as tf1
from tensorflow.python.util import nest  # which contrib used


class AttentionWrapper(tf1.nn.rnn_cell.RNNCell):
    """A cell with additive attention over a memory [B, S, U] of rows with lengths."""

    def __init__(self, memory, memory_lengths):
        super().__init__()
        self.cell, size = tf1.nn.rnn_cell.GRUCell(U), tf1.shape(memory)[1]
        mask = tf1.sequence_mask(memory_lengths, size, tf1.float32)
        self.memory, self.mask = memory * mask[:, :, None], mask > 0
        self.keys = tf1.layers.dense(self.memory, U, use_bias=False, name="memory_layer")

    state_size = (U, U, tf1.TensorShape([]))
    output_size = U

    def call(self, x, state):
        state, attention, time = state
        output, state = self.cell(tf1.concat([x, attention], 1), state)
        query = tf1.layers.dense(output, U, use_bias=False, name="query_layer")
        seen = tf1.tanh(self.keys + query[:, None])
        scores = tf1.reduce_sum(tf1.get_variable("attention_v", [U]) * seen, 2)
        scores = tf1.where(self.mask, scores, tf1.fill(tf1.shape(scores), float("-inf")))
        weights = tf1.expand_dims(tf1.nn.softmax(scores), 1)
        context = tf1.squeeze(tf1.matmul(weights, self.memory), [1])
        both = tf1.concat([output, context], 1)
        attention = tf1.layers.dense(both, U, use_bias=False, name="attention_layer")
        return attention, (state, attention, time + 1)


class Teacher:
    """As TrainingHelper: a row reads the next step of its sequence, zeros when all are over."""

    def __init__(self, inputs, sequence_lengths):
        by_step = tf1.transpose(inputs, [1, 0, 2])
        self.steps = tf1.TensorArray(tf1.float32, tf1.shape(by_step)[0]).unstack(by_step)
        self.zeros, self.lengths = tf1.zeros_like(by_step[0]), sequence_lengths

    def first(self):
        finished = tf1.equal(0, self.lengths)
        return finished, self._read(finished, 0)

    def following(self, time, _):
        over = time + 1 >= self.lengths
        return over, self._read(over, time + 1)

    def _read(self, over, time):
        return tf1.cond(tf1.reduce_all(over), lambda: self.zeros, lambda: self.steps.read(time))


class Greedy:
    """As GreedyEmbeddingHelper: a row reads its most probable symbol, until that is the end."""

    def __init__(self, table, rows, end):
        self.table, self.end = table, end
        self.start = tf1.nn.embedding_lookup(table, tf1.fill([rows], 1))

    def first(self):
        return tf1.zeros([tf1.shape(self.start)[0]], tf1.bool), self.start

    def following(self, _, logits):
        said = tf1.argmax(logits, -1, output_type=tf1.int32)
        over = tf1.equal(said, self.end)
        read = lambda: tf1.nn.embedding_lookup(self.table, said)  # noqa: E731
        return over, tf1.cond(tf1.reduce_all(over), lambda: self.start, read)


def dynamic_decode(cell, helper, state, *, impute_finished, maximum_iterations=None):
    """The logits [B, steps, V] and the final state, as dynamic_decode computes them."""
    finished, read = helper.first()
    if maximum_iterations is not None:
        finished = tf1.logical_or(finished, maximum_iterations <= 0)
    written = tf1.TensorArray(tf1.float32, 0, dynamic_size=True, element_shape=[None, V])
    counts = tf1.zeros_like(finished, tf1.int32)

    def kept(old, new, finished):
        if isinstance(new, tf1.Tensor) and new.shape.ndims == 0:
            return new  # contrib passes single numbers through
        return tf1.where(finished, old, new)

    def body(time, written, state, read, finished, counts):
        output, new = cell(read, state)
        logits = tf1.layers.dense(output, V, name="logits")
        over, following = helper.following(time, logits)
        over = tf1.logical_or(over, finished)
        if maximum_iterations is not None:
            over = tf1.logical_or(over, time + 1 >= maximum_iterations)
        counts = tf1.where(finished, counts, tf1.fill(tf1.shape(counts), time + 1))
        if impute_finished:
            logits = tf1.where(finished, tf1.zeros_like(logits), logits)
            new = nest.map_structure(lambda *pair: kept(*pair, finished), state, new)
        return time + 1, written.write(time, logits), new, following, over, counts

    _, written, state, *_ = tf1.while_loop(
        lambda *variables: tf1.logical_not(tf1.reduce_all(variables[4])),
        body,
        (0, written, state, read, finished, counts),
        maximum_iterations=maximum_iterations,
    )
    return tf1.transpose(written.stack(), [1, 0, 2]), state


def translator(*, impute_finished, greedy=False):
    """An encoder, and a decoder with attention over its outputs."""
    fed = [ids("source", T), lengths("source_lengths"), ids("target", T), lengths("target_lengths")]
    (source, _), (count, _), (target, _), (target_count, _) = fed
    fed[3] = target_count, np.array([T - 2, 1, 3])
    table = tf1.get_variable("embedding", [V, E])
    memory, state = tf1.nn.dynamic_rnn(
        tf1.nn.rnn_cell.GRUCell(U),
        tf1.nn.embedding_lookup(table, source),
        sequence_length=count,
        dtype=tf1.float32,
        scope="encoder",
    )
    rows = tf1.shape(source)[0]
    if greedy:
        fed, helper = fed[:2], Greedy(table, rows, end=2)
    else:
        helper = Teacher(tf1.nn.embedding_lookup(table, target), target_count)
    with tf1.variable_scope("decoder"):
        logits, (last, *_) = dynamic_decode(
            AttentionWrapper(memory, count),
            helper,
            (state, tf1.zeros([rows, U]), tf1.zeros([], tf1.int32)),
            impute_finished=impute_finished,
            maximum_iterations=4 if greedy else None,
        )
    if greedy:
        return dict(fed), None
    return dict(fed), squares(logits) + squares(tf1.layers.dense(last, 2, name="score"))


@program("encoder and decoder", "unrolled, each output is the next input")
def forecaster():
    (x, array), (first, start) = floats("x", T, 3), floats("first", 3)
    steps, past = tf1.unstack(x, axis=1), tf1.nn.rnn_cell.LSTMCell(U)
    _, state = tf1.nn.static_rnn(past, steps, dtype=tf1.float32, scope="past")
    cells = [tf1.nn.rnn_cell.LSTMCell(U), tf1.nn.rnn_cell.GRUCell(U)]
    value, states, values = first, [state, state.h], []
    for _ in range(3):
        output = value
        for index, cell in enumerate(cells):
            with tf1.variable_scope(f"future_{index}", reuse=tf1.AUTO_REUSE):
                output, states[index] = cell(output, states[index])
        value = tf1.layers.dense(output, 3, name="values", reuse=tf1.AUTO_REUSE)
        values.append(value)
    return {x: array, first: start}, tf1.reduce_mean(tf1.square(tf1.stack(values, 1) - 1))


@program("encoder and decoder", "attention over the encoder (dynamic_decode, teacher forcing)")
def attention_decoder():
    return translator(impute_finished=False)


@program("encoder and decoder", "rows that are finished keep their states (impute_finished)")
def imputing_decoder():
    return translator(impute_finished=True)


@program("encoder and decoder", "greedy decoding, up to a number of steps")
def greedy_decoder():
    return translator(impute_finished=True, greedy=True)
