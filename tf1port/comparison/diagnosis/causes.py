"""Known mistakes up to the gradients, tried on the evidence of a failed rung.

Every function yields attempts: a Cause, and two dicts of arrays that are equal if it is the one.
"""

import itertools

import numpy as np

from tf1port.comparison.diagnosis.cause import Cause, of_change
from tf1port.comparison.diagnosis.evidence import OUTPUTS, VARIABLES, ratio
from tf1port.comparison.ladder import lengths as lengths_
from tf1port.pitfalls import catalogue
from tf1port.pitfalls import sequences as output_changes
from tf1port.pitfalls import weights as weight_changes

PAIRED = 40  # mistakes at most, of which any two are tried together


def single(evidence):
    """All attempts with one mistake, for the quantities up to the gradients."""
    if evidence.quantity in VARIABLES:
        yield from _dtypes(evidence)
        yield from _biases(evidence)
    if evidence.quantity in VARIABLES | OUTPUTS:
        yield from _weights(evidence)
    if evidence.quantity in OUTPUTS:
        for attempts in (_images, _states, _epsilons):
            yield from attempts(evidence)
    if evidence.quantity == "outputs of lengths":
        yield from _lengths(evidence)
    if evidence.quantity == "loss":
        yield from _losses(evidence)
    if evidence.quantity == "gradients":
        yield from _gradients(evidence)


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


def _dtypes(evidence):
    """Another dtype of everything."""
    actual = evidence.ask(evidence.modern)
    dtypes = {value.dtype.name for value in actual.values()} - {evidence.dtype}
    for dtype in dtypes:
        expected = {name: value.astype(dtype) for name, value in evidence.weights.items()}
        yield Cause(catalogue.DTYPE, f"{dtype} for {evidence.dtype}"), expected, actual


def _biases(evidence):
    """A forget bias of another size."""
    actual, name = evidence.ask(evidence.modern), "lstm/bias"
    if name not in actual or actual[name].shape != evidence.weights[name].shape:
        return
    units = len(actual[name]) // 4
    amount = float(np.median((actual[name] - evidence.weights[name])[units : 2 * units]))
    changed = weight_changes.forget_bias_added(evidence.weights, amount=amount)
    twice = round(amount, 6) == evidence.config.forget_bias
    cause = "forget bias added twice" if twice else f"forget bias larger by {amount:.4g}"
    if amount > 0 or round(amount, 6) != -1:  # which is one of the changes
        yield Cause(catalogue.FORGET_BIAS_TWICE, cause), changed, actual


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


def _losses(evidence):
    """Another loss of the right logits."""
    actual, labels = evidence.ask(evidence.modern), evidence.labels
    loss = evidence.ask(evidence.legacy)["loss"]
    yield Cause(catalogue.SUMMED), {"loss": loss * len(labels)}, actual
    logits = evidence.forward.get("logits")
    if logits is None or logits.ndim != 2 or np.shape(labels) != logits.shape[:1]:
        return  # no classes of single examples
    yield (
        Cause(catalogue.INFERENCE_MODE),
        {"loss": _cross_entropy(logits, labels)},
        actual,
    )
    exponents = np.exp(_training_logits(evidence))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    yield Cause(catalogue.SOFTMAX_TWICE), {"loss": _cross_entropy(probabilities, labels)}, actual


def _training_logits(evidence):
    """Logits [B, C] as in training: a normalization takes the batch's own statistics."""
    outputs, weights = evidence.forward, evidence.weights
    if "normalization" not in outputs:
        return outputs["logits"]
    last = outputs["lstm/h"]
    root = np.sqrt(last.var(axis=0) + evidence.config.epsilon)
    normalized = (last - last.mean(axis=0)) / root
    gamma, beta = (weights[f"normalization/{name}"] for name in ("gamma", "beta"))
    return (normalized * gamma + beta) @ weights["logits/kernel"] + weights["logits/bias"]


def _cross_entropy(logits, labels):
    """Mean over the batch, in nats: logits [B, C], labels [B]."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    log_sums = np.log(np.exp(shifted).sum(axis=1))
    return np.mean(log_sums - shifted[np.arange(len(labels)), labels])


def _gradients(evidence):
    """Right gradients that were changed afterwards."""
    expected, actual = evidence.ask(evidence.legacy), evidence.ask(evidence.modern)
    factor, size = ratio(actual, expected), len(evidence.labels)
    divided = round(1 / factor, 6) == size if factor else False
    scaled = Cause(catalogue.SCALED, f"gradients {factor:.4g} times as large")
    yield (
        Cause(catalogue.AVERAGED_TWICE) if divided else scaled,
        {name: value * factor for name, value in expected.items()},
        actual,
    )
    missing = [name for name, value in actual.items() if not value.any()]
    cut = {name: np.zeros_like(v) if name in missing else v for name, v in expected.items()}
    yield Cause(catalogue.NO_GRADIENT, f"no gradient reaches {', '.join(missing)}"), cut, actual
    amount = getattr(evidence.config, "forget_bias", 0)
    added = weight_changes.forget_bias_added(expected, amount=amount)
    yield Cause(catalogue.FORGET_BIAS_IN_GRADIENTS), added, actual
    for change in evidence.changes:
        if change.moves:
            yield of_change(change, "gradients with {}"), change.apply(expected), actual
