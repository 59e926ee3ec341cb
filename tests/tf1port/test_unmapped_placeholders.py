"""Placeholders that the map does not name are fed other values than their neutral default."""

from types import SimpleNamespace

import numpy as np
import pytest

from tests.tf1port import ported
from tests.tf1port.ported import GRAPH, INPUTS, LAYERS, C, F, Program, T, U, model
from tf1port.comparison.sides import varying

# isort: split
import tensorflow.compat.v1 as tf1

TEXT = LAYERS + INPUTS + GRAPH


def program(*more):
    """A function that builds a graph with placeholders whose defaults change nothing."""

    def build(_):
        ends = SimpleNamespace(extra={})
        ends.x = x = tf1.placeholder(tf1.float32, [None, T, F], name="x")
        ends.y = tf1.placeholder(tf1.int64, [None], name="y")
        cell, state = tf1.nn.rnn_cell.BasicLSTMCell(U), None
        if "state" in more:
            zeros = cell.zero_state(tf1.shape(x)[0], tf1.float32)
            given = [
                tf1.placeholder_with_default(v, [None, U], n)
                for v, n in zip(zeros, "ch", strict=True)
            ]
            state = tf1.nn.rnn_cell.LSTMStateTuple(*given)
        last = tf1.nn.dynamic_rnn(cell, x, initial_state=state, dtype=tf1.float32)[0][:, -1]
        if "switch" in more:
            on = tf1.placeholder_with_default(False, [], "doubled")
            last = tf1.where(tf1.fill(tf1.shape(last)[:1], on), 2 * last, last)
        if "dropout" in more:
            on = tf1.placeholder_with_default(False, [], "training")
            last = tf1.layers.dropout(last, 0.1, training=on)
        logits = tf1.layers.dense(last, C, name="scores")
        if "rate" in more:
            logits = logits / tf1.placeholder_with_default(1.0, [], "temperature")
        if "kind" in more:
            kind = tf1.placeholder_with_default(np.int32(0), [], "kind")
            rows = np.float32([[0] * C, [1] * C, range(C)])
            logits += tf1.gather(tf1.constant(rows), kind)
        if "text" in more:
            text = tf1.placeholder_with_default("", [], "text")
            logits += tf1.cast(tf1.strings.length(text), tf1.float32)
        logits = tf1.identity(logits, "logits")
        losses = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=ends.y, logits=logits)
        if "weight" in more:
            losses *= tf1.placeholder_with_default(1.0, [], "weight")
        ends.loss = tf1.reduce_mean(losses, name="loss")
        ends.train = tf1.train.AdamOptimizer(0.01).minimize(ends.loss)
        return ends

    return build


def proved(folder, *more, text="", only=("variables", "outputs", "loss", "float32")):
    prefix = ported.save(folder, make=program(*more))
    text = TEXT + 'logits = "logits"\nloss = "loss"\n' + text
    return ported.prove(folder, prefix, model(Program()), text=text, only=only)


WRONG = {
    "rate": ("outputs", "temperature"),
    "switch": ("outputs", "doubled"),
    "state": ("outputs", "c"),
    "kind": ("outputs", "kind"),
    "weight": ("loss", "weight"),
}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("kind", WRONG)
def test_a_port_that_ignores_a_placeholder_fails(kind, tmp_path):
    found = proved(tmp_path, kind)
    quantity, name = WRONG[kind]
    assert found["outcome"] == "different"
    assert found["breaks"]["quantity"] == f"{quantity}, placeholders varied"
    assert found["breaks"]["place"].startswith(f"{name} = ")
    cause = f"{name} has no input of the model: name it in [inputs], or its one value in [feed]"
    assert cause in found["verdict"]


def test_what_is_fed_one_value_by_the_map_is_named(tmp_path):
    found = proved(tmp_path, "rate", text="[feed]\ntemperature = 1.0\n")
    assert found["outcome"] == "equal"
    assert "placeholders (temperature: [feed] has one value for it)" in found["verdict"]


@pytest.mark.slow
def test_what_cannot_be_varied_is_not_compared(tmp_path):
    found = proved(tmp_path, "text")
    assert found["outcome"] == "not proved"
    assert "the graph takes no other value of text: name it in [inputs]" in found["verdict"]


@pytest.mark.slow
def test_a_switch_of_dropout_alone_is_left_as_it_is(tmp_path):
    found = proved(tmp_path, "dropout", only=("outputs", "float32"))
    assert found["outcome"] == "equal"
    assert not any("varied" in entry.get("quantity", "") for entry in found["checks"])


@pytest.mark.parametrize("default", [True, 0.5, np.int32(0), np.zeros((2, 3), "float32")])
def test_other_values_have_the_shape_and_dtype_of_the_default(default):
    default = np.asarray(default)
    found = varying.values(default, steps=4, seed=0)
    assert found
    for value in found:
        assert (value.shape, value.dtype) == (default.shape, default.dtype)
        assert not np.array_equal(value, default)
    assert not varying.values(np.asarray("a"), steps=4, seed=0)
