"""Ports that are wrong only where variables of zeros or ones hide it, as before any training."""

from types import SimpleNamespace

import keras
import pytest

from tests.tf1port import ported
from tests.tf1port.ported import CROSS_ENTROPY, GRAPH, INPUTS, LAYERS, C, F, T, U, adam

# isort: split
import tensorflow.compat.v1 as tf1

H = 6
HIDDEN = 'hidden = "hidden"\n'
NO_BIAS = LAYERS.replace('"scores"\n', '{ kernel = "scores/kernel" }\n')


def program(*, residual=False, gain=False, initial=False, trained=True):
    """A function that builds a graph with a hidden layer, and what a port may lack."""

    def build(_):
        ends = SimpleNamespace(extra={})
        ends.x = x = tf1.placeholder(tf1.float32, [None, T, F], name="x")
        ends.y = tf1.placeholder(tf1.int64, [None], name="y")
        cell, state = tf1.nn.rnn_cell.BasicLSTMCell(U), None
        if initial:
            zeros = [
                tf1.get_variable(name, [1, U], initializer=tf1.zeros_initializer) for name in "ch"
            ]
            tiled = [tf1.tile(value, [tf1.shape(x)[0], 1]) for value in zeros]
            state = tf1.nn.rnn_cell.LSTMStateTuple(*tiled)
        last = tf1.nn.dynamic_rnn(cell, x, initial_state=state, dtype=tf1.float32)[0][:, -1]
        options = {"trainable": trained}
        if residual:
            last += tf1.get_variable(
                "scale", [], initializer=tf1.zeros_initializer, **options
            ) * tf1.sin(last)
        if gain:
            last *= tf1.get_variable("gain", [U], initializer=tf1.ones_initializer, **options)
        hidden = tf1.layers.dense(last, H, tf1.nn.relu, name="hidden")
        logits = tf1.layers.dense(hidden, C, name="scores")
        losses = tf1.nn.sparse_softmax_cross_entropy_with_logits(labels=ends.y, logits=logits)
        ends.loss = tf1.reduce_mean(losses)
        ends.train = tf1.train.AdamOptimizer(0.01).minimize(ends.loss)
        return ends

    return build


def port(*, bias=True, late=False):
    """The right port of the plain program; without a bias of the scores, or with a late one."""
    layers = keras.layers
    inputs = keras.Input((T, F), name="x")
    x = layers.LSTM(U, name="lstm")(inputs)
    x = Late(name="hidden")(x) if late else layers.Dense(H, "relu", name="hidden")(x)
    made = keras.Model(inputs, layers.Dense(C, use_bias=bias, name="scores")(x))
    made.compile(adam(), CROSS_ENTROPY)
    return made


@keras.saving.register_keras_serializable("tests")
class Late(keras.layers.Layer):
    """A dense layer whose bias is added after its activation."""

    def build(self, shape):
        self.kernel = self.add_weight((shape[-1], H), name="kernel")
        self.bias = self.add_weight((H,), initializer="zeros", name="bias")

    def call(self, inputs):
        return keras.ops.relu(inputs @ self.kernel) + self.bias


TEXT = LAYERS + HIDDEN + INPUTS + GRAPH
WRONG = {
    "a residual branch whose scale is 0": (program(residual=True), port, TEXT),
    "a gain of ones": (program(gain=True), port, TEXT),
    "learned initial states of zeros": (program(initial=True), port, TEXT),
    "no bias of the scores": (
        program(),
        lambda: port(bias=False),
        NO_BIAS + HIDDEN + INPUTS + GRAPH,
    ),
    "a bias after its activation": (program(), lambda: port(late=True), TEXT),
}


def proved(folder, build, made, text, only):
    prefix = ported.save(folder, make=build, steps=0)
    return ported.prove(folder, prefix, made(), text=text, only=only)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", WRONG)
def test_zeros_hide_nothing(name, tmp_path):
    """In float32, whose bounds are the wider ones."""
    found = proved(tmp_path, *WRONG[name], only=("variables", "outputs", "float32"))
    assert found["outcome"] == "different"
    assert "variables drawn anew" in found["breaks"]["quantity"]
    first = next(entry for entry in found["checks"] if entry.get("quantity") == "logits")
    assert first["passed"] or "no bias" in name


@pytest.mark.slow
def test_a_residual_branch_whose_scale_is_0_is_found(tmp_path):
    found = proved(
        tmp_path, *WRONG["a residual branch whose scale is 0"], only=("outputs", "float64")
    )
    assert found["breaks"]["quantity"].endswith(", variables drawn anew")


def test_the_right_port_passes(tmp_path):
    only = ("variables", "outputs", "loss", "gradients")
    found = proved(tmp_path, program(), port, TEXT, only)
    assert found["outcome"] == "equal", found["verdict"]
    names = [entry["quantity"] for entry in found["checks"] if entry["applies"]]
    for name in ("outputs", "logits", "loss", "gradients"):
        assert names.count(f"{name}, variables drawn anew") == 2


@pytest.mark.slow
@pytest.mark.parametrize("options", [{"residual": True}, {"gain": True}])
def test_what_nothing_trains_and_hides_is_named(options, tmp_path):
    found = proved(tmp_path, program(**options, trained=False), port, TEXT, ("outputs",))
    assert found["outcome"] == "not proved"
    assert (
        f"{'scale' if 'residual' in options else 'gain'} of zeros or ones alone" in found["verdict"]
    )
