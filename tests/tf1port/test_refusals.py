"""Graphs that are no stack of layers: not read as one, translated op by op, or refused by name."""

import json
import os

import numpy as np
import pytest

from tests.tf1port.graphs import UNOPTIMIZED, first_control_flow
from tf1port.__main__ import main
from tf1port.conversion.plan import read
from tf1port.errors import UserError
from tf1port.tf1.graph.index import Graph

# isort: split
import tensorflow.compat.v1 as tf1

U, T, F = 4, 6, 3


def cell():
    return tf1.nn.rnn_cell.LSTMCell(U)


def inputs(name="x", width=F):
    return tf1.placeholder(tf1.float32, [None, T, width], name=name)


def unroll(x, scope, **options):
    if "initial_state" not in options:
        options["dtype"] = tf1.float32
    return tf1.nn.dynamic_rnn(cell(), x, scope=scope, **options)


def rows(x):
    return tf1.shape(x)[0]


def state_of(c, h):
    return tf1.nn.rnn_cell.LSTMStateTuple(c, h)


def learned_state():
    x = inputs()
    variables = [tf1.get_variable(name, [1, U]) for name in ("c0", "h0")]
    initial = state_of(*(tf1.tile(variable, [rows(x), 1]) for variable in variables))
    return unroll(x, "rnn", initial_state=initial)[0][:, -1]


def state_of_features():
    features = tf1.placeholder(tf1.float32, [None, 5], name="features")
    initial = state_of(*(tf1.layers.dense(features, U, name=name) for name in ("c", "h")))
    return unroll(inputs(), "rnn", initial_state=initial)[0][:, -1]


def fed_state():
    states = [tf1.placeholder(tf1.float32, [None, U], name=name) for name in ("c", "h")]
    return unroll(inputs(), "rnn", initial_state=state_of(*states))[0][:, -1]


def ones_for_a_state():
    x = inputs()
    ones = tf1.ones([rows(x), U])
    return unroll(x, "rnn", initial_state=state_of(ones, ones))[0][:, -1]


def encoder_of_what_is_reversed():
    _, state = unroll(tf1.reverse(inputs("question"), [1]), "encoder")
    return unroll(inputs("answer"), "decoder", initial_state=state)[0][:, -1]


def encoder_below_its_decoder():
    steps, state = unroll(inputs(), "encoder")
    return unroll(steps, "decoder", initial_state=state)[0][:, -1]


def unrolled_encoder():
    with tf1.variable_scope("encoder"):
        _, state = tf1.nn.static_rnn(cell(), tf1.unstack(inputs(), axis=1), dtype=tf1.float32)
    with tf1.variable_scope("decoder"):
        steps = tf1.unstack(inputs("y"), axis=1)
        return tf1.nn.static_rnn(cell(), steps, initial_state=state)[0][-1]


def one_cell_in_two_layers():
    shared = tf1.nn.rnn_cell.GRUCell(F)
    stack = tf1.nn.rnn_cell.MultiRNNCell([shared] * 2)
    return tf1.nn.dynamic_rnn(stack, inputs(), dtype=tf1.float32)[0][:, -1]


def one_cell_over_two_inputs():
    shared = cell()
    ends = []
    for name in ("left", "right"):
        with tf1.variable_scope("tower", reuse=tf1.AUTO_REUSE):
            ends.append(tf1.nn.dynamic_rnn(shared, inputs(name), dtype=tf1.float32)[1].h)
    return tf1.abs(ends[0] - ends[1])


def states_for_a_sequence():
    x = tf1.placeholder(tf1.float32, [None, 2, T, F], name="documents")
    _, state = unroll(tf1.reshape(x, [-1, T, F]), "words")
    return unroll(tf1.reshape(state.h, [-1, 2, U]), "sentences")[0][:, -1]


def every_second_step():
    return unroll(unroll(inputs(), "lower")[0][:, ::2], "upper")[0][:, -1]


