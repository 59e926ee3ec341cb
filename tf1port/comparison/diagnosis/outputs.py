"""Known mistakes up to the outputs, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays, equal if it explains the gap.
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

PAIRED = 40  # up to so many possible mistakes any two are tried together


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
    for first, second in itertools.combinations(evidence.changes, 2):
        changed = second.apply(first.apply(evidence.weights))
        causes = [of_change(first), of_change(second)]
        yield causes, evidence.with_weights(changed), actual


def _weights(evidence):
    """Weights that were converted with a mistake."""
    actual = evidence.ask(evidence.modern)
    for change in evidence.changes:
        expected = evidence.with_weights(change.apply(evidence.weights))
        yield of_change(change), expected, actual


def _images(evidence):
    """Inputs changed by a mistake, such as reversed steps."""
    actual = evidence.ask(evidence.modern)
    for change in evidence.image_changes:
        expected = evidence.ask(evidence.legacy, images=change.apply(evidence.images))
        yield of_change(change), expected, actual


def _initial(evidence):
    """An initial state of zeros instead of the graph's own."""
    if not hasattr(evidence.legacy, "cells"):  # no graph of a third party
        return
    with zero_states(evidence.legacy) as starts:
        expected = evidence.ask(evidence.legacy)
    if any(np.any(value) for value in starts.values()):
        yield Cause(catalogue.INITIAL_STATE), expected, evidence.ask(evidence.modern)


def _states(evidence):
    """c and h exchanged."""
    expected = output_changes.states_exchanged(evidence.ask(evidence.legacy))
    yield Cause(catalogue.STATES), expected, evidence.ask(evidence.modern)


def _epsilons(evidence):
    """A different epsilon in the normalization, solved for from its outputs."""
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
    """Padding that is processed as steps, or outputs filled with the last one."""
    inputs, lengths = lengths_.repeated(evidence.images)
    expected, actual = (
        side.forward_lengths(inputs, lengths) for side in (evidence.legacy, evidence.modern)
    )
    whole = output_changes.whole(lengths, int(lengths.max()))
    ignored = evidence.legacy.forward_lengths(inputs, whole)
    yield Cause(catalogue.MASK), ignored, actual
    for name in output_changes.of_layers(expected):
        expected[name] = output_changes.last_repeated(expected[name], lengths)
    yield Cause(catalogue.LAST_REPEATED), expected, actual


def heads(evidence):
    """Attempts where the last layer's input is another output of a recurrent layer."""
    if evidence.quantity != "logits":
        return
    logits = evidence.forward["logits"]
    for name in [n for n in evidence.weights if n.endswith("/kernel")]:
        kernel = evidence.weights[name]
        if logits.ndim != 2 or kernel.ndim != 2 or kernel.shape[1] != logits.shape[1]:
            continue
        bias = evidence.weights.get(name.replace("kernel", "bias"), 0.0)
        candidates = {
            of: value @ kernel + bias
            for of, value in _head_inputs(evidence.forward).items()
            if value.shape[1] == len(kernel)
        }
        bound = evidence.bound
        rights = [of for of, value in candidates.items() if _same(value, logits, bound)]
        for right in rights[:1]:
            for wrong, candidate in candidates.items():
                words = f"the output takes {wrong}, the graph's {right}"
                cause = Cause(_of_head(right, wrong), words)
                yield cause, {"logits": candidate}, evidence.ask(evidence.modern)


def _head_inputs(outputs):
    """The possible inputs of a last layer from recurrent ones, each [B, H], by description."""
    inputs = {name: value for name, value in outputs.items() if name[-2:] in ("/c", "/h")}
    for name in output_changes.of_layers(outputs):
        steps = outputs[name]
        inputs[f"the last step of {name}"] = steps[:, -1]
        inputs[f"the first step of {name}"] = steps[:, 0]
        inputs[f"the mean of {name}"] = steps.mean(axis=1)
        inputs[f"the sum of {name}"] = steps.sum(axis=1)
        inputs[f"the largest of {name}"] = steps.max(axis=1)
    return inputs


def _of_head(right, wrong):
    """The pitfall of a last layer with one of `_head_inputs` instead of another."""
    suffixes = {right[-2:], wrong[-2:]}
    if suffixes == {"/c", "/h"}:
        return catalogue.STATES
    last = any(of.startswith("the last step") for of in (right, wrong))
    return catalogue.LAST_STEP if last and "/h" in suffixes else catalogue.HEAD


def _same(expected, actual, bound):
    if expected.shape != actual.shape:
        return False
    return difference({"": expected}, {"": actual}).max_abs <= bound
