"""What a graph computes beside its loss, through loops as well, is an output or is named."""

import numpy as np
import pytest

from tests.tf1port.programs import decoders
from tests.tf1port.programs.program import BOUND, converted, gap, loaded, map_of, running, verified
from tests.tf1port.programs.sequences import V
from tf1port.__main__ import main

# isort: split
import tensorflow.compat.v1 as tf1

pytestmark = pytest.mark.slow
T, F, U, END = 5, 3, 4, 4
RANDOM = np.random.RandomState(7)


def sequence():
    """A placeholder [B, T, F] and numbers for it."""
    return tf1.placeholder(tf1.float32, [None, T, F], name="x"), RANDOM.randn(3, T, F)


def mean_square(logits):
    return tf1.reduce_mean(tf1.square(logits - 1), name="loss")


class Attentive(tf1.nn.rnn_cell.RNNCell):
    """A cell that gives its output and what it attended to."""

    state_size, output_size = U, (U, F)

    def call(self, x, state):
        weights = tf1.nn.softmax(tf1.layers.dense(state, F, name="weights"))
        state = tf1.tanh(tf1.layers.dense(tf1.concat([x * weights, state], 1), U, name="new"))
        return (state, weights), state


def decoder():
    """A decoder that is trained, and the same one that says words, as in most of seq2seq."""
    x, numbers = sequence()
    words = tf1.placeholder(tf1.int32, [None, T], name="words")
    counts = tf1.placeholder(tf1.int32, [None], name="counts")
    table = tf1.get_variable("table", [V, F])
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    cell = tf1.nn.rnn_cell.GRUCell(U, activation=tf1.nn.relu)

    def decoded(helper, **options):
        with tf1.variable_scope("decoder", reuse=tf1.AUTO_REUSE):
            return decoders.dynamic_decode(cell, helper, state, **options)[0]

    teacher = decoders.Teacher(tf1.nn.embedding_lookup(table, words), counts)
    logits = decoded(teacher, impute_finished=True)
    said = decoders.Greedy(table, tf1.shape(x)[0], end=2)
    tf1.argmax(decoded(said, impute_finished=False, maximum_iterations=4), -1, name="said")
    steps = tf1.reduce_max(counts)
    losses = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=words[:, :steps], logits=logits)
    loss = tf1.reduce_sum(losses * tf1.sequence_mask(counts, steps, tf1.float32))
    feed = {x: numbers, words: RANDOM.randint(0, V, (3, T)), counts: np.array([4, 1, 3])}
    return feed, loss


def mapped():
    x, numbers = sequence()
    outputs, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.LSTMCell(U), x, dtype=tf1.float32)
    tf1.map_fn(lambda row: row / tf1.norm(row), outputs, name="unit")
    return {x: numbers}, mean_square(tf1.layers.dense(outputs[:, -1], 2, name="logits"))


def attended():
    x, numbers = sequence()
    (outputs, _), _ = tf1.nn.dynamic_rnn(Attentive(), x, dtype=tf1.float32)
    return {x: numbers}, mean_square(tf1.layers.dense(outputs[:, -1], 2, name="logits"))


def dropped_by_hand():
    """Dropout that is scaled outside of training, not in it."""
    x, numbers = sequence()
    flag = tf1.placeholder_with_default(False, [], name="training")
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    mask = lambda: tf1.floor(tf1.random_uniform(tf1.shape(state)) + 0.6)  # noqa: E731
    state = tf1.cond(flag, lambda: state * mask(), lambda: state * 0.6)
    outputs = tf1.concat([state, x[:, 0]], 1)
    return {x: numbers}, mean_square(tf1.layers.dense(outputs, 2, name="logits"))


def rows_by_hand():
    """Rows of a plain variable: several of a batch are the same one."""
    x, numbers = sequence()
    user = tf1.placeholder(tf1.int32, [None], name="user")
    bias = tf1.get_variable("bias_of_user", [5])
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
    scores = tf1.layers.dense(state, 1, name="score")[:, 0] * tf1.sigmoid(tf1.gather(bias, user))
    return {x: numbers, user: np.array([1, 1, 1])}, mean_square(scores)


