"""The diagnosis names what it knows, from the protocol of a side alone, and nothing else.

That it names the cause of every wrong port is in tests/equivalence/test_controls.py.
"""

import functools

import numpy as np
import pytest

from equivalence import proof
from equivalence.controls.wrong_configs import configured
from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
from shared.config import DenseConfig, RowLSTMConfig, for_dataset
from tf1port.comparison.controls import wrong_models, wrong_sides
from tf1port.comparison.diagnosis.diagnose import diagnose
from tf1port.comparison.ladder import ladder
from tf1port.numerics import comparison
from tf1port.pitfalls import catalogue
from tf1port.pitfalls import images as image_changes
from tf1port.pitfalls import weights as weight_changes

SMALL = DenseConfig(batch_size=16, units=9)


@pytest.fixture(scope="module")
def weights(config):
    return drawn(config)


@pytest.fixture(scope="module")
def few(batches):
    return batches[:3]


def drawn(config):
    stream = np.random.RandomState(5)
    shapes = config.weight_shapes()
    return {name: stream.normal(0, 0.2, shape) for name, shape in shapes.items()}


def first_failed(config, weights, batches, make, *, dtype="float64"):
    legacy, modern = (side(config, weights, dtype=dtype) for side in (LegacySide, make))
    found = ladder.run(legacy, modern, batches, dtype=dtype)
    return next(check for check in found if not check.passed)


def causes(config, weights, batches, make, *, dtype="float64"):
    """What is said of a port, whose first failing check is found first."""
    failed = first_failed(config, weights, batches, make, dtype=dtype)
    legacy, modern = (side(config, weights, dtype=dtype) for side in (LegacySide, make))
    found = diagnose(legacy, modern, batches, dtype=dtype, failed=failed)
    assert [one for one in found if not one["explains"] or one["max_abs"] > failed.bound] == []
    return [one["cause"] for one in found]


class Bare:
    """A side of which nothing but the protocol is to be seen."""

    def __init__(self, side):
        for method in ("weights", "forward", "gradients", "train_steps", "slots", "accuracy"):
            setattr(self, method, getattr(side, method))


def of_modern(wrong):
    """A known mistake, called as ModernSide is."""
    return lambda *arguments, **options: wrong(ModernSide(*arguments, **options))


def loaded(change):
    return of_modern(functools.partial(wrong_sides.loaded, change))


def by_column(side):
    return wrong_sides.mapped(weight_changes.pixels_by_column, side)


def unscaled(side):
    return wrong_sides.reading(image_changes.unscaled, side)


def decaying(side):
    return wrong_models.optimized({"weight_decay": 0.01}, side)


def named(pitfall, words=""):
    return f"{words or pitfall.name} ({pitfall.id})"


@pytest.mark.parametrize("dtype", [pytest.param("float32", marks=pytest.mark.slow), "float64"])
def test_a_map_of_weights_is_found_by_the_protocol_alone(config, weights, few, dtype):
    def make(*arguments, **options):
        return Bare(of_modern(by_column)(*arguments, **options))

    assert causes(config, weights, few, make, dtype=dtype) == [named(catalogue.BY_COLUMN)]


