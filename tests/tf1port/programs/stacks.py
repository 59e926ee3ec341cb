"""Programs with something between the cells, or with one cell in several places."""

import numpy as np

from tests.tf1port.programs.program import program
from tests.tf1port.programs.sequences import B, E, T, U, V, floats, ids, lengths, lstm, words_loss

# isort: split
import tensorflow.compat.v1 as tf1


def squares(made):
    return tf1.reduce_mean(tf1.square(made - 1))


@program("stack with something between", "a dense layer and a scale between two cells")
def dense_between():
    x, array = floats("x", T, 3)
    lower, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32, scope="lower")
    between = tf1.layers.dense(lower, 4, tf1.nn.relu, name="between") * 0.5
    upper, _ = tf1.nn.dynamic_rnn(lstm(), between, dtype=tf1.float32, scope="upper")
    return {x: array}, squares(tf1.layers.dense(upper[:, -1], 2, name="logits"))


@program("stack with something between", "the inputs beside the outputs of the layer below")
def inputs_beside():
    x, array = floats("x", T, 3)
    lower, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32, scope="lower")
    both = tf1.concat([lower, x], -1)
    upper, _ = tf1.nn.dynamic_rnn(lstm(), both, dtype=tf1.float32, scope="upper")
    return {x: array}, squares(tf1.layers.dense(tf1.reduce_mean(upper, 1), 2, name="logits"))


@program("hierarchy", "words, then sentences: rows are reshaped into steps")
def hierarchy():
    x = tf1.placeholder(tf1.float32, [None, 2, T, 3], name="documents")
    array = np.random.RandomState(0).normal(size=(B, 2, T, 3)).astype("float32")
    words = tf1.reshape(x, [-1, T, 3])
    _, state = tf1.nn.dynamic_rnn(lstm(), words, dtype=tf1.float32, scope="words")
    sentences = tf1.reshape(state.h, [-1, 2, U])
    steps, _ = tf1.nn.dynamic_rnn(lstm(), sentences, dtype=tf1.float32, scope="sentences")
    return {x: array}, squares(tf1.layers.dense(steps[:, -1], 2, name="logits"))


@program("shared cell", "one cell twice in a stack")
def cell_twice():
    x, array = floats("x", T, U)
    one = tf1.nn.rnn_cell.GRUCell(U)
    stack = tf1.nn.rnn_cell.MultiRNNCell([one] * 2)
    steps, _ = tf1.nn.dynamic_rnn(stack, x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps[:, -1], 2, name="logits"))


@program("shared cell", "one cell in both directions, over two sequences")
def cell_both_ways():
    fed, ends = [floats("question", T, 3), floats("answer", T + 1, 3, seed=1)], []
    one = tf1.nn.rnn_cell.GRUCell(U)
    for x, _ in fed:
        with tf1.variable_scope("reader", reuse=tf1.AUTO_REUSE):
            both, _ = tf1.nn.bidirectional_dynamic_rnn(one, one, x, dtype=tf1.float32)
            ends.append(tf1.reduce_max(tf1.concat(both, 2), 1))
    return dict(fed), squares(tf1.layers.dense(tf1.concat(ends, 1), 1, name="score"))


@program("several tasks", "the predictions of a lower task are inputs of the next one")
def tasks():
    (x, array), (labels, right) = floats("x", T, 3), ids("labels", T)
    lower, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32, scope="lower")
    first = tf1.layers.dense(lower, V, name="first")
    both = tf1.concat([lower, tf1.nn.softmax(first)], 2)
    upper, _ = tf1.nn.dynamic_rnn(lstm(), both, dtype=tf1.float32, scope="upper")
    second = tf1.layers.dense(upper, V, name="second")
    loss = words_loss(first, labels) + 0.5 * words_loss(second, labels)
    return {x: array, labels: right}, loss


