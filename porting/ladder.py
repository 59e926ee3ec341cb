"""The ladder: from the weights to exported models, each rung a comparison of two sides.

A rung passes when the worst element of its arrays is within the table of porting/tolerances.py.
"""

import functools
import os
from typing import NamedTuple

import numpy as np

from porting.comparison import lengths
from porting.comparison.findings import Findings
from porting.differences import difference
from porting.sides import NotOffered, exported
from porting.tolerances import tolerance

RESUMED = 20  # steps of each of the three legs of a resumed training, where it stays that long


class Rung(NamedTuple):
    """One comparison: what was compared, in which dtype, how far the sides part and where.

    bound: the largest max_abs that passes; reason: why it is not tighter.
    """

    quantity: str
    dtype: str
    max_abs: float
    place: str
    bound: float
    reason: str

    @property
    def passed(self):
        return self.max_abs <= self.bound


def rung(quantity, legacy, modern, *, dtype):
    """Compares two dicts of arrays under the tolerance of `quantity`."""
    found, allowed = difference(legacy, modern), tolerance(quantity, dtype)
    return Rung(quantity, dtype, found.max_abs, found.place, allowed.bound, allowed.reason)


def climb(legacy, modern, batches, *, dtype, exact=None, twin=None, **options):
    """Compares two sides (porting.sides.Side) that should be equal, rung by rung.

    What a side does not offer (porting.sides.NotOffered) is left out and noted in `seen`.

    Args:
        legacy, modern: the two sides; both are trained by this.
        batches: list of (images [B, T, F] float32, labels [B] int64), one per step.
        dtype: "float32" or "float64", of both sides.
        exact: a third side like `modern` whose optimizer has TF1's powers of beta. Without it
            `modern` needs them itself to pass rung 7 in float64, if it trains by Adam (D8).
        twin: a side like `legacy` in the other dtype, for a `compare` that knows what to do of it.
        seen: Findings to fill in.
        exports: an empty folder for the SavedModels of both sides, of float32; None: no rung 8.
        compare: makes a Rung of a quantity and the arrays of both sides, and of the twin.

    Yields:
        The rungs in order, also those beyond one that fails.
    """
    ladder = _Ladder((legacy, modern) if twin is None else (legacy, modern, twin), dtype, **options)
    for part in (
        ladder.variables(),
        ladder.outputs(batches[0][0]),
        ladder.loss_and_gradients(batches[0]),
        ladder.training(batches, exact=exact),
        ladder.resumed(batches, modern=modern if exact is None else exact),
        ladder.exported(batches[0][0]),
    ):
        yield from part


def loss_rungs(*series, dtype, config, where="", compare=None):
    """Compares series of losses [steps] over each horizon that they reach.

    `where` goes before the place of the worst element; `compare` as for climb, of this dtype.
    """
    compare = compare or functools.partial(rung, dtype=dtype)
    name = f"{where}step"
    horizons: tuple[int, ...] = (config.float32_horizon if dtype == "float32" else 200,)
    if config.optimizer == "adam" and dtype == "float32":
        horizons = (50, 200)
    unit = "SGD steps" if config.optimizer == "sgd" else "steps"
    return [
        compare(f"losses of {n} {unit}", *({name: losses[:n]} for losses in series))
        for n in horizons
        if min(map(len, series)) >= n
    ]


