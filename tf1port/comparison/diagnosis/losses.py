"""Known mistakes in the loss and in the gradients, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays, equal if it explains the gap.
"""

import keras
import numpy as np

from tf1port.comparison.diagnosis import repairs
from tf1port.comparison.diagnosis.cause import Cause, of_change
from tf1port.comparison.diagnosis.evidence import ratio
from tf1port.comparison.diagnosis.layers import is_keras
from tf1port.numerics.differences import difference
from tf1port.numerics.precision import floatx
from tf1port.pitfalls import catalogue
from tf1port.pitfalls import weights as weight_changes

_ROUNDED = 1e-4  # the share of a gap that constants in float32 may leave
_TINY = 1e-9  # relative to a gradient: a smaller difference is no penalty of its weight


def all_of(evidence):
    """All attempts for the loss and for the gradients."""
    if evidence.quantity == "loss":
        for attempts in (_factors, _of_logits, _keras_losses, _penalties):
            yield from attempts(evidence)
    if evidence.quantity == "gradients":
        yield from _gradients(evidence)


def _factors(evidence):
    """The sum over the batch instead of its mean, or the reverse."""
    actual, loss = evidence.ask(evidence.modern), evidence.ask(evidence.legacy)["loss"]
    labels = np.asarray(evidence.labels)
    for count in sorted({len(labels), *labels.shape[1:2], labels.size} - {1}):
        yield Cause(catalogue.SUMMED), {"loss": loss * count}, actual
        yield Cause(catalogue.AVERAGED), {"loss": loss / count}, actual


def _of_logits(evidence):
    """A different loss of the same logits."""
    actual, labels = evidence.ask(evidence.modern), evidence.labels
    logits = evidence.forward.get("logits")
    if logits is None or logits.ndim != 2 or np.shape(labels) != logits.shape[:1]:
        return  # no classes of single examples
    plain = {"loss": _cross_entropy(logits, labels)}
    yield Cause(catalogue.INFERENCE_MODE), plain, actual
    exponents = np.exp(_training_logits(evidence))
    probabilities = exponents / exponents.sum(axis=1, keepdims=True)
    yield Cause(catalogue.SOFTMAX_TWICE), {"loss": _cross_entropy(probabilities, labels)}, actual


def _training_logits(evidence):
    """Logits [B, C] as in training: a normalization uses the batch's own statistics."""
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


def _keras_losses(evidence):
    """Options of a Keras loss, corrected in the live model; the gradients are compared too."""
    own = description(evidence.live)
    if own is None:
        return
    options, expected = own["config"], both(evidence, evidence.legacy)
    if "from_logits" in options:
        from_logits = options["from_logits"]
        pitfall = catalogue.SOFTMAX_TWICE if from_logits else catalogue.LOGITS_UNSCALED
        loss = _changed(own, evidence.dtype, from_logits=not from_logits)
        yield Cause(pitfall), expected, with_loss(evidence, loss)
    for cause, loss in _smoothings(evidence, own, np.mean(expected["loss"])):
        actual = with_loss(evidence, loss)
        gap = difference(expected, both(evidence, evidence.live)).max_abs
        yield cause._replace(rounding=_ROUNDED * gap), expected, actual


def _smoothings(evidence, own, right):
    """Losses with the label smoothing that the value of the graph's loss implies."""
    options = own["config"]
    if options.get("label_smoothing"):
        words = f"labels are smoothed by {options['label_smoothing']:g}, the graph's are not"
        cause = Cause(catalogue.SMOOTHING, words)
        yield cause, _changed(own, evidence.dtype, label_smoothing=0.0)
    if own["class_name"] != "SparseCategoricalCrossentropy" and "label_smoothing" not in options:
        return
    extremes = [_smoothed(own, share, evidence.dtype) for share in (0.0, 1.0)]
    none, all_ = (np.mean(with_loss(evidence, loss)["loss"]) for loss in extremes)
    share = float((right - none) / (all_ - none)) if all_ != none else 0.0
    if 0 < share < 1:
        words = f"labels are not smoothed by {share:.4g}"
        yield Cause(catalogue.SMOOTHING, words), _smoothed(own, share, evidence.dtype)


