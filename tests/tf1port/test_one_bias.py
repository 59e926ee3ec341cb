"""The gates of a CudnnCompatibleGRUCell have one bias, and train as one in Keras' GRU (D18)."""

import keras
import numpy as np
import pytest

from tests.tf1port.programs.program import map_of, running, source_of, verified
from tests.tf1port.programs.sequences import T, U, floats
from tests.tf1port.programs.stacks import squares
from tf1port.__main__ import main
from tf1port.cells.keras import OneBiasPerGate

# isort: split
import tensorflow.compat.v1 as tf1

WITH = "bias_constraint=OneBiasPerGate()"


class CudnnCompatibleGRUCell(tf1.nn.rnn_cell.RNNCell):
    """contrib's cell, which TensorFlow 2 does not have: the same variables and ops."""

    state_size = output_size = U

    def call(self, x, state):
        gates = self.product("gates", tf1.concat([x, state], 1), 2 * U)
        r, u = tf1.split(tf1.sigmoid(gates), 2, 1)
        with tf1.variable_scope("candidate"):
            of_state = self.product("hidden_projection", state, U)
            of_input = self.product("input_projection", x, U)
        new = (1 - u) * tf1.tanh(of_input + r * of_state) + u * state
        return new, new

    def product(self, scope, x, width):
        with tf1.variable_scope(scope):
            kernel = tf1.get_variable("kernel", [x.shape[-1], width])
            bias = tf1.get_variable("bias", [width])
            return tf1.nn.bias_add(tf1.matmul(x, kernel), bias)


def last_output():
    x, array = floats("x", T, 3)
    with tf1.variable_scope("net"):
        cell = CudnnCompatibleGRUCell(name="cudnn_compatible_gru_cell")
        steps, _ = tf1.nn.dynamic_rnn(cell, x, dtype=tf1.float32)
    return {x: array}, squares(tf1.layers.dense(steps[:, -1], 2, name="logits"))


class Training:
    """An optimizer that clips its gradients, or trains some variables alone."""

    def __init__(self, clipped=list, *, only="", optimizer=None):
        self.clipped, self.only = clipped, only
        self.optimizer = optimizer or tf1.train.AdamOptimizer(0.01)

    def minimize(self, loss, global_step):
        variables = [v for v in tf1.trainable_variables() if self.only in v.name]
        gradients = [g for g, _ in self.optimizer.compute_gradients(loss, variables)]
        pairs = zip(self.clipped(gradients), variables, strict=True)
        return self.optimizer.apply_gradients(pairs, global_step)


def converted(training, folder, *flags):
    with running(last_output, folder, optimizer=training) as run:
        target = str(folder / "model.keras")
        assert main(["convert", run.prefix, "--to", target, *flags]) == 0
        return run.prefix, target


ELEMENTWISE = {
    "Adam": Training,
    "Momentum": lambda: Training(optimizer=tf1.train.MomentumOptimizer(0.05, 0.9)),
    "RMSProp": lambda: Training(optimizer=tf1.train.RMSPropOptimizer(0.01)),
    "Adagrad": lambda: Training(optimizer=tf1.train.AdagradOptimizer(0.05)),
    "by value": lambda: Training(lambda of: [tf1.clip_by_value(g, -0.01, 0.01) for g in of]),
}
NORMS = {
    "clip_by_norm": lambda of: [tf1.clip_by_norm(g, 0.5) for g in of],
    "clip_by_global_norm": lambda of: tf1.clip_by_global_norm(of, 0.5)[0],
}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("flags", [[], ["--stateful"]], ids=["a stack", "translated"])
@pytest.mark.parametrize("kind", ELEMENTWISE)
def test_it_trains_as_in_tf1_where_numbers_are_updated_by_themselves(kind, flags, tmp_path, capsys):
    prefix, target = converted(ELEMENTWISE[kind](), tmp_path, *flags)
    assert source_of(target).count(WITH) == 1
    code, report = verified(prefix, target, capsys, "--steps", "8")
    assert code == 0, report["verdict"]
    assert "losses of resumed steps" in [check["quantity"] for check in report["checks"]]


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("flags", [[], ["--stateful"]], ids=["a stack", "translated"])
@pytest.mark.parametrize("kind", NORMS)
def test_a_norm_would_count_the_bias_twice_so_the_optimizer_is_left_out(
    kind, flags, tmp_path, capsys
):
    prefix, target = converted(Training(NORMS[kind]), tmp_path, *flags)
    described = map_of(target)
    assert "optimizer" not in described
    (note,) = [line for line in described["notes"] if "the optimizer is left out" in line]
    assert "cudnn_compatible_gru_cell/gates/bias would count twice" in note
    code, report = verified(prefix, target, capsys, "--steps", "2")
    assert code == 3, report["verdict"]
    assert verified(prefix, target, capsys)[0] == 0  # its outputs are the same


@pytest.mark.slow
def test_a_bias_that_is_not_trained_needs_no_constraint(tmp_path):
    _, target = converted(Training(only="logits"), tmp_path)
    assert "OneBiasPerGate" not in source_of(target)


@pytest.mark.slow
def test_a_file_without_the_constraint_is_another_model(tmp_path, capsys):
    prefix, target = converted(Training(), tmp_path)
    model = keras.models.load_model(target)
    model.get_layer(index=1).cell.bias.constraint = None
    model.get_layer(index=1).cell.bias_constraint = None
    model.save(target)
    code, report = verified(prefix, target, capsys)
    assert code == 1
    assert "options of layers" in report["verdict"]


def test_of_two_biases_that_of_the_candidate_stays():
    biases = np.arange(1.0, 13.0, dtype="float32").reshape(2, 6)  # z, z, r, r, h, h
    kept = np.array(OneBiasPerGate()(keras.Variable(biases)))
    expected = [[1, 2, 3, 4, 5, 6], [0, 0, 0, 0, 11, 12]]
    assert (kept.dtype, kept.tolist()) == (biases.dtype, expected)
