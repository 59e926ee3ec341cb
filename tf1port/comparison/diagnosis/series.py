"""Known mistakes in training that show over many steps, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays, equal if it explains the gap.
"""

from typing import Any

import numpy as np

from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.ladder.ladder import RESUMED as RESUMED_STEPS
from tf1port.numerics import optimizers
from tf1port.pitfalls import catalogue
from tf1port.pitfalls import updates as update_rules
from tf1port.pitfalls.states import RESUMED, reset, without_count, without_slots


def all_of(evidence):
    """All attempts, for the losses of many steps and for a resumed training."""
    if evidence.quantity.startswith("losses of "):
        yield from _series(evidence)
        yield from _simulations(evidence)
    if evidence.quantity.startswith("resumed "):
        yield from _resumed(evidence)


def _series(evidence):
    """Losses of many steps, the first by itself, as the ladder trains."""
    first, rest = evidence.batches[:1], evidence.batches[1:]
    actual = evidence.series
    for pitfall, batches, forget in (
        (catalogue.BATCH_ORDER, rest[::-1], None),
        (catalogue.OPTIMIZER_RESET, rest, reset),
        (catalogue.SLOTS_BETWEEN_FITS, rest, without_slots),
        (catalogue.COUNT_BETWEEN_FITS, rest, without_count),
    ):
        evidence.legacy.train_steps(first)
        if forget is not None:
            evidence.legacy.restore(forget(evidence.legacy.state()))
        losses = _trained(evidence, batches, actual[1:])
        evidence.put_back()
        yield Cause(pitfall), {"step": losses}, {"step": actual[1:]}


def _trained(evidence, batches, actual):
    """Losses [steps] of the legacy side from its present state; infinite once they differ."""
    losses = np.full_like(actual, np.inf)
    for step, batch in enumerate(batches):
        losses[step] = evidence.legacy.train_steps([batch])[0]
        if abs(losses[step] - actual[step]) > evidence.bound:
            losses[step:] = np.inf
            break
    return losses


def _simulations(evidence):
    """Losses of many steps, by update rules that differ from the second step on."""
    actual, config = evidence.series, evidence.config
    rules: list[Any]
    if config.optimizer == "adam":
        rules = [_AMSGrad(config)]
    else:  # Keras may keep the momentum in float32 or float64
        rules = [_Momentum(config, share) for share in (0.9, float(np.float32(0.9)))]
        rules.append(_UnroundedDescent(config))
    for rule in rules:
        losses = _simulated(evidence, rule, actual)
        yield rule.cause, {"step": losses}, {"step": actual}


def _simulated(evidence, rule, actual):
    """Losses [steps] by legacy's gradients and an update rule; infinite once they differ."""
    losses, weights = np.full_like(actual, np.inf), dict(evidence.weights)
    for step, batch in enumerate(evidence.batches):
        evidence.legacy.restore(evidence.start._replace(weights=weights))
        losses[step], gradients = evidence.legacy.gradients(*batch)
        if abs(losses[step] - actual[step]) > evidence.bound:
            losses[step:] = np.inf
            break
        for name, gradient in gradients.items():
            weights[name] = weights[name] - rule.step(name, gradient, step + 1)
    evidence.put_back()
    return losses


class _UnroundedDescent:
    cause = Cause(catalogue.UNROUNDED)

    def __init__(self, config):
        self.rate = config.learning_rate

    def step(self, name, gradient, count):
        return self.rate * gradient


class _Momentum:
    cause = Cause(catalogue.MOMENTUM, "momentum of 0.9 in the gradient descent")

    def __init__(self, config, share):
        self.rate, self.share, self.sums = optimizers.as_tf1(config).learning_rate, share, {}

    def step(self, name, gradient, count):
        self.sums[name] = self.share * self.sums.get(name, 0) + gradient
        return self.rate * self.sums[name]


class _AMSGrad:
    cause = Cause(catalogue.AMSGRAD)

    def __init__(self, config):
        self.config = optimizers.as_tf1(config)
        self.m, self.v, self.largest = {}, {}, {}

    def step(self, name, gradient, count):
        betas = self.config.beta_1, self.config.beta_2
        for slots, beta, power in zip(
            (self.m, self.v), betas, (gradient, gradient**2), strict=True
        ):
            slots[name] = beta * slots.get(name, 0) + (1 - beta) * power
        self.largest[name] = np.maximum(self.largest.get(name, 0), self.v[name])
        c1, c2 = (1 - beta**count for beta in betas)
        moments = self.m[name], self.largest[name]
        rate, epsilon = self.config.learning_rate, self.config.epsilon
        return rate * update_rules.tf1(*moments, c1, c2, epsilon)


def _resumed(evidence):
    """The modern side's first losses after it restored a state of the legacy side."""
    leg = min(RESUMED_STEPS, len(evidence.batches) // 3)
    if evidence.dtype == "float32":
        leg = min(leg, evidence.config.float32_horizon // 3)
    first, second = evidence.batches[:leg], evidence.batches[leg : 2 * leg]
    evidence.legacy.train_steps(first)
    state = evidence.legacy.state()
    own = evidence.modern.state()
    evidence.modern.restore(state)
    actual = {"step": evidence.modern.train_steps(second), **evidence.modern.weights()}
    for pitfall, change in RESUMED.items():
        evidence.legacy.restore(change(state, own))
        losses = evidence.legacy.train_steps(second)
        yield Cause(pitfall), {"step": losses, **evidence.legacy.weights()}, actual
    evidence.put_back()
