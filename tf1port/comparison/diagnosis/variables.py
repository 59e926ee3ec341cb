"""Known mistakes in the variables of a port, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays that are equal if it is the one.
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
    """All attempts for the variables but what outputs.py tries there as well."""
    if evidence.quantity in VARIABLES:
        actual = evidence.ask(evidence.modern)
        for attempts in (_dtypes, _biases, _averages, _reset_after):
            for cause, expected in attempts(evidence, actual):
                yield cause, expected, actual


def _dtypes(evidence, actual):
    """Another dtype of everything."""
    for dtype in {value.dtype.name for value in actual.values()} - {evidence.dtype}:
        expected = {name: value.astype(dtype) for name, value in evidence.weights.items()}
        yield Cause(catalogue.DTYPE, f"{dtype} for {evidence.dtype}"), expected


def _biases(evidence, actual):
    """A forget bias of another size, in all LSTMs or in one."""
    weights, found = evidence.weights, {}
    for layer in evidence.lstms:
        name = f"{layer}/bias"
        if name in actual and actual[name].shape == weights[name].shape:
            units = len(actual[name]) // 4
            gaps = (actual[name] - weights[name])[units : 2 * units]
            found[name] = float(np.median(gaps))
    found = {name: amount for name, amount in found.items() if abs(amount) > 1e-3}
    if not found or {round(amount, 6) for amount in found.values()} == {-1}:
        return  # which is one of the changes
    changed = {name: _in_forget_gate(weights[name], amount) for name, amount in found.items()}
    own = getattr(evidence.config, "forget_bias", None)
    amount = max(found.values(), key=abs)
    twice = {round(one, 6) for one in found.values()} == {own}
    words = "forget bias added twice" if twice else f"forget bias larger by {amount:.4g}"
    cause = Cause(catalogue.FORGET_BIAS_TWICE, words, rounding=_ROUNDED)
    yield cause, {**weights, **changed}


def _in_forget_gate(bias, amount):
    """An LSTM's bias [4 U] with something added for the forget gate."""
    return weight_changes.forget_bias_added({"lstm/bias": bias}, amount=amount)["lstm/bias"]


def _averages(evidence, actual):
    """Moving averages for the weights that the graph computes with, or the other way round."""
    program = getattr(evidence.legacy, "program", None)
    if program is None:  # no checkpoint of a third party
        return
    held = program.checkpoint
    others = {name: _other_name(name) for name in evidence.legacy.weight_map.variables}
    arrays = {name: held.read(other) for name, other in others.items() if other in held.shapes}
    found = cast(evidence.legacy.weight_map.to_keras(arrays), evidence.dtype)
    if found:
        yield Cause(catalogue.AVERAGES), {**evidence.weights, **found}


def _other_name(name):
    """The variable that holds the average of one, or that one is the average of."""
    return name.removesuffix(_AVERAGE) if name.endswith(_AVERAGE) else name + _AVERAGE


def _reset_after(evidence, actual):
    """The two rows of biases that Keras' GRU has with reset_after=True."""
    weights = evidence.weights
    found = {
        name: actual[name]
        for name, value in weights.items()
        if name.endswith("/bias") and np.shape(actual.get(name)) == (2, *value.shape)
    }
    if found:
        layers = ", ".join(name.removesuffix("/bias") for name in found)
        cause = Cause(catalogue.RESET_AFTER, f"reset_after=True: {layers}")
        yield cause, {**weights, **found}