def the_inputs_beside_the_steps():
    x = inputs()
    return unroll(tf1.concat([unroll(x, "lower")[0], x], -1), "upper")[0][:, -1]


def the_last_step_repeated():
    last = unroll(inputs(), "lower")[0][:, -1:]
    return unroll(tf1.tile(last, [1, T, 1]), "upper")[0][:, -1]


def two_sequences():
    left, _ = unroll(inputs("left"), "left")
    right, _ = unroll(tf1.reverse(inputs("right"), [1]), "right")
    return tf1.concat([left[:, -1], right[:, -1]], -1)


def attention():
    x = inputs()
    wide = tf1.get_variable("wide", [F + U, F])

    def body(t, h, c, before):
        cell_input = tf1.matmul(tf1.concat([x[:, t], before], -1), wide)
        output, state = cell()(cell_input, state_of(c, h))
        return t + 1, state.h, state.c, output

    zeros = [tf1.zeros([rows(x), U]) for _ in range(3)]
    with tf1.variable_scope("rnn"):
        return tf1.while_loop(lambda t, *_: t < T, body, [0, *zeros])[1]


REFUSED = {
    learned_state: "the initial state of rnn/lstm_cell is not zero",
    state_of_features: "the initial state of rnn/lstm_cell is not zero",
    fed_state: "the initial state of rnn/lstm_cell is not zero, it is h:0",
    ones_for_a_state: "the initial state of rnn/lstm_cell is not zero",
    encoder_of_what_is_reversed: "is not zero, it is the final state of encoder/lstm_cell",
    encoder_below_its_decoder: "is not zero, it is the final state of encoder/lstm_cell",
    unrolled_encoder: "are no plain stack",
    one_cell_in_two_layers: "is run 2 times for one result",
    one_cell_over_two_inputs: "is run 2 times for one result",
    states_for_a_sequence: "takes the final state of words/lstm_cell as its sequence",
    every_second_step: "which is not the steps of the layer below alone",
    the_inputs_beside_the_steps: "takes x:0 (Placeholder), which is not the steps of",
    the_last_step_repeated: "are no plain stack",
    two_sequences: "take different sequences, one of them reversed",
    attention: "takes at each step what its own loop made in the one before",
}


def saved(folder, build, *, head=True):
    """The prefix of a checkpoint of a graph with a dense layer over what `build` gives."""
    with first_control_flow(), tf1.Graph().as_default():
        tf1.set_random_seed(2)
        outputs = build()
        if head:
            outputs = tf1.layers.dense(outputs, 2, name="logits")
        tf1.reduce_mean(tf1.square(outputs - 1), name="loss")
        with tf1.Session(config=UNOPTIMIZED) as session:
            session.run(tf1.global_variables_initializer())
            return tf1.train.Saver().save(session, str(folder / "model.ckpt"))


