"""Negative controls: wrong ports, each of which the ladder has to notice at the rung named for it.

A harness that cannot fail proves nothing. A control that no rung notices, or another one than its
own, is a fault of the ladder.
"""

import dataclasses
import functools

from equivalence import proof
from equivalence.controls import models as of_models
from equivalence.controls import training as of_training
from equivalence.legacy_side import LegacySide
from tf1port.comparison.controls.runner import MANY, Bench
from tf1port.progress import progress as progress_bar

CONTROLS = (*of_models.CONTROLS, *of_training.CONTROLS)


def of(config):
    """The controls that apply to a model, and whose mistake shows in what this config trains."""
    return [
        control
        for control in CONTROLS
        if config.model in control.models
        and (config.window > 1 or not control.over_steps)
        and (config.batch_size > 1 or not control.over_examples)
    ]


def matrix(config, weights, batches, *, progress=None):
    """Climbs the ladder with every control that applies to the model, up to the first rung to fail.

    Args:
        config: the model's config; wrong ports are float64, and so never of a fused kernel.
        weights: named weights to start from; equal values are moved apart first.
        batches: the first 200 batches of a training.
        progress: called with each row once it is there.

    Returns:
        A row per control: "name", "what", the "rung" that must notice it, "found" ("passes",
        "fails" or "not reached" by rung), "caught" (at its rung, and at none before), "not_run"
        (why its rung was not compared, or None) and "diagnosis", the cause found best or None.
    """
    if "float64" not in proof.dtypes(config):
        config = dataclasses.replace(config, kernel="auto")
    moved = proof.without_constants(weights, seed=0)
    # Changes in float32 would round what float64 is to show.
    wide = {name: value.astype("float64") for name, value in moved.items()}
    legacy = functools.partial(_legacy, config, wide)
    bench = Bench(legacy, functools.partial(_wrong, config, wide), batches)
    rows = []
    for control in of(config):
        rows.append(bench.row(control))
        if progress is not None:
            progress(rows[-1])
    return rows


def _legacy(config, weights, dtype):
    return LegacySide(config, weights, dtype=dtype)


def _wrong(config, weights, control, dtype):
    # With Keras' powers of beta no resume of float64 agrees (D8).
    exact = config.optimizer == "adam" and dtype == "float64"
    return control.make(config, weights, dtype=dtype, powers="tf1" if exact else "keras")


def of_dataset(config, dataset):
    """The matrix for the weights and batches that a training starts with."""
    batches = proof.first_batches(config, dataset, MANY)
    with progress_bar(None, "wrong ports", unit="", total=len(of(config))) as bar:
        weights = proof.initial_weights(config)
        return matrix(config, weights, batches, progress=lambda row: bar.update())
