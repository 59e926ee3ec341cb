"""Runs in both directions become one Bidirectional layer, if nothing else takes one of them."""

import numpy as np
import pytest

from tests.tf1port.programs.program import (
    BOUND,
    converted,
    gap,
    loaded,
    map_of,
    running,
    source_of,
    verified,
)
from tests.tf1port.programs.sequences import T, U, floats, ids, lengths, lstm
from tests.tf1port.programs.stacks import squares

# isort: split
import tensorflow.compat.v1 as tf1

gru = tf1.nn.rnn_cell.GRUCell


def both(cells, x, count=None, **options):
    return tf1.nn.bidirectional_dynamic_rnn(
        *cells, x, sequence_length=count, dtype=tf1.float32, **options
    )


def final_states():
    """A classifier of both final states, with lengths."""
    fed = [floats("x", T, 3), lengths()]
    (x, _), (count, _) = fed
    _, states = both([gru(U), gru(U)], x, count, scope="reader")
    return dict(fed), squares(tf1.layers.dense(tf1.concat(states, 1) * 2.0, 2, name="logits"))


def states_of_an_encoder():
    """Both sequences, and a decoder that starts from both final states."""
    fed = [floats("x", T, 3), floats("answer", T, 3, seed=1)]
    (x, _), (answer, _) = fed
    outputs, (forward, backward) = both([lstm(), lstm()], x * 0.5, scope="encoder")
    start = tf1.nn.rnn_cell.LSTMStateTuple(
        tf1.concat([forward.c, backward.c], 1), tf1.concat([forward.h, backward.h], 1)
    )
    steps, _ = tf1.nn.dynamic_rnn(lstm(2 * U), answer, initial_state=start, scope="decoder")
    memory = tf1.reduce_mean(tf1.concat(outputs, 2), 1)
    return dict(fed), squares(tf1.layers.dense(tf1.concat([steps[:, -1], memory], 1), 2))


def two_levels():
    """One pair of cells over the outputs of another, with lengths."""
    fed = [floats("x", T, 3), lengths()]
    (x, _), (count, _) = fed
    for level in range(2):
        outputs, _ = both([gru(U), gru(U)], x * 0.5, count, scope=f"level_{level}")
        x = tf1.concat(outputs, -1)
    return dict(fed), squares(tf1.layers.dense(x, 2, name="logits"))


def one_taken_alone():
    """The outputs of one direction are also used without those of the other."""
    x, array = floats("x", T, 3)
    (forward, backward), _ = both([gru(U), gru(U)], x * 0.5)
    steps = tf1.concat([tf1.concat([forward, backward], -1), forward], -1)
    return {x: array}, squares(tf1.layers.dense(steps, 2, name="logits"))


def different_sizes():
    """A direction of its own size each: two layers."""
    x, array = floats("x", T, 3)
    outputs, _ = both([gru(U), gru(U + 1)], x * 0.5)
    return {x: array}, squares(tf1.layers.dense(tf1.concat(outputs, -1), 2, name="logits"))


def other_way_round():
    """The backward states come first."""
    x, array = floats("x", T, 3)
    _, (forward, backward) = both([gru(U), gru(U)], x * 0.5)
    return {x: array}, squares(tf1.layers.dense(tf1.concat([backward, forward], -1), 2))


def another_sequence():
    """The backward run reads other words of the same table."""
    fed = [ids("words", T), ids("mirrored", T, 1)]
    table, outputs = tf1.get_variable("table", [9, 4]), []
    for (words, _), scope in zip(fed, ("forward", "backward"), strict=True):
        read = tf1.nn.embedding_lookup(table, words)
        read = tf1.reverse(read, [1]) if scope == "backward" else read
        steps, _ = tf1.nn.dynamic_rnn(gru(U), read, dtype=tf1.float32, scope=scope)
        outputs.append(tf1.reverse(steps, [1]) if scope == "backward" else steps)
    return dict(fed), squares(tf1.layers.dense(tf1.concat(outputs, -1), 2))


MERGED = {final_states: 1, states_of_an_encoder: 1, two_levels: 2}
APART = [one_taken_alone, other_way_round, another_sequence, different_sizes]
FAST = [one_taken_alone]
PARAMS = [
    pytest.param(build, marks=[] if build in FAST else pytest.mark.slow, id=build.__name__)
    for build in [*MERGED, *APART]
]


@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", PARAMS)
def test_two_directions_are_one_layer_where_they_can_be(build, tmp_path):
    with running(build, tmp_path, steps=1) as run:
        target = converted(run.prefix)
        assert map_of(target)["complete"], map_of(target)["left_out"]
        assert gap(run, target, loaded(target)) <= BOUND
    assert source_of(target).count("keras.layers.Bidirectional(") == MERGED.get(build, 0)
    assert ("go_backwards" in source_of(target)) == (build in APART)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("build", MERGED, ids=lambda build: build.__name__)
def test_verify_proves_both_directions(build, tmp_path, capsys):
    with running(build, tmp_path) as run:
        target = converted(run.prefix)
        code, report = verified(run.prefix, target, capsys, "--steps", "3")
    assert code == 0, report["verdict"]


@pytest.mark.slow
def test_a_swapped_direction_does_not_pass(tmp_path, capsys):
    with running(final_states, tmp_path, steps=1) as run:
        target = converted(run.prefix)
        model = loaded(target)
        layer = next(layer for layer in model.layers if "reader" in layer.name)
        half = len(layer.get_weights()) // 2
        arrays = layer.get_weights()
        layer.set_weights([*arrays[half:], *arrays[:half]])
        assert not np.array_equal(layer.get_weights()[0], arrays[0])
        model.save(target)
        code, _ = verified(run.prefix, target, capsys)
    assert code == 1
