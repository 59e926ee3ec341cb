"""The nested RNN passes the ladder in both dtypes; a known mistake fails at its own check."""

import dataclasses

import keras
import numpy as np
import pytest

from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from shared.config import NestedRNNConfig
from tests.support import oracles
from tests.support.ladders import assert_all_pass, first_failure
from tf1port.comparison.ladder import ladder

# Its 28 unrolled steps take long to build, once for every known mistake.
pytestmark = pytest.mark.slow

# H = S D, so that the parts of the state can be exchanged; D = F, so that a kernel is square.
SMALL = NestedRNNConfig(units=56, slots=2, width=28, batch_size=16)


@pytest.fixture(scope="module")
def weights(config):
    """Half the usual size: the memory of 28 columns saturates the hidden state otherwise."""
    return {name: value / 2 for name, value in oracles.random_weights(config).items()}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_right_port_passes_every_check(config, weights, batches, dtype):
    exact = ModernSide(config, weights, dtype=dtype, powers="tf1") if dtype == "float64" else None
    legacy, modern = (side(config, weights, dtype=dtype) for side in (LegacySide, ModernSide))
    assert_all_pass(ladder.run(legacy, modern, batches, dtype=dtype, exact=exact))


def rebuilt(change):
    """A port whose recurrent layer is changed once it is built: `change(layer)`."""

    def make(config, weights, **options):
        side = ModernSide(config, weights, **options)
        change(side.model.get_layer("rnn"))
        return side

    return make


def parts_exchanged(layer):
    """The memory, flattened, is used as the hidden state and the other way round."""
    step = layer.step

    def exchanged(inputs, state):
        hidden, memory = state["hidden"], state["memory"]
        hidden, memory = (
            keras.ops.reshape(memory, keras.ops.shape(hidden)),
            keras.ops.reshape(hidden, keras.ops.shape(memory)),
        )
        return step(inputs, {"hidden": hidden, "memory": memory})

    layer.step = exchanged


def not_decayed(layer):
    layer.decay = 1.0


def without_leak(layer):
    layer.leak = 1.0


def addressed_over_the_batch(layer):
    layer.address.activation = lambda place: keras.ops.softmax(place, axis=0)


def started_from_ones(layer):
    start = layer.initial_state
    layer.initial_state = lambda size: keras.tree.map_structure(keras.ops.ones_like, start(size))


def memory_forgotten(layer):
    """Only the hidden state is passed on."""
    step, start = layer.step, layer.initial_state

    def forgetful(inputs, state):
        empty = start(keras.ops.shape(state["hidden"])[0])
        return step(inputs, {**state, "memory": empty["memory"]})

    layer.step = forgetful


def read_from(change, *, check):
    """A port that gets the profiles changed, in one check's own method or in all of them."""

    class Side(ModernSide):
        def forward(self, images):
            return super().forward(self._changed(images, "forward"))

        def gradients(self, images, labels):
            return super().gradients(self._changed(images, "gradients"), labels)

        def train_steps(self, batches):
            return super().train_steps([(self._changed(x, "train_steps"), y) for x, y in batches])

        def _changed(self, images, method):
            if check not in (method, "all"):
                return images
            return {**images, "profile": change(images["profile"])}

    return Side


class KernelTransposed(ModernSide):
    """A port that transposes one kernel, in and out."""

    def __init__(self, config, weights, **options):
        super().__init__(config, self._transposed(weights), **options)

    def weights(self):
        return self._transposed(super().weights())

    def gradients(self, images, labels):
        loss, gradients = super().gradients(images, labels)
        return loss, self._transposed(gradients)

    def _transposed(self, arrays):
        return {**arrays, "rnn/write/kernel": arrays["rnn/write/kernel"].T}


class RowsExchanged(KernelTransposed):
    """A port that stacks the profile before the pixels."""

    def _transposed(self, arrays):
        kernel = arrays["rnn/hidden/kernel"]
        moved = np.concatenate([kernel[28:31], kernel[:28], kernel[31:]])
        back = np.concatenate([kernel[3:31], kernel[:3], kernel[31:]])
        inwards = not hasattr(self, "model")
        return {**arrays, "rnn/hidden/kernel": moved if inwards else back}


def changed(**changes):
    """A port with another hyper-parameter."""

    def side(config, weights, **options):
        return ModernSide(dataclasses.replace(config, **changes), weights, **options)

    return side


CONTROLS = {
    "parts of the state exchanged": (rebuilt(parts_exchanged), "outputs"),
    "memory not decayed": (rebuilt(not_decayed), "outputs"),
    "memory forgotten": (rebuilt(memory_forgotten), "outputs"),
    "hidden state without leak": (rebuilt(without_leak), "outputs"),
    "address over the batch": (rebuilt(addressed_over_the_batch), "outputs"),
    "state of ones": (rebuilt(started_from_ones), "outputs"),
    "profiles zeroed": (read_from(np.zeros_like, check="all"), "outputs"),
    "profiles of other images": (read_from(lambda p: p[::-1], check="all"), "outputs"),
    "profiles of other rows": (read_from(lambda p: p[:, ::-1], check="all"), "outputs"),
    "profiles zeroed in gradients": (read_from(np.zeros_like, check="gradients"), "loss"),
    "profiles zeroed in training": (read_from(np.zeros_like, check="train_steps"), "slots"),
    "one kernel transposed": (KernelTransposed, "outputs"),
    "profile stacked before the pixels": (RowsExchanged, "outputs"),
    "learning rate doubled": (changed(learning_rate=3e-3), "stepped weights"),
    "Keras' epsilon": (changed(epsilon=1e-7), "stepped weights"),
}


@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", CONTROLS)
def test_a_known_mistake_fails_at_its_check(config, weights, batches, name):
    wrong, quantity = CONTROLS[name]
    sides = (side(config, weights, dtype="float64") for side in (LegacySide, wrong))
    results = ladder.run(*sides, batches[:2], dtype="float64")
    assert first_failure(results) == quantity