# By program: the graph's tensors that the model gives beside what its loss takes.
FURTHER = {
    decoder: {"said:0"},
    mapped: {"unit/TensorArrayStack/TensorArrayGatherV3:0"},
    attended: {"rnn/transpose_2:0"},
    dropped_by_hand: set(),
    rows_by_hand: set(),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", FURTHER, ids=lambda build: build.__name__)
def test_what_is_computed_beside_the_loss_is_an_output(tmp_path, capsys, build):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
        model_map = map_of(target)
        assert model_map["complete"], model_map["left_out"]
        assert set(model_map["outputs"].values()) >= FURTHER[build]
        assert len(model_map["outputs"]) == 1 + len(FURTHER[build])
        assert gap(run, target, loaded(target)) <= BOUND
        code, report = verified(run.prefix, target, capsys, "--steps", "10")
    assert code == 0, report["verdict"]


def captions():
    """A layer of Keras' own, and a loop over the same cell: no model has both."""
    x, numbers = sequence()
    table = tf1.get_variable("table", [V, F])
    cell = tf1.nn.rnn_cell.LSTMCell(U)
    with tf1.variable_scope("lstm") as scope:
        outputs, state = tf1.nn.dynamic_rnn(cell, x, dtype=tf1.float32, scope=scope)
        scope.reuse_variables()
        said = tf1.TensorArray(tf1.float32, END)

        def body(time, said, c, h):
            word = tf1.nn.embedding_lookup(table, tf1.argmax(h, -1))
            output, (c, h) = cell(word, tf1.nn.rnn_cell.LSTMStateTuple(c, h))
            return time + 1, said.write(time, output), c, h

        _, said, *_ = tf1.while_loop(lambda t, *_: t < END, body, (0, said, *state))
    tf1.transpose(said.stack(), [1, 0, 2], name="captions")
    table_too = tf1.nn.embedding_lookup(table, tf1.argmax(outputs[:, -1], -1))
    both = tf1.concat([outputs[:, -1], table_too], 1)
    return {x: numbers}, mean_square(tf1.layers.dense(both, 2, name="logits"))


def test_what_a_loop_gives_is_named_where_it_is_left_out(tmp_path):
    with running(captions, tmp_path) as run:
        target = converted(run.prefix)
        assert not map_of(target)["complete"]
        assert gap(run, target, loaded(target)) <= BOUND
    assert "the op captions, which uses the outputs" in map_of(target)["left_out"]


def averaged():
    """A variable of one's own that follows the inputs, after each step of the optimizer."""
    x, numbers = sequence()
    mean = tf1.get_variable("mean", [F], trainable=False, use_resource=False)  # one read for all
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x - mean, dtype=tf1.float32)
    loss = mean_square(tf1.layers.dense(tf1.concat([state, x[:, 0]], 1), 2, name="logits"))
    with tf1.control_dependencies([tf1.train.AdamOptimizer(0.01).minimize(loss)]):
        mean.assign(0.5 * mean * tf1.reduce_max(x, [0, 1]))  # of no form that is known
    return {x: numbers}, None


def test_what_is_computed_after_an_update_is_no_output(tmp_path):
    with running(averaged, tmp_path) as run:
        target = converted(run.prefix)
        assert [*map_of(target)["outputs"].values()] == ["logits/BiasAdd:0"]
        assert gap(run, target, loaded(target)) <= BOUND


def test_dropout_that_a_translated_model_has_not_is_said(tmp_path, capsys):
    with running(dropped_by_hand, tmp_path) as run:
        capsys.readouterr()
        converted(run.prefix)
    assert "dropout is left out: cond/" in capsys.readouterr().out


def rate_fed():
    """A learning rate that is fed, beside a model that is translated."""
    x, numbers = sequence()
    rate = tf1.placeholder(tf1.float32, [], name="rate")
    _, (c, h) = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.LSTMCell(U), x, dtype=tf1.float32)
    loss = mean_square(tf1.layers.dense(tf1.concat([c, h], 1), 2, name="logits"))
    tf1.train.AdamOptimizer(rate).minimize(loss)
    return {x: numbers, rate: np.array(0.01)}, None


def test_a_fed_rate_has_a_shape(tmp_path, capsys):
    with running(rate_fed, tmp_path) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 3
    assert "has no shape" not in report["verdict"]
    assert "learning_rate is computed or fed in the graph" in report["verdict"]


def drawn_at_test():
    """A state that is drawn at random outside of training, as the latent of a generator."""
    x, numbers = sequence()
    flag = tf1.placeholder_with_default(True, [], name="is_training")
    _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32, scope="encoder")
    drawn = lambda: tf1.random_uniform(tf1.shape(state), -1.0, 1.0)  # noqa: E731
    state = tf1.cond(flag, lambda: state, drawn)
    cell = tf1.nn.rnn_cell.GRUCell(U)
    outputs, _ = tf1.nn.dynamic_rnn(cell, tf1.zeros_like(x), initial_state=state)
    return {x: numbers}, mean_square(tf1.layers.dense(outputs, 2, name="logits"))


def test_a_model_of_one_side_of_random_numbers_is_not_proved(tmp_path, capsys):
    with running(drawn_at_test, tmp_path) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys)
    side = "what the graph draws at random where is_training is false: it is that of "
    assert f"{side}is_training true" in map_of(target)["left_out"]
    assert code == 3
    assert "outputs where is_training is false, which draw random numbers" in report["verdict"]


def test_other_outputs_are_named_to_verify_by(tmp_path, capsys):
    with running(mapped, tmp_path) as run:
        target = str(tmp_path / "named.keras")
        assert main(["convert", run.prefix, "--to", target, "--outputs", "logits/BiasAdd"]) == 0
        capsys.readouterr()
        assert main(["verify", run.prefix, target]) == 2
        assert "give --outputs logits/BiasAdd:0 to verify as well" in capsys.readouterr().err
        assert main(["verify", run.prefix, target, "--outputs", "logits/BiasAdd:0"]) == 0