def _smoothed(own, share, dtype):
    """A loss whose labels are smoothed by a share."""
    if "label_smoothing" in own["config"]:
        return _changed(own, dtype, label_smoothing=share)
    return repairs.Smoothed(own["config"], share, dtype=dtype)


def description(side):
    """The serialized Keras loss of a side's model; None where it has none."""
    if not is_keras(side):
        return None
    loss = getattr(side.model, "loss", None)
    if isinstance(loss, str):
        words = "".join(word.capitalize() for word in loss.split("_"))
        kind = getattr(keras.losses, words, None)
        loss = kind() if kind is not None else None
    return keras.losses.serialize(loss) if isinstance(loss, keras.losses.Loss) else None


def _changed(description, dtype, **options):
    """A Keras loss with other options."""
    options = {**description["config"], **options}
    with floatx(dtype):
        return keras.losses.deserialize({**description, "config": options})


def with_loss(evidence, loss):
    """The loss and gradients of the live model, compiled with another loss."""
    with repairs.loss(evidence.live, loss):
        return both(evidence, evidence.live)


def both(evidence, side):
    """The loss and gradients of a side."""
    loss, gradients = side.gradients(evidence.images, evidence.labels)
    return {"loss": loss, **gradients}


def _penalties(evidence):
    """An L2 penalty of some weights that only one of the losses has."""
    expected, actual = (both(evidence, side) for side in (evidence.legacy, evidence.modern))
    for weights in (evidence.linear_weights, evidence.weights):  # of the graph's, of the port's
        yield from _penalty(expected, actual, weights)


def _penalty(expected, actual, weights):
    factors = {}
    for name in expected.keys() & actual.keys() & weights.keys():
        rest = np.float64(expected[name]) - actual[name]
        size = np.abs(expected[name]).max(initial=0.0) + np.abs(actual[name]).max(initial=0.0)
        if np.abs(rest).max(initial=0.0) > _TINY * size:
            factors[name] = np.vdot(rest, weights[name]) / np.vdot(weights[name], weights[name])
    if not factors:
        return
    penalty = sum(factor * np.sum(weights[name] ** 2) for name, factor in factors.items()) / 2
    corrected = {name: actual[name] + factor * weights[name] for name, factor in factors.items()}
    corrected = {**actual, **corrected, "loss": actual["loss"] + penalty}
    yield Cause(catalogue.PENALTY, _penalty_text(factors)), expected, corrected


def _penalty_text(factors):
    names, largest = sorted(factors), max(factors.values(), key=abs)
    many = f"{names[0]} and {len(names) - 1} more" if len(names) > 2 else " and ".join(names)
    verb = "lacks" if largest > 0 else "has, and the graph's has not,"
    return f"the loss {verb} {abs(largest):.4g} times half the sum of squares of {many}"


def _gradients(evidence):
    """Correct gradients that were changed afterwards."""
    expected, actual = evidence.ask(evidence.legacy), evidence.ask(evidence.modern)
    factor, size = ratio(actual, expected), len(evidence.labels)
    divided = round(1 / factor, 6) == size if factor else False
    scaled = Cause(catalogue.SCALED, f"gradients {factor:.4g} times as large")
    yield (
        Cause(catalogue.AVERAGED_TWICE) if divided else scaled,
        {name: value * factor for name, value in expected.items()},
        actual,
    )
    missing = [name for name, value in expected.items() if not actual.get(name, value * 0).any()]
    cut = {name: np.zeros_like(v) if name in missing else v for name, v in expected.items()}
    zeros = {name: np.zeros_like(expected[name]) for name in missing}
    words = f"no gradient reaches {', '.join(missing)}"
    yield Cause(catalogue.NO_GRADIENT, words), cut, {**zeros, **actual}
    amount = getattr(evidence.config, "forget_bias", 0)
    added = weight_changes.forget_bias_added(expected, amount=amount)
    yield Cause(catalogue.FORGET_BIAS_IN_GRADIENTS), added, actual
    for change in evidence.changes:
        if change.moves:
            yield of_change(change, "gradients with {}"), change.apply(expected), actual
