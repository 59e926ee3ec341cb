"""The row LSTM: all kernels pass the ladder; known mistakes fail at the check named for them."""

import dataclasses

import numpy as np
import pytest

from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from legacy_tf1 import row_lstm as legacy_lstm
from modern_tf2 import row_lstm as modern_lstm
from shared.config import RowLSTMConfig
from tests.support.ladders import assert_all_pass, first_failure
from tf1port.comparison.controls.wrong_sides import StatesExchanged
from tf1port.comparison.controls.wrong_trainings import StatisticsFrozen
from tf1port.comparison.ladder import ladder
from tf1port.numerics import comparison, optimizers
from tf1port.numerics.differences import difference

SMALL = RowLSTMConfig(rows=28, units=6, batch_size=16)


@pytest.fixture(scope="module")
def weights(config):
    """Weights without a zero, a one or a symmetry that a wrong map could hide behind."""
    stream = np.random.RandomState(7)
    drawn = {name: stream.normal(0, 0.4, s) for name, s in config.weight_shapes().items()}
    drawn["normalization/moving_variance"] = 0.5 + stream.uniform(size=config.units)
    return {name: value.astype("float32") for name, value in drawn.items()}


def run_ladder(config, weights, batches, *, dtype, modern=ModernSide):
    sides = (side(config, weights, dtype=dtype) for side in (LegacySide, modern))
    return ladder.run(*sides, batches, dtype=dtype)


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("kernel", "dtype"),
    [
        ("auto", "float32"),
        ("auto", "float64"),
        ("generic", "float64"),
        ("fused-cpu", "float32"),
        ("unrolled", "float32"),
        ("unrolled", "float64"),
    ],
)
def test_right_port_passes_every_check(config, weights, batches, kernel, dtype):
    config = dataclasses.replace(config, kernel=kernel)
    assert_all_pass(run_ladder(config, weights, batches, dtype=dtype))


@pytest.mark.slow
@pytest.mark.parametrize("legacy", ["generic", "fused-cpu"])
@pytest.mark.parametrize("modern", RowLSTMConfig.kernels)
def test_kernels_of_both_sides_agree_from_the_same_weights(
    config, weights, batches, legacy, modern
):
    images, labels = batches[0]
    first = LegacySide(dataclasses.replace(config, kernel=legacy), weights)
    second = ModernSide(dataclasses.replace(config, kernel=modern), weights)
    logits = [{"logits": side.forward(images)["logits"]} for side in (first, second)]
    assert comparison.check("logits", *logits, dtype="float32").passed
    gradients = [side.gradients(images, labels)[1] for side in (first, second)]
    assert comparison.check("gradients", *gradients, dtype="float32").passed


def reordered(*order):
    """A port that takes the gates in another order, in and out."""

    class Side(ModernSide):
        def __init__(self, config, weights, **options):
            super().__init__(config, self._reorder(weights, order), **options)

        def weights(self):
            return self._reorder(super().weights(), np.argsort(order))

        def _reorder(self, arrays, gates):
            return {
                name: np.concatenate([np.split(value, 4, axis=-1)[g] for g in gates], axis=-1)
                if name.startswith("lstm/")
                else value
                for name, value in arrays.items()
            }

    return Side


class ForgetBiasLost(ModernSide):
    """A port that reads the checkpoint's bias as it stands."""

    def __init__(self, config, weights, **options):
        weights = dict(weights)
        bias = weights["lstm/bias"].copy()
        bias[config.units : 2 * config.units] -= config.forget_bias
        super().__init__(config, {**weights, "lstm/bias": bias}, **options)


class ForgetBiasInGradients(ModernSide):
    """A port that maps gradients as it maps weights."""

    def gradients(self, images, labels):
        loss, gradients = super().gradients(images, labels)
        bias = gradients["lstm/bias"].copy()
        bias[self.config.units : 2 * self.config.units] += self.config.forget_bias
        return loss, {**gradients, "lstm/bias": bias}


def changed(**changes):
    """A port with another hyper-parameter."""

    def side(config, weights, **options):
        return ModernSide(dataclasses.replace(config, **changes), weights, **options)

    return side


def of_modern(wrong):
    """A known mistake, called as ModernSide is."""
    return lambda *arguments, **options: wrong(ModernSide(*arguments, **options))


CONTROLS = {
    "gates in TF1's order": (reordered(0, 2, 1, 3), "outputs"),
    "input and output gate exchanged": (reordered(3, 1, 2, 0), "outputs"),
    "forget bias lost": (ForgetBiasLost, "weights with forget bias"),
    "forget bias in the gradients": (ForgetBiasInGradients, "gradients"),
    "c and h exchanged": (of_modern(StatesExchanged), "outputs"),
    "another epsilon": (changed(epsilon=1e-5), "outputs"),
    "statistics not updated": (of_modern(StatisticsFrozen), "stepped weights"),
    "another momentum": (changed(momentum=0.9), "stepped weights"),
    "learning rate doubled": (changed(learning_rate=0.02), "stepped weights"),
}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize("name", CONTROLS)
def test_a_known_mistake_fails_at_its_check(config, weights, batches, name):
    wrong, quantity = CONTROLS[name]
    results = run_ladder(config, weights, batches[:2], dtype="float64", modern=wrong)
    assert first_failure(results) == quantity


@pytest.mark.slow
def test_unrounded_hyper_parameters_are_noticed(config, weights, batches, monkeypatch):
    monkeypatch.setattr(optimizers, "as_tf1", lambda config: config)
    results = run_ladder(config, weights, batches, dtype="float64")
    failed = {result.quantity for result in results if not result.passed}
    assert failed == {"losses of 200 SGD steps", "weights after SGD", "resumed losses"}


@pytest.mark.parametrize("module", [legacy_lstm, modern_lstm])
@pytest.mark.parametrize("linear", [False, True])
def test_maps_go_there_and_back_and_leave_what_they_were_given(config, weights, module, linear):
    before = {name: value.copy() for name, value in weights.items()}
    values = module.to_variables(weights, config, linear=linear)
    back = module.from_variables(values, config, linear=linear)
    assert difference(weights, before).max_abs == 0
    assert difference(weights, back).max_abs <= 1.2e-7  # one rounding of the forget bias
    if linear:
        assert difference(weights, back).max_abs == 0


def test_forget_bias_is_on_the_forget_gate_only(config, weights):
    h = config.units
    with_bias = legacy_lstm.to_variables(weights, config)["rnn/lstm_cell/bias"]
    without = legacy_lstm.to_variables(weights, config, linear=True)["rnn/lstm_cell/bias"]
    expected = np.zeros(4 * h, "float32")
    expected[2 * h : 3 * h] = 1  # i, j, f, o
    np.testing.assert_allclose(without - with_bias, expected, atol=1e-6)