class _Ladder:
    """The rungs over some sides: legacy, modern and, where there is one, legacy's twin."""

    def __init__(self, sides, dtype, *, seen=None, exports=None, compare=rung):
        self.sides, self.dtype, self.config = sides, dtype, sides[0].config
        self.seen = Findings() if seen is None else seen
        self.exports = exports
        self.compare = functools.partial(compare, dtype=dtype)

    def variables(self):
        with self.seen.offered("weights"):
            stored = (
                "weights with forget bias" if hasattr(self.config, "forget_bias") else "weights"
            )
            yield self.compare(stored, *(side.weights() for side in self.sides))

    def outputs(self, images):
        with self.seen.offered("outputs"):
            found = [dict(side.forward(images)) for side in self.sides]
            self.seen.see_layers(*found[:2])
            logits = [forward.pop("logits", None) for forward in found]
            if found[0] or found[1]:
                yield self.compare("outputs", *found)
            with self.seen.offered("logits"):
                if any(each is None for each in logits):
                    raise NotOffered("a side does not tell its logits")
                yield self.compare("logits", *({"logits": each} for each in logits))
        with self.seen.offered("outputs of lengths"):
            swept, of_each = lengths.sweep(images)
            found = [side.forward_lengths(swept, of_each) for side in self.sides]
            self.seen.see_states(*map(lengths.states, found[:2]), lengths=of_each)
            yield self.compare("outputs of lengths", *found)

    def loss_and_gradients(self, batch):
        with self.seen.offered("loss", "gradients"):
            losses, gradients = zip(*(side.gradients(*batch) for side in self.sides), strict=True)
            yield self.compare("loss", *({"loss": loss} for loss in losses))
            with self.seen.offered("accuracy"):
                accuracies = [side.accuracy(*batch) for side in self.sides]
                yield self.compare("accuracy", *({"accuracy": each} for each in accuracies))
            self.seen.see_gradients(*gradients[:2], dtype=self.dtype)
            yield self.compare("gradients", *gradients)

    def training(self, batches, *, exact):
        """One step, then all of them."""
        with self.seen.offered("stepped weights", "losses of 200 steps"):
            first = [side.train_steps(batches[:1]) for side in self.sides]
            with self.seen.offered("slots"):
                slots = [side.slots() for side in self.sides]
                if slots[0] or slots[1]:
                    yield self.compare("slots", *slots)
            yield self._weights("stepped weights")
            rest = [side.train_steps(batches[1:]) for side in self.sides]
            losses = [np.concatenate(both) for both in zip(first, rest, strict=True)]
            yield from self._trained(losses, batches, exact=exact)

    def _trained(self, losses, batches, *, exact):
        self.seen.losses = dict(zip(("legacy", "modern"), losses[:2], strict=True))
        found = loss_rungs(*losses, dtype=self.dtype, config=self.config, compare=self.compare)
        yield from found
        with self.seen.offered("losses of 200 steps"):
            if not found:
                raise NotOffered(f"{len(batches)} steps are too few: give 200")
        together = self.dtype == "float64" or len(batches) <= self.config.float32_horizon
        if self.config.optimizer == "sgd" and together:
            yield self._weights("weights after SGD")
        if exact is not None:
            self.seen.losses["exact"] = third = exact.train_steps(batches)
            series = [losses[0], third, *losses[2:]]
            name = "losses of 200 steps, TF1's powers"
            yield self.compare(name, *({"step": each} for each in series))
            sides = [self.sides[0], exact, *self.sides[2:]]
            yield self.compare("weights, TF1's powers", *(side.weights() for side in sides))

    def resumed(self, batches, *, modern):
        """Legacy trains, modern goes on from its state, then legacy from modern's: as alone."""
        leg = min(RESUMED, len(batches) // 3)
        if self.dtype == "float32":
            leg = min(leg, self.config.float32_horizon // 3)
        legs = [batches[n * leg : (n + 1) * leg] for n in range(3)]
        with self.seen.offered("resumed losses"):
            if not leg:
                raise NotOffered("fewer than three batches: a resumed training takes one a leg")
            yield from self._there_and_back(legs, modern=modern)

    def _there_and_back(self, legs, *, modern):
        legacy, _, *twins = self.sides
        first, second, third = legs
        start = legacy.state()
        losses = [legacy.train_steps(first)]
        state = legacy.state()
        alone = [*losses, legacy.train_steps([*second, *third])]
        ends = [legacy.state()]
        modern.restore(state)
        losses.append(modern.train_steps(second))
        legacy.restore(modern.state())
        losses.append(legacy.train_steps(third))
        series = [np.concatenate(each) for each in (alone, losses)]
        ends.append(legacy.state())
        for twin in twins:
            twin.restore(start)
            series.append(twin.train_steps([*first, *second, *third]))
            ends.append(twin.state())
        yield self.compare("resumed losses", *({"step": each} for each in series))
        yield self.compare("resumed weights", *(end.weights for end in ends))
        if ends[0].slots:
            yield self.compare("resumed slots", *(end.slots for end in ends))

    def exported(self, images):
        """The SavedModels against their models and each other, all with legacy's weights."""
        if self.exports is None:
            return
        legacy, modern = self.sides[:2]
        logits, answers = {}, {}
        for name, side in (("legacy", legacy), ("modern", modern)):
            with self.seen.offered("exported logits"):
                if side is modern:
                    modern.restore(legacy.state())
                target = os.path.join(self.exports, name)
                side.export(target)
                logits[f"{name}'s"] = side.forward(images)["logits"]
                answers[f"{name}'s"] = exported(target)(images)
        if len(answers) == 2:
            logits["of both"], answers["of both"] = answers["legacy's"], answers["modern's"]
        if answers:
            yield self.compare("exported logits", logits, answers)

    def _weights(self, quantity):
        return self.compare(quantity, *(side.weights() for side in self.sides))
