"""Normalizations are layers of Keras where the graph says all of what they compute and learn."""

import pytest

from tests.tf1port.graphs import first_control_flow, second_control_flow
from tests.tf1port.programs import normalized
from tests.tf1port.programs.program import converted, loaded, map_of, running, verified
from tests.tf1port.programs.sequences import T, U, floats

# isort: split
import tensorflow.compat.v1 as tf1


def batches(updated):
    """Fed by hand: variables as the averages of a batch's moments, which one of two updates."""
    x, array = floats("x", T, 3)

    def between(steps):
        with tf1.variable_scope("scaled"):
            beta, gamma = tf1.get_variable("beta", [U]), tf1.get_variable("gamma", [U])
            options = {"initializer": tf1.ones_initializer(), "trainable": False}
            mean = tf1.get_variable("mean", [U], **options)
            variance = tf1.get_variable("variance", [U], **options)
        if updated:
            change = (mean - tf1.reduce_mean(steps, [0, 1])) * tf1.square(gamma[0])
            tf1.add_to_collection(tf1.GraphKeys.UPDATE_OPS, tf1.assign_sub(mean, change))
        return tf1.nn.batch_normalization(steps, mean, variance, beta, gamma, 1e-3)

    return {x: array}, normalized.two_cells(x, between)


def over_rows():
    """Moments over the features of all steps, as tf.contrib.layers.layer_norm takes them."""
    x, array = floats("x", T, 3)

    def between(steps):
        mean, variance = tf1.nn.moments(steps, [1, 2], keep_dims=True)
        with tf1.variable_scope("scaled"):
            beta, gamma = tf1.get_variable("beta", [U]), tf1.get_variable("gamma", [U])
        return tf1.nn.batch_normalization(steps, mean, variance, beta, gamma, 1e-5)

    return {x: array}, normalized.two_cells(x, between)


def kinds(model):
    """The classes of a model's layers."""
    return [type(layer).__name__ for layer in model.layers]


LAYERS = {
    normalized.normalized_between: "BatchNormalization",
    normalized.normalized_images: "BatchNormalization",
    normalized.normalized_steps: "LayerNormalization",
}


@pytest.mark.slow
@pytest.mark.parametrize("flow", [first_control_flow, second_control_flow])
@pytest.mark.parametrize("build", LAYERS, ids=lambda build: build.__name__)
def test_normalizations_are_layers(build, flow, tmp_path):
    with running(build, tmp_path, steps=1, control_flow=flow) as run:
        target = converted(run.prefix)
    assert map_of(target)["complete"], map_of(target)["left_out"]
    assert kinds(loaded(target)).count(LAYERS[build]) == 1


@pytest.mark.slow
@pytest.mark.parametrize(
    "build", [lambda: batches(updated=True), over_rows], ids=["unknown momentum", "over rows"]
)
def test_what_no_layer_computes_or_learns_is_translated_op_by_op(build, tmp_path, capsys):
    with running(build, tmp_path, steps=1) as run:
        target = converted(run.prefix)
        assert not [kind for kind in kinds(loaded(target)) if kind.endswith("Normalization")]
        code, report = verified(run.prefix, target, capsys)
    assert all(check["passed"] for check in report["checks"])
    assert code in (0, 3), report["verdict"]
