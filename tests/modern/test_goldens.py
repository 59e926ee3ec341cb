"""The Keras 3 side compared with what legacy_tf1 computed on TensorFlow 1.15.5."""

import dataclasses

import pytest

from equivalence.modern_side import ModernSide
from tests import goldens
from tests.goldens import controls, traces, wrong

MODEL = "window-rnn"
CONFIG, BATCHES = goldens.config_and_batches(MODEL)
INITIAL = goldens.under(goldens.load(MODEL), "initial")
UNTRAINED = {"outputs", "logits", "loss", "gradients"}
# With those kernels of the row LSTM that have the dtype.
OTHERS = [
    *((model, dtype, {}) for model in goldens.MODELS[1:] for dtype in goldens.DTYPES),
    ("row-lstm", "float32", {"kernel": "fused-cpu"}),
    ("row-lstm", "float32", {"kernel": "auto"}),
]


@pytest.fixture(scope="module", params=goldens.DTYPES)
def dtype(request):
    return request.param


@pytest.fixture(scope="module")
def golden(dtype):
    return traces.load(MODEL, dtype)


def unseen(golden, found, *, dtype, powers="tf1"):
    """The groups in which nothing is seen to be wrong."""
    gaps = traces.gaps(golden, found, dtype=dtype, powers=powers)
    assert all(gap.max_abs < float("inf") for gap in gaps.values())
    assert len(gaps) >= len(found) - ("losses" in found)
    return {name for name, gap in gaps.items() if gap.closed}


@pytest.mark.parametrize(
    ("dtype", "powers"),
    [pytest.param("float32", "keras", marks=pytest.mark.slow), ("float64", "tf1")],
    indirect=["dtype"],
)
def test_everything_recorded_is_computed_again(golden, dtype, powers):
    found = traces.trace(ModernSide(CONFIG, INITIAL, dtype=dtype, powers=powers), BATCHES)
    gaps = traces.gaps(golden, found, dtype=dtype, powers=powers)
    assert {name: gap for name, gap in gaps.items() if not gap.closed} == {}
    assert set(gaps) == UNTRAINED | {"slots", "stepped", "losses, 50", "losses, 200"}


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(("model", "dtype", "changes"), OTHERS, indirect=["dtype"])
def test_everything_recorded_of_another_model_is_computed_again(model, dtype, changes):
    config, batches = goldens.config_and_batches(model, goldens.STEPS)
    config = dataclasses.replace(config, **changes)
    initial, golden = goldens.under(goldens.load(model), "initial"), traces.load(model, dtype)
    exact = config.optimizer == "adam" and dtype == "float64"
    powers = "tf1" if exact else "keras"
    side = ModernSide(config, initial, dtype=dtype, powers=powers)
    start = traces.start_gap(initial, side)
    assert start.closed, start
    found = traces.trace(side, batches)
    gaps = traces.gaps(golden, found, dtype=dtype, powers=powers, config=config)
    assert {name: gap for name, gap in gaps.items() if not gap.closed} == {}
    assert set(found) == {name for name in golden if not name.startswith("resumed")}
    if (model, dtype) == ("conv", "float32"):  # by a rounding, a ReLU soon chooses otherwise
        assert set(gaps) == UNTRAINED | {"stepped", "losses, 5"}
    else:
        trained = "slots" if config.optimizer == "adam" else "trained"
        expected = UNTRAINED | {"stepped", trained, "losses, 50", "losses, 200"}
        assert set(gaps) - {"losses, 5"} == expected


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(("model", "name"), controls.CONTROLS)
def test_a_known_mistake_in_another_model_is_noticed(model, name):
    change, hidden = controls.CONTROLS[model, name]
    config, batches = goldens.config_and_batches(model, 1)
    initial, golden = goldens.under(goldens.load(model), "initial"), traces.load(model, "float64")
    side = ModernSide(config, change(initial), dtype="float64")
    assert not traces.start_gap(initial, side).closed
    found = traces.untrained_trace(side, batches[0])
    assert unseen(golden, found, dtype="float64") == hidden & UNTRAINED


@pytest.mark.slow
def test_keras_own_powers_stay_close_in_float64_but_are_seen():
    golden = traces.load(MODEL, "float64")
    side = ModernSide(CONFIG, INITIAL, dtype="float64")
    found = {"losses": {"step": side.train_steps(BATCHES[: goldens.STEPS])}}
    assert unseen(golden, found, dtype="float64", powers="keras") == {"losses, 200"}
    assert unseen(golden, found, dtype="float64", powers="tf1") == set()


@pytest.mark.parametrize("name", wrong.WEIGHTS)
def test_wrong_weights_are_seen(golden, dtype, name):
    side = ModernSide(CONFIG, wrong.WEIGHTS[name](INITIAL), dtype=dtype)
    assert unseen(golden, traces.untrained_trace(side, BATCHES[0]), dtype=dtype) == set()


def test_a_wrong_window_is_seen(golden, dtype):
    side = ModernSide(CONFIG, INITIAL, dtype=dtype)
    found = traces.untrained_trace(side, wrong.later_windows(MODEL, 1)[0])
    assert unseen(golden, found, dtype=dtype) == set()


@pytest.mark.slow
@pytest.mark.sampled(3)
@pytest.mark.parametrize(
    ("change", "hidden"),
    [({"epsilon": 1e-7}, {"slots"}), ({"beta_2": 0.99}, set())],
    ids=["epsilon", "beta_2"],
)
def test_another_optimizer_is_seen_from_the_first_step_on(golden, dtype, change, hidden):
    side = ModernSide(dataclasses.replace(CONFIG, **change), INITIAL, dtype=dtype, powers="tf1")
    found = traces.trace(side, BATCHES[:1])
    assert unseen(golden, found, dtype=dtype) == UNTRAINED | hidden


@pytest.mark.slow
def test_keras_epsilon_is_seen_in_the_losses(golden, dtype):
    config = dataclasses.replace(CONFIG, epsilon=1e-7)
    side = ModernSide(config, INITIAL, dtype=dtype, powers="tf1")
    found = {"losses": {"step": side.train_steps(BATCHES[:50])}}
    assert unseen(golden, found, dtype=dtype) == set()
    assert list(traces.gaps(golden, found, dtype=dtype)) == ["losses, 50"]
