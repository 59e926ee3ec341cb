"""Check 9: trainings of both sides from many seeds, and sides that train differently."""

import dataclasses
import multiprocessing
import os
import time
from contextlib import contextmanager

import numpy as np
import pytest

from equivalence import seeds as bands
from equivalence import training_pool
from equivalence.result_store import ResultStore
from equivalence.trainings import SIDES
from shared import datasets, runs
from shared.config import CONFIGS, DenseConfig, RowLSTMConfig, WindowRNNConfig, for_dataset
from shared.errors import UserError
from tests.goldens.bands import MNIST_BAND
from tf1port.comparison.ladder.bands import ALPHA, POWER
from tf1port.numerics.equivalence import equivalence, needed
from tf1port.numerics.tolerances import tolerance

SEEDS = 16


@pytest.fixture
def store(tmp_path):
    return ResultStore(str(tmp_path), {})


class Named:
    """As much of a dataset as is asked for where nothing is trained."""

    def __init__(self, name, config):
        self.name = name
        examples = np.zeros((config.train_examples, 0))
        self.train = self.full_train = datasets.Split(examples, examples)
        self.test = datasets.Split(np.zeros((config.test_examples, 0)), np.zeros(0))


def measured(config, store, monkeypatch, *, modern=0.0, data="mnist"):
    """`bands` where the accuracies are drawn, and modern's are so much higher."""

    @contextmanager
    def draw(config, dataset, missing, *, jobs, store):
        stream = np.random.RandomState(3)
        for side, seed in missing:
            shift = modern if side == "modern" else 0.0
            store.save(
                training_pool.result_name(side, seed), 0.94 + shift + stream.normal(0, 0.005)
            )
        yield []

    monkeypatch.setattr(bands, "training", draw)
    return bands.measure(config, Named(data, config), seeds=SEEDS, jobs=2, store=store)


def test_equal_sides_pass_both_entries(store, monkeypatch):
    config = WindowRNNConfig()
    found = measured(config, store, monkeypatch)
    assert found["equivalent"] is True
    assert found["seeds"] == list(range(SEEDS))
    assert len(found["legacy"]) == len(found["modern"]) == SEEDS
    entries = bands.entries(found, config)
    assert [entry["quantity"] for entry in entries] == ["test accuracy", "mean test accuracy"]
    assert all(entry["passed"] and entry["number"] == 9 for entry in entries)


def test_a_side_that_ends_a_hundredth_lower_fails(store, monkeypatch):
    config = WindowRNNConfig()
    found = measured(config, store, monkeypatch, modern=-0.012)
    assert found["equivalent"] is False
    assert bands.entries(found, config)[0]["passed"] is False


def test_sides_that_agree_outside_of_the_band_fail(store, monkeypatch):
    config = WindowRNNConfig()
    found = measured(config, store, monkeypatch)
    lower = {side: [value - 0.03 for value in found[side]] for side in ("legacy", "modern")}
    first, second = bands.entries({**found, **lower}, config)
    assert (first["passed"], second["passed"]) == (True, False)


@pytest.mark.parametrize("changes", [{"epochs": 1}, {"window": 20}, {"learning_rate": 0.1}])
def test_another_config_has_no_band(store, monkeypatch, changes):
    config = dataclasses.replace(WindowRNNConfig(), **changes)
    assert measured(config, store, monkeypatch)["band"] is None


def test_the_digits_have_no_band(store, monkeypatch):
    assert measured(WindowRNNConfig(), store, monkeypatch, data="digits")["band"] is None


def test_the_band_is_that_of_the_goldens():
    low, high = bands.BANDS["window-rnn", "mnist"]
    assert (low, high) == MNIST_BAND["accuracy"]
    assert tolerance(bands.MEAN, "float32").bound == pytest.approx((high - low) / 2)


def test_without_seeds_the_check_is_left_out():
    (entry,) = bands.entries(None, WindowRNNConfig())
    assert (entry["number"], entry["check"], entry["applies"]) == (9, "bands", False)
    assert "--seeds 5" in entry["why"]


@pytest.mark.parametrize("model", bands.SEEDS)
def test_there_are_as_many_trainings_as_equal_sides_need_to_pass(model):
    config = CONFIGS[model]()
    margin = tolerance(bands._quantity(config), "float32").bound
    limits = {"margin": margin, "alpha": ALPHA}
    assert bands.SEEDS[model] == needed(bands.SCATTER[model], least=POWER, **limits)


