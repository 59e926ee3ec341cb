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

    Returns:
        A list of rungs, all of them, also beyond one that fails.
    """
    images, labels = batches[0]
    rungs = [rung("weights", legacy.weights(), modern.weights(), dtype=dtype)]

    first, second = legacy.forward(images), modern.forward(images)
    logits = [{"logits": forward.pop("logits")} for forward in (first, second)]
    rungs.append(rung("outputs", first, second, dtype=dtype))
    rungs.append(rung("logits", *logits, dtype=dtype))

    (loss_1, gradients_1), (loss_2, gradients_2) = (
        side.gradients(images, labels) for side in (legacy, modern)
    )
    rungs.append(rung("loss", {"loss": loss_1}, {"loss": loss_2}, dtype=dtype))
    rungs.append(rung("gradients", gradients_1, gradients_2, dtype=dtype))

    first, second = legacy.train_steps(batches[:1]), modern.train_steps(batches[:1])
    rungs.append(rung("slots", legacy.slots(), modern.slots(), dtype=dtype))
    rungs.append(rung("stepped weights", legacy.weights(), modern.weights(), dtype=dtype))

    first = np.concatenate([first, legacy.train_steps(batches[1:])])
    second = np.concatenate([second, modern.train_steps(batches[1:])])
    rungs.extend(loss_rungs(first, second, dtype=dtype))
    if exact is not None:
        third = exact.train_steps(batches)
        name = "losses of 200 steps, TF1's powers"
        rungs.append(rung(name, {"step": first}, {"step": third}, dtype=dtype))
    return rungs


def loss_rungs(legacy, modern, *, dtype, where=""):
    """Compares two series of losses [steps] over each horizon that they reach.

    `where` goes before the place of the worst element.
    """
    name = f"{where}step"
    horizons = {"float32": (50, 200), "float64": (200,)}[dtype]
    return [
        rung(f"losses of {n} steps", {name: legacy[:n]}, {name: modern[:n]}, dtype=dtype)
        for n in horizons
        if min(len(legacy), len(modern)) >= n
    ]
