"""Programs that were once translated wrongly, or not at all: each is what one fault needs."""

import os

import numpy as np
import pytest

from tests.tf1port.programs.program import BOUND, converted, gap, loaded, map_of, running, verified
from tests.tf1port.programs.sequences import B, T, U, V, floats, ids, lengths
from tests.tf1port.programs.stacks import squares
from tf1port.__main__ import main

# isort: split
import tensorflow.compat.v1 as tf1


class ByValue(tf1.nn.rnn_cell.RNNCell):
    """A GRU cell whose states depend on what a batch holds, in a way that random numbers miss."""

    state_size = output_size = U

    def __init__(self, kind):
        super().__init__()
        self.kind, self.cell = kind, tf1.nn.rnn_cell.GRUCell(U)

    def call(self, x, state):
        if self.kind == "reset":
            started = tf1.where(x[:, 0] > 50.0, tf1.zeros_like(state), state)
            return self.cell(x, started)
        _, new = self.cell(x, state)
        if self.kind == "chosen":
            other = lambda: tf1.identity(state)  # noqa: E731
            return (tf1.cond(tf1.reduce_max(x) > 50.0, other, lambda: tf1.identity(new)),) * 2
        if self.kind == "decayed":
            return new, new * tf1.cast(x[:, :1] < 50.0, tf1.float32)
        kept = tf1.reduce_any(tf1.not_equal(x, 0.0), 1)
        return (tf1.where(kept, new, state),) * 2


