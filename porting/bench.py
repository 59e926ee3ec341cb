"""Speed: seconds per training step of both sides, taken in turn in one process."""

import platform
import time

import numpy as np
import tensorflow.compat.v1 as tf1

from legacy_tf1 import input_pipeline as legacy_pipeline
from legacy_tf1 import training as legacy_training
from modern_tf2 import input_pipeline as modern_pipeline
from modern_tf2 import training as modern_training
from shared.config import train_split

STEPS = 500  # per turn: a multiple of the steps between two returns to Python
ROUNDS = 7


def bench(config, dataset, *, rounds=ROUNDS, steps=STEPS):
    """Seconds per training step of "legacy" and "modern": a list per side, one entry per round.

    Each turn trains `steps` steps from the plan, input pipeline and records included. A turn of
    each side goes first and is not counted: it traces and warms up.
    """
    sides = {
        "legacy": legacy_turns(config, dataset, steps),
        "modern": modern_turns(config, dataset, steps),
    }
    seconds = {side: [] for side in sides}
    for turn in range(rounds + 1):
        for side, turns in sides.items():
            taken = next(turns)
            if turn:
                seconds[side].append(taken / steps)
    return seconds


def legacy_turns(config, dataset, steps):
    """Yields the seconds of one turn of the TF1 graph after the other."""
    with tf1.Graph().as_default():
        model = legacy_training.MODELS[config.model].build_model(config)
        fetches = [model.loss, model.accuracy, model.train_op]
        with tf1.Session(config=legacy_training.session_config()) as session:
            session.run(tf1.global_variables_initializer())
            while True:
                start = time.perf_counter()
                for images, labels in legacy_pipeline.train_batches(
                    train_split(config, dataset), config, epoch=0, skip=0, count=steps
                ):
                    session.run(fetches, {model.inputs: images, model.labels: labels})
                yield time.perf_counter() - start


def modern_turns(config, dataset, steps):
    """Yields the seconds of one turn of the Keras model after the other."""
    model = modern_training.MODELS[config.model].build_model(config)
    recorded, recorder = modern_training.recorded(model, capacity=steps)
    batches = modern_pipeline.train_batches(
        train_split(config, dataset), config, epoch=0, skip=0, count=steps
    )
    while True:
        start = time.perf_counter()
        recorded.fit(batches, verbose=0, shuffle=False)
        recorder.since(0)
        yield time.perf_counter() - start


def lines(seconds):
    """The measurement as a table: medians with their range, and the ratio turn by turn."""
    found = [f"{platform.machine()}, TensorFlow {tf1.__version__}, {len(seconds['legacy'])} rounds"]
    found.append(f"{'':<8} {'median':>9} {'min':>9} {'max':>9}   ms per training step")
    for side, values in seconds.items():
        low, median, high = (1e3 * f(values) for f in (np.min, np.median, np.max))
        found.append(f"{side:<8} {median:>9.3f} {low:>9.3f} {high:>9.3f}")
    ratios = np.array(seconds["modern"]) / np.array(seconds["legacy"])
    found.append(
        f"modern / legacy: {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f})"
    )
    return found
