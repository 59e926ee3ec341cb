"""The ladder passes for the right port; every known mistake fails at the check named for it."""

import dataclasses

import numpy as np
import pytest

from equivalence.controls import matrix as controls
from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from modern_tf2 import window_rnn
from shared.config import WindowRNNConfig
from tests.support.ladders import assert_all_pass, first_failure
from tf1port.comparison.ladder import ladder
from tf1port.comparison.sides.protocol import State
from tf1port.numerics import comparison

# Small, so that a control takes a second; three layers, so that two of them have equal shapes.
SMALL = WindowRNNConfig(window=4, units=8, batch_size=32)


@pytest.fixture(scope="module")
def weights(config):
    """Weights without a zero: TF1's initial biases would hide a bias that is not converted."""
    stream = np.random.RandomState(5)
    shapes = config.weight_shapes()
    return {name: stream.normal(0, 0.4, shape).astype("float32") for name, shape in shapes.items()}


@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
def test_right_port_passes_every_check(config, weights, batches, dtype):
    exact = ModernSide(config, weights, dtype=dtype, powers="tf1") if dtype == "float64" else None
    legacy, modern = (side(config, weights, dtype=dtype) for side in (LegacySide, ModernSide))
    results = assert_all_pass(ladder.run(legacy, modern, batches, dtype=dtype, exact=exact))
    quantities = [result.quantity for result in results]
    assert ("losses of 200 steps, TF1's powers" in quantities) is (dtype == "float64")
    assert len(quantities) == {"float32": 14, "float64": 15}[dtype]
    assert {result.dtype for result in results} == {dtype}


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_fused_kernel_passes_every_check_but_that_of_lengths(config, weights, batches, dtype):
    config = dataclasses.replace(config, kernel="fused")
    exact = ModernSide(config, weights, dtype=dtype, powers="tf1") if dtype == "float64" else None
    legacy, modern = (side(config, weights, dtype=dtype) for side in (LegacySide, ModernSide))
    results = list(ladder.run(legacy, modern, batches, dtype=dtype, exact=exact))
    assert [result for result in results if not result.passed] == []
    assert len(results) == {"float32": 13, "float64": 14}[dtype]


# The quantity that shows a mistake first: within a check there may be several.
NOTICED = {
    "biases not loaded": "weights",
    "float32 for float64": "weights",
    "rows of input and state exchanged in the kernels": "outputs",
    "second and third layer exchanged": "outputs",
    "relu for tanh": "outputs",
    "steps read backwards": "outputs",
    "last kernel reshaped instead of transposed": "logits",
    "mask ignored": "outputs of lengths",
    "last output repeated beyond the length": "outputs of lengths",
    "loss summed over the batch": "loss",
    "an example too many": "accuracy",
    "gradients divided by the batch size twice": "gradients",
    "beta_1 is 0.95": "slots",
    "beta_2 is 0.99": "slots",
    "learning rate doubled": "stepped weights",
    "epsilon is 1e-07": "stepped weights",
    "batches in another order": "losses of 200 steps",
}
# Those that others of the same quantity stand for; all are tried with the controls of the models.
_SLOW = {
    "batches in another order",
    "last output repeated beyond the length",
    "an example too many",
}
_SLOW |= {"beta_2 is 0.99", "learning rate doubled", "steps read backwards", "relu for tanh"}
_SLOW |= {"beta_1 is 0.95"}


@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=[pytest.mark.slow] * (n in _SLOW)) for n in NOTICED],
)
def test_a_known_mistake_fails_at_its_quantity(config, weights, batches, name):
    make = next(control.make for control in controls.CONTROLS if control.name == name)
    legacy, right = (side(config, weights, dtype="float64") for side in (LegacySide, ModernSide))
    results = ladder.run(legacy, make(right), batches, dtype="float64")
    assert first_failure(results) == NOTICED[name]


def restoring(change):
    """A port that continues from another State than it is given."""

    class Side(ModernSide):
        def restore(self, state):
            super().restore(change(state))

    return Side


def without_slots(state):
    return state._replace(slots={name: np.zeros_like(x) for name, x in state.slots.items()})


RESUMED = {
    "slots left behind": without_slots,
    "count left behind": lambda state: state._replace(count=0),
    "count one more": lambda state: state._replace(count=state.count + 1),
    "m and v exchanged": lambda state: state._replace(
        slots={name[:-1] + {"m": "v", "v": "m"}[name[-1]]: x for name, x in state.slots.items()}
    ),
    "weights left behind": lambda state: state._replace(
        weights={name: np.zeros_like(x) for name, x in state.weights.items()}
    ),
}


@pytest.fixture(scope="module")
def resuming(config, weights, batches):
    """What fails where a port trains rightly and restores wrongly."""
    legacy = LegacySide(config, weights, dtype="float64")
    few = batches[:9]

    def failed(change):
        legacy.restore(State(weights, without_slots(legacy.state()).slots, 0))
        modern = restoring(change)(config, weights, dtype="float64", powers="tf1")
        results = ladder.run(legacy, modern, few, dtype="float64")
        return [result.quantity for result in results if not result.passed]

    return failed


@pytest.mark.slow
def test_a_right_port_resumes(resuming):
    assert resuming(lambda state: state) == []


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", RESUMED)
def test_a_port_that_resumes_wrongly_fails(resuming, name):
    assert resuming(RESUMED[name])[0] == "resumed losses"


@pytest.mark.slow
def test_stock_powers_are_not_within_the_tolerance_of_tf1s(config, weights, batches):
    legacy = LegacySide(config, weights, dtype="float64")
    stock = ModernSide(config, weights, dtype="float64")
    result = comparison.check(
        "losses of 200 steps, TF1's powers",
        {"step": legacy.train_steps(batches)},
        {"step": stock.train_steps(batches)},
        dtype="float64",
    )
    assert not result.passed


def test_wrong_maps_of_a_side_are_noticed(config, weights):
    values = window_rnn.to_variables(weights, config)
    values["cell_1/kernel"] = values["cell_1/kernel"].T
    back = window_rnn.from_variables(values, config)
    assert not comparison.check("weights", weights, back, dtype="float32").passed
