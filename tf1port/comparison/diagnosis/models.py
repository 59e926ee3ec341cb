"""Known mistakes in a Keras model, made good one by one on the evidence of a failed rung.

Every function yields attempts: a Cause, and two dicts of arrays that are equal if it is the one.
Sides that are no Keras model have none of them.
"""

import copy

import keras

from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.evidence import OUTPUTS
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.models import (
    activations,
    average_for_max,
    parts,
    put_back,
    replace_activations,
)

RIGHT = ("tanh", "sigmoid", "relu", "linear")  # activations that may have been meant


def all_of(evidence):
    """All attempts, for the outputs."""
    is_keras = isinstance(getattr(evidence.live, "model", None), keras.Model)
    if evidence.quantity in OUTPUTS and is_keras:
        yield from _activations(evidence)
        yield from _pooling(evidence)


def _activations(evidence):
    """Another activation function than the model's."""
    expected = evidence.ask(evidence.legacy)
    functions = {f for part in parts(evidence.live.model) for f in activations(part).values()}
    for wrong in sorted(functions, key=keras.activations.serialize):
        for right in RIGHT:
            if keras.activations.get(right) is wrong:
                continue
            places = replace_activations(evidence.live.model, wrong, keras.activations.get(right))
            actual = evidence.ask(evidence.live)
            put_back(places)
            words = f"{keras.activations.serialize(wrong)} for {right}"
            yield Cause(catalogue.ACTIVATION, words), expected, actual


def _pooling(evidence):
    """Average pooling where it should be max pooling."""
    model = evidence.live.model
    if not any(isinstance(part, keras.layers.AveragePooling2D) for part in parts(model)):
        return
    side = copy.copy(evidence.live)
    average_for_max(side, back=True)
    yield Cause(catalogue.POOLING), evidence.ask(evidence.legacy), evidence.ask(side)
