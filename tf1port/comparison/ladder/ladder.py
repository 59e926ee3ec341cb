"""The ladder: from the weights to exported models, each check a comparison of two sides.

A check passes when the worst element of its arrays is within the table of
tf1port/numerics/tolerances.py.
"""

import functools
import os
from contextlib import suppress

import numpy as np

from tf1port.comparison.ladder import again, checks, constants
from tf1port.comparison.ladder import lengths as lengths_
from tf1port.comparison.ladder.findings import Findings
from tf1port.comparison.sides.exported import exported
from tf1port.comparison.sides.protocol import NotApplicable, NotOffered
from tf1port.errors import UserError
from tf1port.numerics.comparison import check

STEPS = 200  # over which losses are compared
RESUMED = 20  # steps of each of the three legs of a resumed training, where it stays that long
_EXACT_LOSSES, _EXACT_WEIGHTS = "losses of 200 steps, TF1's powers", "weights, TF1's powers"


def run(
    legacy, modern, batches, *, dtype, exact=None, twin=None, seed=0, only=checks.ALL, **options
):
    """Compares two sides (tf1port.comparison.sides.protocol.Side), which should be equal.

    A check that a side does not offer (NotOffered), or that raises, is noted in `seen`; the other
    checks run.

    Args:
        legacy, modern: the two sides; both are trained.
        batches: list of (images [B, T, F] float32, labels [B] int64), one per step.
        dtype: "float32" or "float64", of both sides.
        exact: a third side like `modern` whose optimizer has TF1's powers of beta. Without it
            `modern` needs them itself to pass check 7 in float64, if it trains by Adam (D8).
        twin: a side like `legacy` in the other dtype, whose arrays are passed to `compare` too.
        only: the numbers of the checks to run; checks that share their computation run too.
        seen: Findings to fill in.
        exports: an empty folder for the SavedModels of both sides, of float32; None: no check 8.
        seed: of the values that variables and placeholders get in place of their own.
        compare: a function of a quantity and the arrays of both sides, and the twin's, to a Check.

    Yields:
        The Checks in order; a failure does not end them.
    """
    ladder = _Ladder((legacy, modern) if twin is None else (legacy, modern, twin), dtype, **options)
    for numbers, results in (
        ({1}, ladder.variables()),
        ({2}, ladder.outputs(batches[0][0])),
        ({3, 4}, ladder.loss_and_gradients(batches[0])),
        ({2, 3, 4}, again.redrawn(ladder, batches[0], seed)),
        ({2, 3}, again.varied(ladder, batches[0], seed)),
        ({5, 6}, ladder.training(batches, exact=exact)),
        ({7}, ladder.resumed(batches, modern=modern if exact is None else exact)),
        ({8}, ladder.exported(batches[0][0])),
    ):
        if numbers & set(only):
            yield from results


def loss_checks(*series, dtype, config, where="", compare=None):
    """Compares series of losses [steps] over each horizon that they reach.

    `where` goes before the place of the worst element; `compare` as for run, of this dtype.
    """
    compare = compare or functools.partial(check, dtype=dtype)
    name = f"{where}step"
    return [
        compare(quantity, *({name: losses[:n]} for losses in series))
        for n, quantity in _horizons(config, dtype).items()
        if min(map(len, series)) >= n
    ]


def _horizons(config, dtype):
    """The quantities of loss series by their numbers of steps."""
    horizons: tuple[int, ...] = (config.float32_horizon if dtype == "float32" else STEPS,)
    if config.optimizer == "adam" and dtype == "float32":
        horizons = (50, STEPS)
    unit = "SGD steps" if config.optimizer == "sgd" else "steps"
    return {n: f"losses of {n} {unit}" for n in horizons}