@pytest.mark.parametrize(
    ("make", "cause"),
    [
        (loaded(weight_changes.biases_dropped), named(catalogue.BIASES)),
        (of_modern(unscaled), named(catalogue.UNSCALED)),
        pytest.param(
            of_modern(configured(learning_rate=0.3)),
            named(catalogue.LEARNING_RATE, "learning rate is 0.3, not 0.2"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            of_modern(decaying),
            named(catalogue.WEIGHT_DECAY, "weights decay by 0.01 times the learning rate"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_known_mistakes_are_found(config, weights, few, make, cause):
    def bare(*arguments, **options):
        return Bare(make(*arguments, **options))

    assert causes(config, weights, few, bare) == [cause]


def noisy(size, *names):
    """A port with noise on its weights: a mistake that nobody knows of."""

    def change(weights):
        stream = np.random.RandomState(1)
        noise = {name: size * stream.normal(size=weights[name].shape) for name in names}
        return {**weights, **{name: weights[name] + noise[name] for name in names}}

    return change


@pytest.mark.parametrize("size", [1e-3, 1.0])
def test_noise_on_a_weight_is_explained_by_nothing(config, weights, few, size):
    assert causes(config, weights, few, loaded(noisy(size, "hidden/kernel"))) == []


@pytest.mark.parametrize("name", ["hidden/kernel", "logits/bias"])
def test_noise_that_only_the_outputs_show_is_explained_by_nothing(config, weights, few, name):
    class Noisy(ModernSide):
        def __init__(self, config, weights, **options):
            super().__init__(config, noisy(0.1, name)(weights), **options)
            self.held = {key: value.astype(self.dtype) for key, value in weights.items()}

        def weights(self):
            return self.held

    assert causes(config, weights, few, Noisy) == []


class Rounding(ModernSide):
    """A right port whose sums are rounded otherwise, by more than the table allows."""

    def forward(self, images):
        outputs = super().forward(images)
        return {name: value * (1 + 1e-11) for name, value in outputs.items()}


class RoundedSteps(ModernSide):
    """The same, of what a step does."""

    def weights(self):
        after = super().weights()
        stream = np.random.RandomState(0)
        moved = {n: v + 4e-9 * stream.normal(size=v.shape) for n, v in after.items()}
        return moved if int(self.model.optimizer.iterations) else after


class RoundedGradients(ModernSide):
    """The same, of the gradients."""

    def gradients(self, images, labels):
        loss, gradients = super().gradients(images, labels)
        stream = np.random.RandomState(0)
        return loss, {
            name: value + 1e-12 * stream.normal(size=value.shape)
            for name, value in gradients.items()
        }


@pytest.mark.parametrize(
    "make", [Rounding, pytest.param(RoundedSteps, marks=pytest.mark.slow), RoundedGradients]
)
def test_parting_by_rounding_is_explained_by_nothing(config, weights, few, make):
    assert causes(config, weights, few, make) == []


def test_rounding_in_float32_is_explained_by_nothing(config, weights, few):
    class Rounded(ModernSide):
        def forward(self, images):
            outputs = super().forward(images)
            stream = np.random.RandomState(0)
            return {
                name: (value + 1e-4 * stream.normal(size=value.shape)).astype("float32")
                for name, value in outputs.items()
            }

    assert causes(config, weights, few, Rounded, dtype="float32") == []


@pytest.mark.slow
def test_the_legacy_side_is_put_back(config, weights, few):
    make = of_modern(configured(learning_rate=0.3))
    failed = first_failed(config, weights, few, make)
    legacy, modern = (side(config, weights, dtype="float64") for side in (LegacySide, make))
    diagnose(legacy, modern, few, dtype="float64", failed=failed)
    assert comparison.check("weights", legacy.weights(), _float64(weights), dtype="float64").passed


def _float64(weights):
    return {name: value.astype("float64") for name, value in weights.items()}


@pytest.mark.slow
def test_two_mistakes_at_once_are_found(digits):
    """Gates in TF1's order and the bias as TF1 stores it: a checkpoint copied as it is."""
    config = for_dataset(RowLSTMConfig(units=4, batch_size=16), digits)
    weights, few = drawn(config), proof.first_batches(config, digits, 3)
    weights["normalization/moving_variance"] = 0.5 + weights["normalization/moving_variance"] ** 2

    def both(weights):
        return weight_changes.gates_exchanged(weight_changes.forget_bias_dropped(weights))

    (cause,) = causes(config, weights, few, loaded(both))
    gates = named(catalogue.GATE_ORDER, "gates in the order i, c, f, o for i, f, c, o")
    assert cause == f"{named(catalogue.FORGET_BIAS)}; {gates}"


@pytest.mark.slow
def test_noise_is_explained_by_no_two_mistakes(digits):
    config = for_dataset(RowLSTMConfig(units=4, batch_size=16), digits)
    weights, few = drawn(config), proof.first_batches(config, digits, 3)
    weights["normalization/moving_variance"] = 0.5 + weights["normalization/moving_variance"] ** 2
    assert causes(config, weights, few, loaded(noisy(0.1, "lstm/kernel"))) == []