def refused(prefix, capsys):
    """What convert says of a graph that it refuses, which is one line, and no file."""
    target = f"{prefix}.keras"
    capsys.readouterr()
    assert main(["convert", prefix, "--to", target]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert not os.path.exists(target)
    return error


@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_what_is_no_plain_stack_is_not_read_as_one_but_translated(tmp_path, build):
    prefix, target = saved(tmp_path, build), str(tmp_path / "model.keras")
    with pytest.raises(UserError) as fault:
        read(prefix)
    assert REFUSED[build] in str(fault.value)
    assert "\n" not in str(fault.value)
    assert main(["convert", prefix, "--to", target]) == 0
    assert json.loads((tmp_path / "model.json").read_text())["complete"]


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", REFUSED, ids=lambda build: build.__name__)
def test_what_is_translated_is_proved(tmp_path, build):
    prefix, target = saved(tmp_path, build), str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0
    assert main(["verify", prefix, target]) == 0


def ends_early():
    """A loop whose end its values alone decide about: one step more while the state is small."""
    x = inputs()

    def body(h):
        return cell()(x[:, 0], state_of(h, h))[1].h

    with tf1.variable_scope("rnn"):
        going = lambda h: tf1.reduce_max(h) < 0.9  # noqa: E731
        return tf1.while_loop(going, body, [tf1.zeros([rows(x), U])])


def no_counterpart():
    return tf1.self_adjoint_eig(tf1.matmul(*[attention()] * 2, transpose_a=True))[1]


def text():
    words = tf1.placeholder(tf1.string, [None, T], name="words")
    hashed = tf1.strings.to_hash_bucket_fast(words, 7)
    table = tf1.get_variable("table", [7, F])
    x = tf1.nn.embedding_lookup(table, hashed)
    return unroll(unroll(x, "lower")[0][:, ::2], "upper")[0][:, -1]


NOT_TRANSLATED = {
    ends_early: "the loop rnn/while ends when",
    no_counterpart: "(SelfAdjointEigV2) has no counterpart in Keras",
    text: "the input words:0 is text",
}


@pytest.mark.parametrize("build", NOT_TRANSLATED, ids=lambda build: build.__name__)
def test_what_is_not_translated_either_is_refused_by_name(tmp_path, capsys, build):
    error = refused(saved(tmp_path, build), capsys)
    first, _, second = error.partition("; nor is it translated op by op: ")
    assert first.startswith("error: ")
    assert NOT_TRANSLATED[build] in second


def test_one_cell_in_graphs_of_their_own_is_taken_once(tmp_path, capsys):
    """As language models have it: one graph to train, one to test, which share their variables."""

    def both():
        for name in ("train", "test"):
            with tf1.variable_scope("model", reuse=tf1.AUTO_REUSE):
                outputs = unroll(inputs(name), "rnn")[0][:, -1]
                logits = tf1.layers.dense(outputs, 2, name="logits")
            tf1.reduce_mean(tf1.square(logits - 1))
        return logits

    prefix, target = saved(tmp_path, both, head=False), str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0
    assert main(["verify", prefix, target]) == 0


ZEROS = {
    "fill": lambda x: cell().zero_state(rows(x), tf1.float32),
    "constant": lambda x: state_of(*np.zeros([2, 3, U], "float32")),
    "alike": lambda x: state_of(*[tf1.zeros_like(tf1.tile(x[:, 0, :1], [1, U]))] * 2),
    "tiled": lambda x: state_of(*[tf1.tile(tf1.zeros([1, U]), [rows(x), 1])] * 2),
    "split": lambda x: state_of(*tf1.split(tf1.zeros([rows(x), 2 * U]), 2, axis=1)),
}


@pytest.mark.parametrize("kind", ZEROS)
def test_zeros_are_zeros_however_they_are_made(tmp_path, kind):
    def build():
        x = inputs()
        return unroll(x, "rnn", initial_state=ZEROS[kind](x))[0][:, -1]

    prefix, target = saved(tmp_path, build), str(tmp_path / "model.keras")
    assert main(["convert", prefix, "--to", target]) == 0


def test_unrolled_steps_with_lengths_are_not_searched_again_for_each_other(tmp_path, monkeypatch):
    asked = []
    inputs_of = Graph.inputs
    monkeypatch.setattr(
        Graph, "inputs", lambda graph, node: asked.append(1) or inputs_of(graph, node)
    )

    def count(steps):
        def build():
            x = tf1.placeholder(tf1.float32, [None, steps, F])
            lengths = tf1.placeholder(tf1.int32, [None])
            steps_of_x = tf1.unstack(x, axis=1)
            options = {"dtype": tf1.float32, "sequence_length": lengths}
            return tf1.nn.static_rnn(cell(), steps_of_x, **options)[1].h

        folder = tmp_path / str(steps)
        folder.mkdir()
        prefix = saved(folder, build)
        asked.clear()
        read(prefix)
        return len(asked)

    assert count(32) < 25 * count(8)  # 64 times where each step looks at all pairs of the others