@pytest.mark.parametrize("kind", ["kept", "reset", "decayed", "chosen"])
def test_what_a_state_depends_on_by_value_is_in_the_model(kind, tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        array[:, 1:3] = 0.0 if kind == "kept" else 60.0
        _, state = tf1.nn.dynamic_rnn(ByValue(kind), x, dtype=tf1.float32)
        return {x: array}, squares(tf1.layers.dense(state, 2, name="logits"))

    flags = []
    if kind == "chosen":  # a branch that only such a batch takes
        stream = np.random.RandomState(0)
        array = stream.normal(size=(B, T, 3)).astype("float32")
        array[:, 1:3] = 60.0
        np.savez(tmp_path / "batch.npz", x=array)
        flags = ["--data", str(tmp_path / "batch.npz")]
    _proved(build, tmp_path, capsys, *flags)


def test_states_of_steps_in_python_that_a_value_keeps(tmp_path, capsys):
    def build():
        x, array = floats("x", 3, 3)
        array[:, 1] = 60.0
        cell, state = tf1.nn.rnn_cell.GRUCell(U), tf1.zeros([tf1.shape(x)[0], U])
        for step in range(3):
            _, new = cell(x[:, step], state)
            state = tf1.where(x[:, step, 0] >= 50.0, state, new)
        return {x: array}, squares(tf1.layers.dense(state, 2, name="logits"))

    _proved(build, tmp_path, capsys)


def test_decimals_are_the_same_numbers_in_float64(tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        width = tf1.sqrt(tf1.cast(tf1.shape(x)[2], tf1.float32))  # a number that is computed
        by_step = tf1.transpose(x, [1, 0, 2])
        kept = tf1.scan(lambda before, new: 0.9 * before + 0.1 * new, by_step, x[:, 0])
        return {x: array}, squares(tf1.layers.dense(kept[-1], 2, name="logits") * 0.3 / width)

    _proved(build, tmp_path, capsys)


def test_ops_wait_for_all_layers_that_they_take(tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        rows, steps = tf1.shape(x)[0], tf1.shape(x)[1]
        sides = [tf1.layers.dense(x, 4, name=name) for name in ("queries", "keys", "values")]
        split = [
            tf1.transpose(tf1.reshape(one, [rows, steps, 2, 2]), [0, 2, 1, 3]) for one in sides
        ]
        weights = tf1.nn.softmax(tf1.matmul(split[0], split[1], transpose_b=True))
        joined = tf1.transpose(tf1.matmul(weights, split[2]), [0, 2, 1, 3])
        mixed = tf1.reduce_mean(tf1.reshape(joined, [rows, steps, 4]), 1)
        return {x: array}, squares(tf1.layers.dense(mixed, 2, name="logits"))

    _proved(build, tmp_path, capsys)


def test_lengths_of_a_sequence_of_a_known_size(tmp_path, capsys):
    def build():
        fed = [floats("x", T, 3), lengths()]
        (x, _), (count, _) = fed
        below = tf1.layers.dense(x, 4, name="below", activation=tf1.nn.elu)
        cell = tf1.nn.rnn_cell.GRUCell(U)
        _, state = tf1.nn.dynamic_rnn(cell, below, count, dtype=tf1.float32)
        state += tf1.reduce_mean(below)
        return dict(fed), squares(tf1.layers.dense(state, 2, name="logits"))

    _proved(build, tmp_path, capsys)


def test_a_single_number_is_an_input(tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        temperature = tf1.placeholder(tf1.float32, [], name="temperature")
        logits = tf1.layers.dense(tf1.reduce_max(x, 1), 2, name="logits") / temperature
        return {x: array, temperature: np.float32(2.5)}, squares(logits)

    _proved(build, tmp_path, capsys)


def _proved(build, folder, capsys, *flags):
    """The model is whole, computes what the session does, and is proved to."""
    with running(build, folder) as run:
        target = converted(run.prefix)
        assert map_of(target)["complete"], map_of(target)["left_out"]
        assert gap(run, target, loaded(target)) <= BOUND
        code, report = verified(run.prefix, target, capsys, *flags)
    assert code == 0, report["verdict"]


def test_a_choice_by_what_is_fed_is_no_matter_of_training(tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
        noisy = lambda: state * 2.0 + 0.0 * tf1.random_uniform(tf1.shape(state))  # noqa: E731
        chosen = tf1.cond(tf1.reduce_mean(x) > -5.0, noisy, lambda: state)
        return {x: array}, squares(tf1.layers.dense(chosen, 2, name="logits"))

    with running(build, tmp_path) as run:
        target = os.path.join(tmp_path, "model.keras")
        code = main(["convert", run.prefix, "--to", target])
        capsys.readouterr()
        assert code == 2 or not map_of(target)["complete"]
        assert code == 2 or verified(run.prefix, target, capsys, "--steps", "2")[0] == 3


def test_gradients_that_stop_stop_in_the_model(tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        steps, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
        both = tf1.concat([tf1.stop_gradient(steps[:, 0]), state], 1)
        return {x: array}, squares(tf1.layers.dense(both, 2, name="logits"))

    _proved(build, tmp_path, capsys, "--steps", "2")


def test_a_gradient_of_its_own_is_named_and_not_compared(tmp_path, capsys):
    @tf1.custom_gradient
    def reversed_(value):
        return tf1.identity(value), lambda gradient: -0.3 * gradient

    def build():
        x, array = floats("x", T, 3)
        _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
        logits = tf1.layers.dense(reversed_(state), 2, name="logits")
        return {x: array}, squares(logits)

    with running(build, tmp_path) as run:
        target = converted(run.prefix)
        assert not map_of(target)["complete"]
        assert verified(run.prefix, target, capsys, "--steps", "2")[0] == 3


def test_a_table_that_is_multiplied_as_well_has_one_gradient(tmp_path, capsys):
    def build():
        numbers, array = ids("ids", T)
        table = tf1.get_variable("table", [V, U], use_resource=False)
        taken = tf1.nn.embedding_lookup(table, numbers)
        _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), taken, dtype=tf1.float32)
        scores = tf1.matmul(state, table, transpose_b=True)
        return {numbers: array}, squares(tf1.layers.dense(scores, 2, name="logits"))

    _proved(build, tmp_path, capsys, "--steps", "2")


@pytest.mark.slow
def test_a_loss_is_no_whole_program(tmp_path):
    """Where nothing but the loss comes out, what it is computed from is said to be left out."""

    def build():
        x, array = floats("x", T, 3)
        lower, _ = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32, scope="a")
        scaled = lower * 0.5
        _, state = tf1.nn.dynamic_rnn(
            tf1.nn.rnn_cell.GRUCell(U), scaled, dtype=tf1.float32, scope="b"
        )
        chances = tf1.nn.softmax(tf1.layers.dense(state, V, name="logits"))
        return {x: array}, -tf1.reduce_mean(tf1.log(chances[:, 0]))

    with running(build, tmp_path) as run:
        model_map = map_of(converted(run.prefix))
    assert not model_map["complete"]
    (line,) = model_map["left_out"]
    assert line == f"what the loss {run.loss.name} is computed from: name it with --outputs"


@pytest.mark.slow
def test_variables_in_parts(tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        halves, drawn = tf1.fixed_size_partitioner(2), tf1.random_normal_initializer(seed=1)
        with tf1.variable_scope("", initializer=drawn, partitioner=halves, use_resource=False):
            cell = tf1.nn.rnn_cell.GRUCell(U)
            steps, state = tf1.nn.dynamic_rnn(cell, x, dtype=tf1.float32)
        both = tf1.concat([steps[:, 0] * 2.0, state], 1)
        return {x: array}, squares(tf1.layers.dense(both, 2, name="logits"))

    _proved(build, tmp_path, capsys)


@pytest.mark.slow
def test_tf_print_prints_and_is_passed(tmp_path, capsys):
    def build():
        x, array = floats("x", T, 3)
        _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), x, dtype=tf1.float32)
        shown = tf1.Print(state, [tf1.reduce_mean(state)], "the mean: ", first_n=1)
        return {x: array}, squares(tf1.layers.dense(shown * state, 2, name="logits"))

    _proved(build, tmp_path, capsys, "--steps", "2")


@pytest.mark.slow
@pytest.mark.parametrize("behind", [False, True])
def test_a_loss_of_random_numbers_is_not_compared(behind, tmp_path, capsys):
    """Words that the graph itself drops, and noise behind the outputs."""

    def build():
        numbers, array = ids("ids", T)
        drawn = tf1.random_uniform(tf1.shape(numbers)) < 0.3
        words = numbers if behind else tf1.where(drawn, tf1.ones_like(numbers), numbers)
        taken = tf1.nn.embedding_lookup(tf1.get_variable("table", [V, U]), words)
        _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), taken, dtype=tf1.float32)
        logits = tf1.layers.dense(state, 2, name="logits")
        noise = tf1.random_normal(tf1.shape(logits)) if behind else 0.0
        return {numbers: array}, squares(logits + noise)

    with running(build, tmp_path) as run:
        code, report = verified(run.prefix, converted(run.prefix), capsys, "--steps", "2")
    assert code == 3
    assert "its loss differs from run to run" in report["verdict"]


@pytest.mark.slow
def test_text_is_said_to_be_what_is_not_compared(tmp_path, capsys):
    def build():
        words = tf1.placeholder(tf1.string, [None, T], name="words")
        table = tf1.get_variable("table", [V, 3], use_resource=False)
        taken = tf1.nn.embedding_lookup(table, tf1.strings.to_hash_bucket_fast(words, V))
        _, state = tf1.nn.dynamic_rnn(tf1.nn.rnn_cell.GRUCell(U), taken, dtype=tf1.float32)
        fed = {words: np.array([["a", "b", "c", "d", "e", "f"]] * 2)}
        return fed, squares(tf1.layers.dense(state, 2, name="logits"))

    with running(build, tmp_path) as run:
        code, report = verified(run.prefix, converted(run.prefix), capsys, "--steps", "2")
    assert code == 3
    assert "gradients and steps are not compared: its input words is text" in report["verdict"]
    assert (
        "the layers before the cells are not compared: its input words is text" in report["notes"]
    )
