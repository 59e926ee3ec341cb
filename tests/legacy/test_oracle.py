"""The window RNN of legacy_tf1 against plain NumPy, quantity by quantity, in both dtypes."""

import numpy as np
import pytest

from tests import goldens
from tests.goldens import traces, wrong
from tests.goldens.graph import LegacyGraph
from tests.support import oracles

MODEL = "window-rnn"
CONFIG, BATCHES = goldens.config_and_batches(MODEL, 1)
IMAGES, LABELS = BATCHES[0]
QUANTITIES = {"outputs", "logits", "loss", "gradients", "slots", "stepped"}


WEIGHTS = oracles.random_weights(CONFIG)


def oracle(weights, dtype, *, images=IMAGES, constants=None):
    weights = {name: value.astype(dtype) for name, value in weights.items()}
    constants = constants or oracles.tf1_constants(CONFIG)
    return oracles.trace(weights, (images.astype(dtype), LABELS), constants=constants)


@pytest.fixture(scope="module", params=[pytest.param("float32", marks=pytest.mark.slow), "float64"])
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def legacy(dtype):
    return traces.trace(LegacyGraph(CONFIG, WEIGHTS, dtype=dtype), BATCHES)


def unseen(expected, actual, *, dtype):
    gaps = traces.gaps(expected, actual, dtype=dtype)
    assert set(gaps) == QUANTITIES
    assert all(np.isfinite(gap.max_abs) for gap in gaps.values())
    return {name for name, gap in gaps.items() if gap.closed}


def test_numpy_computes_the_same(legacy, dtype):
    assert unseen(legacy, oracle(WEIGHTS, dtype), dtype=dtype) == QUANTITIES


@pytest.mark.parametrize("name", wrong.WEIGHTS)
def test_wrong_weights_are_seen(legacy, dtype, name):
    assert unseen(legacy, oracle(wrong.WEIGHTS[name](WEIGHTS), dtype), dtype=dtype) == set()


@pytest.mark.parametrize("name", [name for name in WEIGHTS if name.endswith("bias")])
def test_a_forgotten_bias_is_seen(legacy, dtype, name):
    weights = dict(WEIGHTS, **{name: np.zeros_like(WEIGHTS[name])})
    # The last layer's bias comes after the outputs.
    hidden = {"outputs"} if name == "logits/bias" else set()
    assert unseen(legacy, oracle(weights, dtype), dtype=dtype) == hidden


def test_a_wrong_window_is_seen(legacy, dtype):
    images, _ = wrong.later_windows(MODEL, 1)[0]
    assert unseen(legacy, oracle(WEIGHTS, dtype, images=images), dtype=dtype) == set()


@pytest.mark.parametrize(
    ("place", "value", "seen"),
    [(0, 2e-3, {"stepped"}), (3, 1e-7, {"stepped"}), (2, 0.99, {"slots", "stepped"})],
    ids=["learning rate", "epsilon", "beta 2"],
)
def test_another_constant_is_seen(legacy, dtype, place, value, seen):
    constants = list(oracles.tf1_constants(CONFIG))
    constants[place] = np.float32(value)
    found = oracle(WEIGHTS, dtype, constants=constants)
    assert unseen(legacy, found, dtype=dtype) == QUANTITIES - seen


def test_constants_that_are_not_rounded_are_seen_in_float64():
    legacy = traces.trace(LegacyGraph(CONFIG, WEIGHTS, dtype="float64"), BATCHES)
    exact = (CONFIG.learning_rate, CONFIG.beta_1, CONFIG.beta_2, CONFIG.epsilon)
    found = oracle(WEIGHTS, "float64", constants=exact)
    assert "slots" not in unseen(legacy, found, dtype="float64")