@program("rows of several episodes", "how many there are is fed (deep recurrent Q-learning)")
def episodes():
    x, array = floats("x", 3)
    rows, steps = (tf1.placeholder(tf1.int32, [], name=name) for name in ("rows", "steps"))
    features = tf1.reshape(tf1.layers.dense(x, 4, tf1.nn.relu, name="dense"), [rows, steps, 4])
    start = tf1.nn.rnn_cell.LSTMStateTuple(tf1.zeros([rows, U]), tf1.ones([rows, U]))
    outputs, _ = tf1.nn.dynamic_rnn(lstm(), features, initial_state=start)
    fed = {x: array[: B // 2 * 2], rows: np.int32(B // 2), steps: np.int32(2)}
    return fed, squares(tf1.layers.dense(tf1.reshape(outputs, [-1, U]), 2, name="values"))


@program("siamese towers", "one cell over two inputs")
def towers():
    fed, ends = [floats("left", T, 3), floats("right", T, 3, seed=1)], []
    one = lstm()
    for x, _ in fed:
        with tf1.variable_scope("tower", reuse=tf1.AUTO_REUSE):
            ends.append(tf1.nn.dynamic_rnn(one, x, dtype=tf1.float32)[1].h)
    return dict(fed), squares(tf1.layers.dense(tf1.abs(ends[0] - ends[1]), 1, name="score"))


@program("tagger", "bidirectional with lengths, words beside features of them")
def tagger():
    fed = [ids("words", T), floats("features", T, 2), lengths(), ids("tags", T, 1)]
    (words, _), (features, _), (count, _), (tags, _) = fed
    table = tf1.get_variable("word_embedding", [V, E])
    taken = tf1.concat([tf1.nn.embedding_lookup(table, words), features], -1)
    (forward, backward), _ = tf1.nn.bidirectional_dynamic_rnn(
        lstm(), lstm(), taken, sequence_length=count, dtype=tf1.float32
    )
    logits = tf1.layers.dense(tf1.concat([forward, backward], -1), V, name="logits")
    return dict(fed), words_loss(logits, tags)


@program("tagger", "bidirectional without lengths, of scaled inputs")
def both_directions():
    x, array = floats("x", T, 3)
    both, _ = tf1.nn.bidirectional_dynamic_rnn(lstm(), lstm(), x * 0.5, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(tf1.concat(both, -1), 2, name="logits"))


@program("classifier over time", "unrolled (static_rnn), the mean of all steps")
def unrolled_mean():
    x, array = floats("x", T, 3)
    steps, _ = tf1.nn.static_rnn(lstm(), tf1.unstack(x, axis=1), dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(tf1.add_n(steps) / T, 2, name="logits"))


@program("classifier over time", "the mean of the steps before the end of a row")
def masked_mean():
    fed = [floats("x", T, 3), lengths()]
    (x, _), (count, _) = fed
    steps, _ = tf1.nn.dynamic_rnn(lstm(), x, sequence_length=count, dtype=tf1.float32)
    mask = tf1.expand_dims(tf1.sequence_mask(count, tf1.shape(x)[1], tf1.float32), -1)
    mean = tf1.reduce_sum(steps * mask, 1) / tf1.cast(count, tf1.float32)[:, None]
    return dict(fed), squares(tf1.layers.dense(mean, 2, name="logits"))


@program("classifier over time", "the mean of the steps that a fed mask keeps: of none, no number")
def fed_mask():
    x, array = floats("x", T, 3)
    mask = tf1.placeholder(tf1.bool, [None, T], name="mask")
    kept = tf1.cast(mask, tf1.float32)
    steps, _ = tf1.nn.dynamic_rnn(lstm(), x, dtype=tf1.float32)
    summed = tf1.reduce_sum(steps * kept[:, :, None], 1)
    made = tf1.layers.dense(summed / tf1.reduce_sum(kept, 1, keepdims=True), 2, name="logits")
    return {x: array, mask: np.arange(T) < np.array([[T], [1], [4]])}, squares(made)
