"""The ladder: from the weights to 200 steps of training, each rung a comparison of two sides.

A rung passes when the worst element of its arrays is within the table of porting/tolerances.py.
"""

from typing import NamedTuple

import numpy as np

from porting.differences import difference
from porting.tolerances import tolerance


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


def climb(legacy, modern, batches, *, dtype, exact=None):
    """Compares two sides (porting.sides.Side) that should be equal, rung by rung.

    Args:
        legacy, modern: the two sides; both are trained by this.
        batches: list of (images [B, T, F] float32, labels [B] int64), one per step.
        dtype: "float32" or "float64", of both sides.
        exact: a third side like `modern` whose optimizer has TF1's powers of beta.

    Yields:
        The rungs in order, also those beyond one that fails.
    """
    images, labels = batches[0]
    stored = "weights with forget bias" if hasattr(legacy.config, "forget_bias") else "weights"
    yield rung(stored, legacy.weights(), modern.weights(), dtype=dtype)

    first, second = legacy.forward(images), modern.forward(images)
    logits = [{"logits": forward.pop("logits")} for forward in (first, second)]
    yield rung("outputs", first, second, dtype=dtype)
    yield rung("logits", *logits, dtype=dtype)

    (loss_1, gradients_1), (loss_2, gradients_2) = (
        side.gradients(images, labels) for side in (legacy, modern)
    )
    yield rung("loss", {"loss": loss_1}, {"loss": loss_2}, dtype=dtype)
    yield rung("gradients", gradients_1, gradients_2, dtype=dtype)

    first, second = legacy.train_steps(batches[:1]), modern.train_steps(batches[:1])
    if legacy.slots() or modern.slots():
        yield rung("slots", legacy.slots(), modern.slots(), dtype=dtype)
    yield rung("stepped weights", legacy.weights(), modern.weights(), dtype=dtype)

    first = np.concatenate([first, legacy.train_steps(batches[1:])])
    second = np.concatenate([second, modern.train_steps(batches[1:])])
    yield from loss_rungs(first, second, dtype=dtype, config=legacy.config)
    together = dtype == "float64" or len(batches) <= legacy.config.float32_horizon
    if legacy.config.optimizer == "sgd" and together:
        yield rung("weights after SGD", legacy.weights(), modern.weights(), dtype=dtype)
    if exact is not None:
        third = exact.train_steps(batches)
        name = "losses of 200 steps, TF1's powers"
        yield rung(name, {"step": first}, {"step": third}, dtype=dtype)
        yield rung("weights, TF1's powers", legacy.weights(), exact.weights(), dtype=dtype)


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
