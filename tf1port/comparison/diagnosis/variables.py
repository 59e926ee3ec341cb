"""Known mistakes in the variables of a port, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays, equal if it explains the gap.
"""

import numpy as np

from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.evidence import VARIABLES
from tf1port.comparison.sides.protocol import cast
from tf1port.pitfalls import catalogue
from tf1port.pitfalls import weights as weight_changes

_ROUNDED = 1e-6  # of a bias to which a forget bias was added in float32
_AVERAGE = "/ExponentialMovingAverage"


def all_of(evidence):
    """All attempts for the variables, besides those of outputs.py."""
    if evidence.quantity in VARIABLES:
        actual = evidence.ask(evidence.modern)
        for attempts in (_dtypes, _biases, _averages, _reset_after):
            for cause, expected in attempts(evidence, actual):
                yield cause, expected, actual


def _dtypes(evidence, actual):
    """A different dtype of all weights."""
    for dtype in {value.dtype.name for value in actual.values()} - {evidence.dtype}:
        expected = {name: value.astype(dtype) for name, value in evidence.weights.items()}
        yield Cause(catalogue.DTYPE, f"{dtype} for {evidence.dtype}"), expected


def _biases(evidence, actual):
    """A forget bias of another size, in all LSTMs or in one."""
    weights, amounts = evidence.weights, {}
    for layer in evidence.lstms:
        name = f"{layer}/bias"
        if name in actual and actual[name].shape == weights[name].shape:
            units = len(actual[name]) // 4
            gaps = (actual[name] - weights[name])[units : 2 * units]
            amounts[name] = float(np.median(gaps))
    amounts = {name: amount for name, amount in amounts.items() if abs(amount) > 1e-3}
    if not amounts or {round(amount, 6) for amount in amounts.values()} == {-1}:
        return  # the missing forget bias is one of the changes
    changed = {name: _in_forget_gate(weights[name], amount) for name, amount in amounts.items()}
    own = getattr(evidence.config, "forget_bias", None)
    amount = max(amounts.values(), key=abs)
    twice = {round(value, 6) for value in amounts.values()} == {own}
    words = "forget bias added twice" if twice else f"forget bias larger by {amount:.4g}"
    cause = Cause(catalogue.FORGET_BIAS_TWICE, words, rounding=_ROUNDED)
    yield cause, {**weights, **changed}


def _in_forget_gate(bias, amount):
    """An LSTM's bias [4 U] with something added for the forget gate."""
    return weight_changes.forget_bias_added({"lstm/bias": bias}, amount=amount)["lstm/bias"]


def _averages(evidence, actual):
    """Moving averages instead of the weights that the graph uses, or the reverse."""
    program = getattr(evidence.legacy, "program", None)
    if program is None:  # no checkpoint of a third party
        return
    checkpoint = program.checkpoint
    pairs = [(name, _counterpart(name)) for name in evidence.legacy.weight_map.variables]
    arrays = {name: checkpoint.read(c) for name, c in pairs if c in checkpoint.shapes}
    averages = cast(evidence.legacy.weight_map.to_keras(arrays), evidence.dtype)
    if averages:
        yield Cause(catalogue.AVERAGES), {**evidence.weights, **averages}


def _counterpart(name):
    """The name of a variable's moving average, or of the variable that an average is of."""
    return name.removesuffix(_AVERAGE) if name.endswith(_AVERAGE) else name + _AVERAGE


def _reset_after(evidence, actual):
    """The two rows of biases that Keras' GRU has with reset_after=True."""
    weights = evidence.weights
    biases = {
        name: actual[name]
        for name, value in weights.items()
        if name.endswith("/bias") and np.shape(actual.get(name)) == (2, *value.shape)
    }
    if biases:
        layers = ", ".join(name.removesuffix("/bias") for name in biases)
        cause = Cause(catalogue.RESET_AFTER, f"reset_after=True: {layers}")
        yield cause, {**weights, **biases}
