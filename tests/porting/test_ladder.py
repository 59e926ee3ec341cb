"""The ladder passes for the right port, and every wrong port fails at the rung named for it."""

import dataclasses

import keras
import numpy as np
import pytest

from modern_tf2 import window_rnn
from porting import ladder
from porting.sides import LegacySide, ModernSide
from shared.config import WindowRNNConfig

# Small, so that a control takes a second; three layers, so that two of them have equal shapes.
SMALL = WindowRNNConfig(window=4, units=8, batch_size=32)


@pytest.fixture(scope="module")
def weights(config):
    """Weights without a zero: TF1's initial biases would hide a bias that is not carried over."""
    stream = np.random.RandomState(5)
    shapes = config.weight_shapes()
    return {name: stream.normal(0, 0.4, shape).astype("float32") for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
def test_right_port_climbs_every_rung(config, weights, batches, dtype):
    exact = ModernSide(config, weights, dtype=dtype, powers="tf1") if dtype == "float64" else None
    legacy, modern = (side(config, weights, dtype=dtype) for side in (LegacySide, ModernSide))
    rungs = list(ladder.climb(legacy, modern, batches, dtype=dtype, exact=exact))
    assert [rung for rung in rungs if not rung.passed] == []
    assert len(rungs) == {"float32": 9, "float64": 10}[dtype]
    assert {rung.dtype for rung in rungs} == {dtype}


def swapped(first, second):
    """A port that takes one array for another of the same shape, in and out."""
    names = {first: second, second: first}

    class Side(ModernSide):
        def __init__(self, config, weights, **options):
            super().__init__(config, self._swap(weights), **options)

        def _swap(self, arrays):
            return {name: arrays[names.get(name, name)] for name in arrays}

        def weights(self):
            return self._swap(super().weights())

        def gradients(self, images, labels):
            loss, gradients = super().gradients(images, labels)
            return loss, self._swap(gradients)

    return Side


def changed(**changes):
    """A port with another hyper-parameter."""

    def side(config, weights, **options):
        return ModernSide(dataclasses.replace(config, **changes), weights, **options)

    return side


def rebuilt(change):
    """A port whose model is changed once it is built: `change(side)`."""

    def make(config, weights, **options):
        side = ModernSide(config, weights, **options)
        change(side)
        return side

    return make


def without_bias(side):
    for variable in side.model.trainable_variables:
        if variable.path.endswith("bias"):
            variable.assign(keras.ops.zeros_like(variable))


def with_relu(side):
    for cell in side.model.get_layer("rnn").cell.cells:
        cell.activation = keras.activations.relu


def with_summed_loss(side):
    side.model.compile(
        optimizer=side.model.optimizer,
        loss=keras.losses.SparseCategoricalCrossentropy(
            from_logits=True, reduction="sum", dtype=side.dtype
        ),
    )


class Backwards(ModernSide):
    """A port that reads the rows from the last to the first."""

    def forward(self, images):
        return super().forward(images[:, ::-1])

    def gradients(self, images, labels):
        return super().gradients(images[:, ::-1], labels)


class Shuffled(ModernSide):
    """A port that trains on the same batches in another order."""

    def train_steps(self, batches):
        return super().train_steps(batches[::-1])


class Float32(ModernSide):
    """A port that stays in float32 where it was asked for float64."""

    def __init__(self, config, weights, *, dtype, **options):
        super().__init__(config, weights, dtype="float32", **options)


CONTROLS = {
    "rows of input and state exchanged": (
        swapped("cell_1/kernel", "cell_1/recurrent_kernel"),
        "outputs",
    ),
    "layers exchanged": (swapped("cell_1/kernel", "cell_2/kernel"), "outputs"),
    "biases exchanged": (swapped("cell_0/bias", "cell_1/bias"), "outputs"),
    "bias left behind": (rebuilt(without_bias), "weights"),
    "relu for tanh": (rebuilt(with_relu), "outputs"),
    "rows read backwards": (Backwards, "outputs"),
    "float32 for float64": (Float32, "weights"),
    "summed loss": (rebuilt(with_summed_loss), "loss"),
    "beta_1 of 0.95": (changed(beta_1=0.95), "slots"),
    "beta_2 of 0.99": (changed(beta_2=0.99), "slots"),
    "learning rate doubled": (changed(learning_rate=2e-3), "stepped weights"),
    "Keras' epsilon": (changed(epsilon=1e-7), "stepped weights"),
    "batches in another order": (Shuffled, "losses of 200 steps"),
}


_TRAINED = {"batches in another order"}


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in _TRAINED)) for n in CONTROLS],
)
def test_wrong_port_fails_at_its_rung(config, weights, batches, name):
    wrong, quantity = CONTROLS[name]
    legacy = LegacySide(config, weights, dtype="float64")
    rungs = ladder.climb(legacy, wrong(config, weights, dtype="float64"), batches, dtype="float64")
    assert next(rung.quantity for rung in rungs if not rung.passed) == quantity


@pytest.mark.slow
def test_stock_powers_are_not_within_the_tolerance_of_tf1s(config, weights, batches):
    legacy = LegacySide(config, weights, dtype="float64")
    stock = ModernSide(config, weights, dtype="float64")
    found = ladder.rung(
        "losses of 200 steps, TF1's powers",
        {"step": legacy.train_steps(batches)},
        {"step": stock.train_steps(batches)},
        dtype="float64",
    )
    assert not found.passed


def test_wrong_maps_of_a_side_are_noticed(config, weights):
    values = window_rnn.to_variables(weights, config)
    values["cell_1/kernel"] = values["cell_1/kernel"].T
    back = window_rnn.from_variables(values, config)
    assert not ladder.rung("weights", weights, back, dtype="float32").passed