class _Ladder:
    """The checks over some sides: legacy, modern and, where there is one, legacy's twin."""

    def __init__(self, sides, dtype, *, seen=None, exports=None, compare=check):
        self.sides, self.dtype, self.config = sides, dtype, sides[0].config
        self.seen = Findings() if seen is None else seen
        self.exports = exports
        self._check = functools.partial(compare, dtype=dtype)

    def compare(self, quantity, *arrays):
        """A Check, recorded in `seen`."""
        return self._record(self._check(quantity, *arrays))

    def _record(self, result):
        self.seen.compared.add(result.quantity)
        return result

    def variables(self):
        stored = "weights with forget bias" if hasattr(self.config, "forget_bias") else "weights"
        with self.seen.offered(stored):
            yield self.compare(stored, *(side.weights() for side in self.sides))

    def outputs(self, images):
        with self.seen.offered("outputs", "logits"):
            forwards = [dict(side.forward(images)) for side in self.sides]
            self.seen.see_layers(*forwards[:2])
            logits = [forward.pop("logits", None) for forward in forwards]
            with self.seen.offered("outputs"):
                if forwards[0] or forwards[1]:
                    yield self.compare("outputs", *forwards)
            if any(value is None for value in logits):
                raise NotOffered(again.NO_LOGITS)
            yield self.compare("logits", *({"logits": value} for value in logits))
        with self.seen.offered("outputs of lengths"):
            forwards, lengths = self._lengths_outputs(images)
            self.seen.see_states(*map(lengths_.states, forwards[:2]), lengths=lengths)
            yield self.compare("outputs of lengths", *forwards)
        yield from self._cell_constants()

    def _lengths_outputs(self, images):
        """The sides' outputs for all lengths, and the lengths [N]: no 0 where the graph fails."""

        def outputs_from(shortest):
            inputs, lengths = lengths_.repeated(images, shortest=shortest)
            return self._of_sides(lambda side: side.forward_lengths(inputs, lengths)), lengths

        with suppress(UserError):
            outputs, lengths = outputs_from(0)
            if all(map(lengths_.is_finite, outputs[0].values())):
                return outputs, lengths
        self.seen.note("outputs of lengths", "the graph does not take sequences of no steps")
        return outputs_from(1)

    def _cell_constants(self):
        """The cells' clips as constants: the states of a few batches may not reach them."""
        quantity, (legacy, modern) = "constants of cells", self.sides[:2]
        with self.seen.offered(quantity):
            expected = legacy.cell_constants() if hasattr(legacy, "cell_constants") else {}
            if not expected or not hasattr(modern, "cell_constants"):
                return
            actual = modern.cell_constants({name.rpartition(" of ")[2] for name in expected})
            for name, value in expected.items():
                if value is not None and actual.get(name) is constants.UNKNOWN:
                    self.seen.note(
                        quantity, f"{name}, {value:g}: the model's cell does not say its"
                    )
            yield self._record(constants.check(quantity, expected, actual, self.dtype))

    def _optimizer_constants(self, batch):
        """The optimizers' options and rates: a few steps may reach no clip and no decay."""
        legacy, modern = self.sides[:2]
        if not (hasattr(legacy, "optimizer_constants") and hasattr(modern, "optimizer_constants")):
            return
        with self.seen.offered("optimizer"):
            numbers = [*legacy.turning_points(), *modern.turning_points()]
            counts = constants.counts(numbers)
            sides = legacy, modern
            expected, actual = (side.optimizer_constants(batch, counts) for side in sides)
            if not any(name.startswith(constants.RATE) for name in expected):
                self.seen.note(
                    "optimizer", "the learning rate of later steps, which is fed or unknown"
                )
            yield self._record(constants.check("optimizer", expected, actual, self.dtype))

    def _note_dropout(self):
        """Notes dropout of the graph that is off in training by the map's feeds."""
        legacy, modern = self.sides[:2]
        rates = getattr(modern, "dropout_rates", [])
        if (rates or getattr(legacy, "may_drop", False)) and not getattr(modern, "drops", True):
            text = ", ".join(f"{rate:g}" for rate in rates) or "none"
            why = f"the model's rates: {text}; give the program's own keep_prob in [feed_training]"
            self.seen.note("dropout", why)

    def loss_and_gradients(self, batch):
        with self.seen.offered("loss", "gradients"):
            losses, gradients = zip(*(side.gradients(*batch) for side in self.sides), strict=True)
            yield self.compare("loss", *({"loss": loss} for loss in losses))
            with self.seen.offered("accuracy"):
                accuracies = self._of_sides(lambda side: side.accuracy(*batch))
                yield self.compare("accuracy", *({"accuracy": value} for value in accuracies))
            self.seen.see_gradients(*gradients[:2], dtype=self.dtype)
            yield self.compare("gradients", *gradients)
        self._note_dropout()

    def training(self, batches, *, exact):
        """One step, then all of them."""
        horizons = _horizons(self.config, self.dtype).values()
        with self.seen.offered("stepped weights", *horizons):
            first = [side.train_steps(batches[:1]) for side in self.sides]
            with self.seen.offered("slots"):
                slots = [side.slots() for side in self.sides]
                if slots[0] or slots[1]:
                    yield self.compare("slots", *slots)
            yield self._weights("stepped weights")
            yield from self._optimizer_constants(batches[0])
            rest = [side.train_steps(batches[1:]) for side in self.sides]
            losses = [np.concatenate(both) for both in zip(first, rest, strict=True)]
            yield from self._trained(losses, batches)
            if exact is not None:
                with self.seen.offered(_EXACT_LOSSES, _EXACT_WEIGHTS):
                    yield from self._exactly_trained(losses, batches, exact=exact)

    def _trained(self, losses, batches):
        self.seen.losses = dict(zip(("legacy", "modern"), losses[:2], strict=True))
        yield from loss_checks(*losses, dtype=self.dtype, config=self.config, compare=self.compare)
        for n, quantity in _horizons(self.config, self.dtype).items():
            with self.seen.offered(quantity):
                _check_count(batches, n)
        together = self.dtype == "float64" or len(batches) <= self.config.float32_horizon
        if self.config.optimizer == "sgd" and together:
            with self.seen.offered("weights after SGD"):
                yield self._weights("weights after SGD")

    def _exactly_trained(self, losses, batches, *, exact):
        self.seen.losses["exact"] = third = exact.train_steps(batches)
        with self.seen.offered(_EXACT_LOSSES):
            _check_count(batches, STEPS)
            series = [losses[0], third, *losses[2:]]
            yield self.compare(_EXACT_LOSSES, *({"step": values} for values in series))
        sides = [self.sides[0], exact, *self.sides[2:]]
        yield self.compare(_EXACT_WEIGHTS, *(side.weights() for side in sides))

    def resumed(self, batches, *, modern):
        """Legacy trains, modern resumes from its state, then legacy from modern's.

        The losses and the final state must be those of legacy training alone.
        """
        leg = min(RESUMED, len(batches) // 3)
        if self.dtype == "float32":
            leg = min(leg, self.config.float32_horizon // 3)
        legs = [batches[n * leg : (n + 1) * leg] for n in range(3)]
        with self.seen.offered("resumed losses", "resumed weights"):
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
        finals = [legacy.state()]
        modern.restore(state)
        losses.append(modern.train_steps(second))
        legacy.restore(modern.state())
        losses.append(legacy.train_steps(third))
        series = [np.concatenate(legs_losses) for legs_losses in (alone, losses)]
        finals.append(legacy.state())
        for twin in twins:
            twin.restore(start)
            series.append(twin.train_steps([*first, *second, *third]))
            finals.append(twin.state())
        yield self.compare("resumed losses", *({"step": legs_losses} for legs_losses in series))
        yield self.compare("resumed weights", *(final.weights for final in finals))
        if finals[0].slots:
            yield self.compare("resumed slots", *(final.slots for final in finals))

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
                expected = side.forward(images).get("logits")
                if expected is None:
                    raise NotOffered(again.NO_LOGITS)
                logits[f"{name}'s"] = expected
                answers[f"{name}'s"] = exported(target)(images)
        if len(answers) == 2:
            logits["of both"], answers["of both"] = answers["legacy's"], answers["modern's"]
        with self.seen.offered("exported logits"):
            if answers:
                yield self.compare("exported logits", logits, answers)

    def _weights(self, quantity):
        return self.compare(quantity, *(side.weights() for side in self.sides))

    def _of_sides(self, question):
        """The answer of each side to a question, a function of a side.

        Raises:
            NotOffered: it applies to one side alone.
            NotApplicable: it applies to neither.
        """
        answers, missing = [], []
        for side in self.sides:
            try:
                answers.append(question(side))
            except NotApplicable as why:
                missing.append(why)
        if missing:
            raise NotOffered(f"of one side alone: {missing[0]}") if answers else missing[0]
        return answers


def _check_count(batches, needed):
    """Raises NotOffered where there are fewer batches than wanted."""
    if len(batches) < needed:
        raise NotOffered(f"{len(batches)} steps are too few: give {needed}")