def test_one_epoch_of_the_row_lstm_has_a_margin_of_its_own(store, monkeypatch):
    config = RowLSTMConfig()
    assert measured(config, store, monkeypatch)["margin"] == 0.02
    longer = dataclasses.replace(config, epochs=3)
    assert measured(longer, store, monkeypatch)["margin"] == 0.01


def test_what_the_store_has_is_not_trained_again(store, monkeypatch):
    first = measured(WindowRNNConfig(), store, monkeypatch)

    def fail(*arguments):
        raise AssertionError("trained again")

    monkeypatch.undo()
    monkeypatch.setattr(training_pool.ProcessPoolExecutor, "submit", fail)
    config = WindowRNNConfig()
    again = bands.measure(config, Named("mnist", config), seeds=SEEDS, jobs=1, store=store)
    assert again == first


@pytest.fixture(scope="module")
def small():
    digits = datasets.load("digits")
    return for_dataset(DenseConfig(units=8, steps=30), digits), digits


@pytest.mark.slow
@pytest.mark.skipif("MNIST_DIR" not in os.environ, reason="needs MNIST_DIR")
def test_trainings_of_each_side_are_equivalent_on_mnist(tmp_path):
    """Within a hundredth, and not within it where one side ends a hundredth lower.

    Of the model that trains fastest; that the window RNN's end in its band, tests/legacy and
    tests/modern see.
    """
    mnist = datasets.load("mnist")
    config = for_dataset(DenseConfig(), mnist)
    store = ResultStore(str(tmp_path), {})
    found = bands.measure(config, mnist, seeds=bands.SEEDS["dense"], jobs=2, store=store)
    assert found["margin"] == 0.01
    assert found["alpha"] == 0.05
    assert found["equivalent"], found
    assert all(entry["passed"] for entry in bands.entries(found, config)), found
    lower = [value - 0.01 for value in found["modern"]]
    assert not equivalence(found["legacy"], lower, margin=0.01, alpha=0.05).equivalent


@pytest.mark.slow
def test_trainings_in_processes_depend_on_side_and_seed_alone(small, tmp_path):
    config, digits = small
    store = ResultStore(str(tmp_path), {})
    found = bands.measure(config, digits, seeds=2, jobs=2, store=store)
    configs = [dataclasses.replace(config, seed=seed) for seed in (0, 1)]
    for side in ("legacy", "modern"):
        here = [training_pool.final_accuracy(side, one, digits) for one in configs]
        assert found[side] == here
    accuracies = found["legacy"] + found["modern"]
    assert len(set(accuracies)) > 1
    assert all(0 < accuracy < 1 for accuracy in accuracies)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["legacy", "modern"])
def test_the_final_accuracy_is_the_median_of_tests_that_leave_the_training_as_it_is(
    side, small, tmp_path
):
    config, digits = small
    found = {}
    for count in (1, training_pool.FINAL_TESTS):
        run = runs.create_run(tmp_path / str(count), side, config=config, dataset="digits")
        found[count] = SIDES[side].train(run, digits, final_tests=count)["test"], run.steps()
    (once, steps), (often, same_steps) = found.values()
    np.testing.assert_array_equal(steps, same_steps)
    assert [test["step"] for test in often] == list(
        range(config.total_steps - 6, config.total_steps + 1)
    )
    assert once == often[-1:]
    accuracies = [test["accuracy"] for test in often]
    assert len(set(accuracies)) > 1
    assert training_pool.final_accuracy(side, config, digits) == np.median(accuracies)


@pytest.mark.slow
def test_trainings_beside_other_work_are_kept_when_that_is_interrupted(small, tmp_path):
    config, digits = small
    store = ResultStore(str(tmp_path), {})

    def kept():
        plan = [(side, seed) for seed in range(4) for side in SIDES]
        return [one for one in plan if store.load(training_pool.result_name(*one)) is not None]

    def interrupted_after_one():
        began = time.monotonic()
        with bands.begun(config, digits, seeds=4, jobs=1, store=store):
            while not kept() and time.monotonic() < began + 120:
                time.sleep(0.1)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted_after_one()
    assert 1 <= len(kept()) < 8
    assert not multiprocessing.active_children()


@pytest.mark.slow
def test_a_training_that_fails_ends_the_measurement(small, tmp_path):
    config = dataclasses.replace(small[0], learning_rate=1e30)
    with pytest.raises(UserError, match="the loss is"):
        bands.measure(config, small[1], seeds=2, jobs=1, store=ResultStore(str(tmp_path), {}))
