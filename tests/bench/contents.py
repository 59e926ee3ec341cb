"""A bench.json without a measurement."""

import numpy as np

from bench import results
from bench.session import EVALUATE, MEDIAN, MEMORY, STARTUP, TRAIN, Row
from bench.sweeps import Point
from shared.config import WindowRNNConfig

LOAD = {"average_before": 0.1, "before": None, "during": None, "warnings": []}
LEGACY, MODERN = 4e-3, 2e-3  # s per training step
FLOOR = {
    "flops": 8e7,
    "bytes": 2e6,
    "flops_per_second": 1e11,
    "bytes_per_second": 1e10,
    "seconds": 8e-4,
}


def noisy(seconds, *, seed, rounds=9, spread=0.05):
    """Times around `seconds`."""
    factors = np.random.RandomState(seed).uniform(1 - spread, 1 + spread, rounds)
    return (seconds * factors).tolist()


def content(modern=MODERN, *, rounds=9, seed=0, load=LOAD, missing=True):
    """What `make bench` would write where a modern step takes `modern` seconds."""
    rows = [
        Row(STARTUP, "legacy", "s", [5.0, 5.5]),
        Row(STARTUP, "modern", "s", [6.0, 6.6]),
        Row(TRAIN, "legacy", "s", noisy(LEGACY, seed=seed, rounds=rounds)),
        Row(TRAIN, "modern", "s", noisy(modern, seed=seed + 1, rounds=rounds)),
    ]
    if missing:
        rows.append(Row(TRAIN, "PyTorch", "s", [], "not installed: pip install '.[bench]'"))
    rows += [
        Row(EVALUATE, "legacy", "s", noisy(0.5, seed=seed + 2, rounds=rounds)),
        Row(EVALUATE, "modern", "s", noisy(0.1, seed=seed + 3, rounds=rounds)),
        Row(MEDIAN, "legacy: session.run", "s", noisy(1e-3, seed=seed + 4, rounds=rounds)),
        Row(MEDIAN, "modern: tf.function", "s", noisy(2e-3, seed=seed + 5, rounds=rounds)),
        Row(MEMORY, "legacy", "bytes", [700 * 2**20]),
        Row(MEMORY, "modern", "bytes", [350 * 2**20]),
    ]
    points = [Point(size, [Row(TRAIN, "legacy", "s", [size * 1e-4])]) for size in (32, 128)]
    entry = results.of_model(
        WindowRNNConfig(), "mnist", steps=500, floor=FLOOR, rows=rows, sweeps={"batch": points}
    )
    return results.of_session("python -m bench window-rnn", load, [entry])
