"""Known mistakes up to the outputs, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays that are equal if it is the one.
"""

import itertools

import numpy as np

from tf1port.comparison.diagnosis.cause import Cause, of_change
from tf1port.comparison.diagnosis.evidence import OUTPUTS, VARIABLES
from tf1port.comparison.diagnosis.repairs import zero_states
from tf1port.comparison.ladder import lengths as lengths_
from tf1port.numerics.differences import difference
from tf1port.pitfalls import catalogue
from tf1port.pitfalls import sequences as output_changes

PAIRED = 40  # mistakes at most, of which any two are tried together


def single(evidence):
    """All attempts with one mistake."""
    if evidence.quantity in VARIABLES | OUTPUTS:
        yield from _weights(evidence)
    if evidence.quantity in OUTPUTS:
        for attempts in (_images, _initial, _states, _epsilons):
            yield from attempts(evidence)
    if evidence.quantity == "outputs of lengths":
        yield from _lengths(evidence)


def pairs(evidence):
    """Attempts with two mistakes in the weights at once."""
    if evidence.quantity not in VARIABLES | OUTPUTS:
        return
    actual = evidence.ask(evidence.modern)
    if len(evidence.changes) > PAIRED:
        return
    for one, other in itertools.combinations(evidence.changes, 2):
        changed = other.apply(one.apply(evidence.weights))
        causes = [of_change(one), of_change(other)]
        yield causes, evidence.with_weights(changed), actual


def _weights(evidence):
    """Weights that were changed on their way."""
    actual = evidence.ask(evidence.modern)
    for change in evidence.changes:
        expected = evidence.with_weights(change.apply(evidence.weights))
        yield of_change(change), expected, actual


def _images(evidence):
    """Other images than those fed."""
    actual = evidence.ask(evidence.modern)
    for change in evidence.image_changes:
        expected = evidence.ask(evidence.legacy, images=change.apply(evidence.images))
        yield of_change(change), expected, actual


def _initial(evidence):
    """A state of zeros in the place of the graph's own."""
    if not hasattr(evidence.legacy, "cells"):  # no graph of a third party
        return
    with zero_states(evidence.legacy) as starts:
        expected = evidence.ask(evidence.legacy)
    if any(np.any(value) for value in starts.values()):
        yield Cause(catalogue.INITIAL_STATE), expected, evidence.ask(evidence.modern)


def _states(evidence):
    """c and h taken for each other."""
    expected = output_changes.states_exchanged(evidence.ask(evidence.legacy))
    yield Cause(catalogue.STATES), expected, evidence.ask(evidence.modern)


def _epsilons(evidence):
    """Another epsilon in the normalization, solved for in its outputs."""
    name, actual = "normalization", evidence.ask(evidence.modern)
    if name not in actual:
        return
    weights, expected = evidence.weights, evidence.ask(evidence.legacy)
    beta, variance = (weights[f"{name}/{kind}"] for kind in ("beta", "moving_variance"))
    deviations = expected[name] - beta
    scales = np.median((actual[name] - beta) / deviations, axis=0)
    epsilons = (variance + evidence.config.epsilon) / scales**2 - variance
    epsilon = float(f"{np.median(epsilons):.3g}")
    root = np.sqrt((variance + evidence.config.epsilon) / (variance + epsilon))
    expected[name] = deviations * root + beta
    cause = f"epsilon of the normalization is {epsilon:g}, not {evidence.config.epsilon:g}"
    yield Cause(catalogue.NORMALIZATION_EPSILON, cause), expected, actual


def _lengths(evidence):
    """Padding that is run over, or filled with the last output."""
    swept, of_each = lengths_.sweep(evidence.images)
    expected, actual = (
        side.forward_lengths(swept, of_each) for side in (evidence.legacy, evidence.modern)
    )
    whole = output_changes.whole(of_each, int(of_each.max()))
    ignored = evidence.legacy.forward_lengths(swept, whole)
    yield Cause(catalogue.MASK), ignored, actual
    for name in output_changes.of_layers(expected):
        expected[name] = output_changes.last_repeated(expected[name], of_each)
    yield Cause(catalogue.LAST_REPEATED), expected, actual


def heads(evidence):
    """Attempts with another output of a recurrent layer than the graph's last layer takes."""
    if evidence.quantity != "logits":
        return
    logits = evidence.forward["logits"]
    for name in [n for n in evidence.weights if n.endswith("/kernel")]:
        kernel = evidence.weights[name]
        if logits.ndim != 2 or kernel.ndim != 2 or kernel.shape[1] != logits.shape[1]:
            continue
        bias = evidence.weights.get(name.replace("kernel", "bias"), 0.0)
        taken = {
            of: value @ kernel + bias
            for of, value in _taken(evidence.forward).items()
            if value.shape[1] == len(kernel)
        }
        rights = [of for of, made in taken.items() if _same(made, logits, evidence.bound)]
        for right in rights[:1]:
            for wrong, made in taken.items():
                words = f"the output takes {wrong}, the graph's {right}"
                cause = Cause(_of_head(right, wrong), words)
                yield cause, {"logits": made}, evidence.ask(evidence.modern)


def _taken(outputs):
    """What a last layer may take of recurrent ones, each [B, H]."""
    found = {name: value for name, value in outputs.items() if name[-2:] in ("/c", "/h")}
    for name in output_changes.of_layers(outputs):
        steps = outputs[name]
        found[f"the last step of {name}"] = steps[:, -1]
        found[f"the first step of {name}"] = steps[:, 0]
        found[f"the mean of {name}"] = steps.mean(axis=1)
        found[f"the sum of {name}"] = steps.sum(axis=1)
        found[f"the largest of {name}"] = steps.max(axis=1)
    return found


def _of_head(right, wrong):
    """The pitfall of taking one of `_taken` for another."""
    ends = {right[-2:], wrong[-2:]}
    if ends == {"/c", "/h"}:
        return catalogue.STATES
    last = any(of.startswith("the last step") for of in (right, wrong))
    return catalogue.LAST_STEP if last and "/h" in ends else catalogue.HEAD


def _same(one, other, bound):
    return one.shape == other.shape and difference({"": one}, {"": other}).max_abs <= bound
