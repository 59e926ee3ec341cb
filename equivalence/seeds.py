"""Check 9: independent trainings of both sides reach the same accuracy on average.

Each training draws its initial weights on its own side; for one seed the sides share the batch
order and the test batches. The distributions of the final accuracies are compared. Single steps
move a test's accuracy as much as another seed does, and some of Adam's by far more: the final
accuracy of a training is the median of several tests over its last tenth.
"""

from concurrent.futures import as_completed
from contextlib import contextmanager

import numpy as np

from equivalence.training_pool import FINAL_TESTS, result_name, training
from equivalence.trainings import SIDES
from shared.config import for_dataset
from tf1port.comparison.ladder import checks
from tf1port.comparison.ladder.bands import QUANTITY, RISING, compared, judged
from tf1port.numerics.comparison import Check
from tf1port.numerics.tolerances import tolerance
from tf1port.progress import progress

MEAN = "mean test accuracy"
# Where the mean accuracy of a model's default config ends, as under TensorFlow 1.15.
BANDS = {("window-rnn", "mnist"): (0.930, 0.955)}
MAX_SEEDS, MAX_JOBS = 1000, 64
# Trainings of each side on MNIST: as many as equal sides need to pass 95 times in 100, if their
# final accuracies scatter by SCATTER from seed to seed. The window RNN's scatter by 0.0025.
SEEDS = {"window-rnn": 5, "row-lstm": 12, "nested-rnn": 11, "dense": 6, "conv": 6}
SCATTER = {"window-rnn": 0.0035, "row-lstm": 0.013, "nested-rnn": 0.006, "dense": 0.004}
SCATTER["conv"] = 0.004


@contextmanager
def begun(config, dataset, *, seeds, jobs, store):
    """Trains, as `measure` would, while the block runs, and waits for the rest at its end.

    The block may leave a core idle, as the ladder does.
    """
    plan = [(side, seed) for seed in _numbers(config, seeds) for side in SIDES]
    missing = [pair for pair in plan if store.load(result_name(*pair)) is None]
    if not missing:
        yield
        return
    with training(config, dataset, missing, jobs=jobs, store=store) as futures:
        yield
        done = as_completed(futures)
        for future in progress(done, "seeds", unit=" trainings", total=len(missing)):
            future.result()


def measure(config, dataset, *, seeds, jobs, store):
    """Trains each side from so many seeds, unless the store has the accuracies.

    Args:
        config: the model's config, whose seed comes first.
        seeds: how many, 2 or more.
        jobs: processes that train in parallel.
        store: equivalence.result_store.ResultStore.

    Returns:
        `bands` of the report.
    """
    numbers = _numbers(config, seeds)
    with begun(config, dataset, seeds=seeds, jobs=jobs, store=store):
        pass  # it only waits for them
    accuracies = {side: [store.load(result_name(side, seed)) for seed in numbers] for side in SIDES}
    quantity = _quantity(config)
    margin = tolerance(quantity, "float32").bound
    result = judged(accuracies, margin=margin, quantity=quantity)
    return {
        "seeds": numbers,
        "tests": FINAL_TESTS,
        **result,
        "band": _band(config, dataset),
    }


def entries(bands, config):
    """The entries of check 9; `bands` is None where nothing was trained for it."""
    if bands is None:
        why = f"no trainings from several seeds: --seeds {SEEDS[config.model]} adds them"
        more = {"quantity": _quantity(config), "dtype": "float32"}
        return [checks.left_out(9, why, needed=False, **more)]
    return [compared(bands), *([_in_band(bands)] if bands["band"] else [])]


def _in_band(bands):
    """The largest distance of the sides' means from the middle of the band, as a check."""
    low, high = bands["band"]
    means = {side: float(np.mean(bands[side])) for side in SIDES}
    gap = max(abs(mean - (low + high) / 2) for mean in means.values())
    place = ", ".join(f"{side} {mean:.4f}" for side, mean in means.items())
    allowed = tolerance(MEAN, "float32")
    return checks.compared(Check(MEAN, "float32", gap, place, allowed.bound, allowed.reason))


def _quantity(config):
    """The quantity compared: after one epoch of plain SGD the row LSTM has not converged."""
    return RISING if config.model == "row-lstm" and config.epochs == 1 else QUANTITY


def _band(config, dataset):
    default = for_dataset(type(config)(seed=config.seed), dataset)
    band = BANDS.get((config.model, dataset.name))
    return list(band) if band and config == default else None


def _numbers(config, seeds):
    return [(config.seed + number) % 2**32 for number in range(seeds)]
