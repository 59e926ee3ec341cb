"""Negative controls: known mistakes, each of which the ladder has to notice at its own check.

A harness that cannot fail proves nothing. A control that no check notices, or another one than its
own, is a fault of the ladder.
"""

import dataclasses
import functools

from equivalence import proof
from equivalence.controls import models as of_models
from equivalence.controls import training as of_training
from equivalence.legacy_side import LegacySide
from equivalence.modern_side import ModernSide
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
    """Runs the ladder with every control that applies to the model, up to the first check to fail.

    Args:
        config: the model's config; wrong sides are never of a fused kernel, which has no float64 or
            no lengths.
        weights: named weights to start from; noise is added to equal values first.
        batches: the first 200 batches of a training.
        progress: called with each row once it is known.

    Returns:
        A row per control (tf1port.comparison.ladder.entries.Control), "caught" where its own check
        fails and none before.
    """
    if getattr(config, "kernel", "auto").startswith("fused"):
        config = dataclasses.replace(config, kernel="auto")
    varied = proof.without_constants(weights, seed=0)
    # Changes in float32 would be rounded, which shows in float64.
    upcast = {name: value.astype("float64") for name, value in varied.items()}
    legacy, modern = (functools.partial(side, config, upcast) for side in (_legacy, _modern))
    bench = Bench(legacy, modern, batches)
    rows = []
    for control in of(config):
        rows.append(bench.row(control))
        if progress is not None:
            progress(rows[-1])
    return rows


def _legacy(config, weights, dtype):
    return LegacySide(config, weights, dtype=dtype)


def _modern(config, weights, dtype):
    # With Keras' powers of beta no resume of float64 agrees (D8).
    exact = config.optimizer == "adam" and dtype == "float64"
    return ModernSide(config, weights, dtype=dtype, powers="tf1" if exact else "keras")


def of_dataset(config, dataset):
    """The matrix for the weights and batches that a training starts with."""
    batches = proof.first_batches(config, dataset, MANY)
    with progress_bar(None, "known mistakes", unit="", total=len(of(config))) as bar:
        weights = proof.initial_weights(config)
        return matrix(config, weights, batches, progress=lambda row: bar.update())
