"""The ladder: from the weights to exported models, each rung a comparison of two sides.

A rung passes when the worst element of its arrays is within the table of porting/tolerances.py.
"""

import os
from typing import NamedTuple

import numpy as np

from porting.comparison import lengths
from porting.comparison.findings import Findings
from porting.differences import difference
from porting.sides import exported
from porting.tolerances import tolerance

RESUMED = 20  # steps of each of the three legs of a resumed training, where it stays that long


class Rung(NamedTuple):
    """One comparison: what was compared, in which dtype, how far the sides part and where."""

    quantity: str
    dtype: str
    max_abs: float
    place: str
    bound: float

    @property
    def passed(self):
        return self.max_abs <= self.bound


def rung(quantity, legacy, modern, *, dtype):
    """Compares two dicts of arrays under the tolerance of `quantity`."""
    found = difference(legacy, modern)
    return Rung(quantity, dtype, found.max_abs, found.place, tolerance(quantity, dtype).bound)


def climb(legacy, modern, batches, *, dtype, exact=None, seen=None, exports=None):
    """Compares two sides (porting.sides.Side) that should be equal, rung by rung.

    Args:
        legacy, modern: the two sides; both are trained by this.
        batches: list of (images [B, T, F] float32, labels [B] int64), one per step.
        dtype: "float32" or "float64", of both sides.
        exact: a third side like `modern` whose optimizer has TF1's powers of beta. Without it
            `modern` needs them itself to pass rung 7 in float64, if it trains by Adam (D8).
        seen: Findings to fill in.
        exports: an empty folder for the SavedModels of both sides, of float32; None: no rung 8.

    Yields:
        The rungs in order, also those beyond one that fails.
    """
    seen = Findings() if seen is None else seen
    sides = legacy, modern
    yield from _variables(*sides, dtype=dtype)
    yield from _outputs(*sides, batches[0][0], dtype=dtype, seen=seen)
    yield from _loss_and_gradients(*sides, batches[0], dtype=dtype, seen=seen)
    yield from _training(*sides, batches, dtype=dtype, exact=exact, seen=seen)
    yield from _resumed(legacy, modern if exact is None else exact, batches, dtype=dtype)
    if exports is not None:
        yield _exported(*sides, batches[0][0], folder=exports)


def loss_rungs(legacy, modern, *, dtype, config, where=""):
    """Compares two series of losses [steps] over each horizon that they reach.

    `where` goes before the place of the worst element.
    """
    name = f"{where}step"
    horizons: tuple[int, ...] = (config.float32_horizon if dtype == "float32" else 200,)
    if config.optimizer == "adam" and dtype == "float32":
        horizons = (50, 200)
    unit = "SGD steps" if config.optimizer == "sgd" else "steps"
    return [
        rung(f"losses of {n} {unit}", {name: legacy[:n]}, {name: modern[:n]}, dtype=dtype)
        for n in horizons
        if min(len(legacy), len(modern)) >= n
    ]


def _variables(legacy, modern, *, dtype):
    stored = "weights with forget bias" if hasattr(legacy.config, "forget_bias") else "weights"
    yield rung(stored, legacy.weights(), modern.weights(), dtype=dtype)


def _outputs(legacy, modern, images, *, dtype, seen):
    first, second = legacy.forward(images), modern.forward(images)
    seen.see_layers(first, second)
    logits = [{"logits": forward.pop("logits")} for forward in (first, second)]
    yield rung("outputs", first, second, dtype=dtype)
    yield rung("logits", *logits, dtype=dtype)
    if lengths.refusal(legacy.config) is None:
        swept, of_each = lengths.sweep(images)
        first, second = (side.forward_lengths(swept, of_each) for side in (legacy, modern))
        seen.see_states(*map(lengths.states, (first, second)), lengths=of_each)
        yield rung("outputs of lengths", first, second, dtype=dtype)


def _loss_and_gradients(legacy, modern, batch, *, dtype, seen):
    (loss_1, first), (loss_2, second) = (side.gradients(*batch) for side in (legacy, modern))
    yield rung("loss", {"loss": loss_1}, {"loss": loss_2}, dtype=dtype)
    accuracies = [{"accuracy": side.accuracy(*batch)} for side in (legacy, modern)]
    yield rung("accuracy", *accuracies, dtype=dtype)
    seen.see_gradients(first, second, dtype=dtype)
    yield rung("gradients", first, second, dtype=dtype)


def _training(legacy, modern, batches, *, dtype, exact, seen):
    """One step, then all of them."""
    first, second = (side.train_steps(batches[:1]) for side in (legacy, modern))
    if legacy.slots() or modern.slots():
        yield rung("slots", legacy.slots(), modern.slots(), dtype=dtype)
    yield rung("stepped weights", legacy.weights(), modern.weights(), dtype=dtype)

    first = np.concatenate([first, legacy.train_steps(batches[1:])])
    second = np.concatenate([second, modern.train_steps(batches[1:])])
    seen.losses = {"legacy": first, "modern": second}
    yield from loss_rungs(first, second, dtype=dtype, config=legacy.config)
    together = dtype == "float64" or len(batches) <= legacy.config.float32_horizon
    if legacy.config.optimizer == "sgd" and together:
        yield rung("weights after SGD", legacy.weights(), modern.weights(), dtype=dtype)
    if exact is not None:
        seen.losses["exact"] = third = exact.train_steps(batches)
        name = "losses of 200 steps, TF1's powers"
        yield rung(name, {"step": first}, {"step": third}, dtype=dtype)
        yield rung("weights, TF1's powers", legacy.weights(), exact.weights(), dtype=dtype)


def _resumed(legacy, modern, batches, *, dtype):
    """Legacy trains, modern goes on from its state, then legacy from modern's: as legacy alone."""
    config = legacy.config
    leg = min(RESUMED, len(batches) // 3)
    if dtype == "float32":
        leg = min(leg, config.float32_horizon // 3)
    if leg:
        first, second, third = (batches[n * leg : (n + 1) * leg] for n in range(3))
        losses = [legacy.train_steps(first)]
        state = legacy.state()
        alone = [*losses, legacy.train_steps([*second, *third])]
        end = legacy.state()
        modern.restore(state)
        losses.append(modern.train_steps(second))
        legacy.restore(modern.state())
        losses.append(legacy.train_steps(third))
        legs = [{"step": np.concatenate(series)} for series in (alone, losses)]
        yield rung("resumed losses", *legs, dtype=dtype)
        yield rung("resumed weights", end.weights, legacy.weights(), dtype=dtype)
        if end.slots:
            yield rung("resumed slots", end.slots, legacy.slots(), dtype=dtype)


def _exported(legacy, modern, images, *, folder):
    """Both SavedModels against their models and each other, all with legacy's trained weights."""
    modern.restore(legacy.state())
    logits, answers = {}, {}
    for name, side in (("legacy", legacy), ("modern", modern)):
        target = os.path.join(folder, name)
        side.export(target)
        logits[f"{name}'s"] = side.forward(images)["logits"]
        answers[f"{name}'s"] = exported(target)(images)
    logits["of both"], answers["of both"] = answers["legacy's"], answers["modern's"]
    return rung("exported logits", logits, answers, dtype="float32")
