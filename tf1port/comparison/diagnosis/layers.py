"""Known mistakes in a Keras model's layers, corrected one by one on the evidence of a failed check.

Every function yields pairs of a Cause and a context manager within which the live model has that
mistake corrected. Sides that are no Keras model yield none.
"""

import copy
import functools
from contextlib import ExitStack, contextmanager

import keras
import numpy as np

from tf1port.comparison.diagnosis import repairs
from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.evidence import OUTPUTS
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.models import activations, average_for_max, layers_and_cells

RIGHT = ("tanh", "sigmoid", "relu", "linear", "hard_sigmoid")  # activations the graph may have
EPSILONS = (1e-3, 1e-5, 1e-6, 1e-12, 1e-8)  # of normalizations: defaults of TF1, Keras and others
_DROPOUTS = ("rate", "dropout", "recurrent_dropout")


def all_of(evidence):
    """All attempts: a Cause, and two dicts of arrays that are equal if it explains the gap."""
    if not is_keras(evidence.live):
        return
    repairs_to_try = []
    if evidence.quantity in OUTPUTS:
        repairs_to_try += [_activations, _normalizations, _cell_clips, _dropped]
    if evidence.quantity in OUTPUTS | {"outputs of lengths", "loss"}:
        repairs_to_try += [_recurrent, _stateful]
    if evidence.quantity == "loss":
        repairs_to_try += [_rates, _in_training]
    expected = evidence.ask(evidence.legacy) if repairs_to_try else {}
    for repairs_of in repairs_to_try:
        for cause, repaired in repairs_of(evidence):
            with repaired:
                actual = evidence.ask(evidence.live)
            yield cause, expected, actual
    if evidence.quantity in OUTPUTS:
        yield from _pooling(evidence)


def is_keras(side):
    """Whether a side has a Keras model to look into."""
    return isinstance(getattr(side, "model", None), keras.Model)


def _of(evidence, kind):
    """The layers and cells of a kind, each once."""
    layers = layers_and_cells(evidence.live.model)
    return list({id(layer): layer for layer in layers if isinstance(layer, kind)}.values())


def _activations(evidence):
    """Another activation function than the graph's: in one layer, or wherever it is used."""
    places = [
        (layer, name, function)
        for layer in _of(evidence, keras.Layer)
        for name, function in activations(layer).items()
    ]
    for wrong in sorted({f for _, _, f in places}, key=keras.activations.serialize):
        own = [(layer, name) for layer, name, function in places if function is wrong]
        groups = [own, *([one] for one in own if len(own) > 1)]
        for right in RIGHT:
            if keras.activations.get(right) is not wrong:
                words = f"{keras.activations.serialize(wrong)} for {right}"
                for group in groups:
                    yield Cause(catalogue.ACTIVATION, words), _activated(group, right)


@contextmanager
def _activated(places, name):
    with ExitStack() as stack:
        for layer, attribute in places:
            value = {attribute: keras.activations.get(name)}
            stack.enter_context(repairs.attributes([layer], **value))
        yield


def _normalizations(evidence):
    """Another epsilon of a normalization."""
    kinds = keras.layers.BatchNormalization | keras.layers.LayerNormalization
    layers = _of(evidence, kinds)
    for right in EPSILONS:
        wrong = [layer for layer in layers if abs(layer.epsilon / right - 1) > 1e-3]
        for group in [wrong, *([one] for one in wrong if len(wrong) > 1)]:
            if group:
                words = f"epsilon of the normalization is {group[0].epsilon:g}, not {right:g}"
                repaired = repairs.attributes(group, epsilon=float(np.float32(right)))
                yield Cause(catalogue.NORMALIZATION_EPSILON, words), repaired


def _cell_clips(evidence):
    """LSTM cells without the graph's clip of their state."""
    cells = [cell for cell in _of(evidence, keras.layers.LSTMCell) if not hasattr(cell, "clip")]
    bounds = {constants.cell_clip for constants in evidence.constants.values()} - {None}
    for bound in sorted(bounds):
        for group in [cells, *([one] for one in cells if len(cells) > 1)]:
            words = f"the state c is not clipped to {bound:.6g}"
            yield Cause(catalogue.CELL_CLIP, words), repairs.clipped(group, bound)


def _dropped(evidence):
    """Dropout that drops outside of training."""
    layers = [layer for layer in _of(evidence, keras.Layer) if _dropping(layer)]
    if layers:
        yield Cause(catalogue.DROPOUT_ON), _rated(layers, lambda rate: 0.0)


def _recurrent(evidence):
    """Options of a recurrent layer."""
    for layer in _of(evidence, keras.layers.RNN):
        way = "the steps" if layer.go_backwards else "the steps from the last to the first"
        cause = Cause(catalogue.BACKWARDS, f"{layer.name} does not read {way} as the graph does")
        flipped = not layer.go_backwards
        yield cause, repairs.attributes([layer], go_backwards=flipped)
        if not layer.zero_output_for_mask:
            repaired = repairs.attributes([layer], zero_output_for_mask=True)
            yield Cause(catalogue.LAST_REPEATED), repaired


def _stateful(evidence):
    """Layers that start from the state of the previous batch."""
    layers = stateful(evidence)
    if layers:
        words = f"stateful=True: {', '.join(layer.name for layer in layers)} keeps its state"
        yield Cause(catalogue.STATEFUL, words), repairs.attributes(layers, stateful=False)


def retained_state(evidence):
    """Attempts where only the state that a layer keeps from an earlier call makes a difference."""
    for cause, _ in _stateful(evidence):
        yield cause, {}, {}


def stateful(evidence):
    """The stateful layers of the modern side."""
    if not is_keras(evidence.live):
        return []
    return [layer for layer in _of(evidence, keras.layers.RNN) if layer.stateful]


def _rates(evidence):
    """Dropout at another rate: kept units are scaled by it, whichever are dropped."""
    layers = [layer for layer in _of(evidence, keras.Layer) if _dropping(layer)]
    if not layers:
        return
    yield Cause(catalogue.DROPOUT_RATE), _rated(layers, lambda rate: 1 - rate)
    yield Cause(catalogue.DROPOUT_OTHER, "dropout that is not the graph's"), _rated(layers, _none)
    own = {1 - value for layer in layers for value in _own_rates(layer).values()}
    for share in [share for share in evidence.shares if own != {1 - share}]:
        for group in [layers, *([chosen] for chosen in layers if len(layers) > 1)]:
            words = f"dropout has another rate than {1 - share:.6g}"
            repaired = _rated(group, functools.partial(_constant, 1 - share))
            yield Cause(catalogue.DROPOUT_OTHER, words), repaired


def _none(rate):
    return 0.0


def _constant(value, rate):
    return value


def _dropping(layer):
    return bool(_own_rates(layer))


def _own_rates(layer):
    """The rates at which a layer drops, by attribute."""
    own = {name: vars(layer).get(name) for name in _DROPOUTS}
    return {n: value for n, value in own.items() if isinstance(value, float) and 0 < value < 1}


@contextmanager
def _rated(layers, change):
    """Layers with other rates of dropout, where they drop at all."""
    with ExitStack() as stack:
        for layer in layers:
            values = {name: change(value) for name, value in _own_rates(layer).items()}
            stack.enter_context(repairs.attributes([layer], **values))
        yield


def _in_training(evidence):
    """A normalization that uses its moving statistics in training as well."""
    layers = _of(evidence, keras.layers.BatchNormalization)
    for layer in layers:
        yield Cause(catalogue.INFERENCE_MODE), repairs.calling(layer, training=True)


def _pooling(evidence):
    """Average pooling where it should be max pooling."""
    model = evidence.live.model
    layers = layers_and_cells(model)
    if not any(isinstance(layer, keras.layers.AveragePooling2D) for layer in layers):
        return
    side = copy.copy(evidence.live)
    average_for_max(side, back=True)
    yield Cause(catalogue.POOLING), evidence.ask(evidence.legacy), evidence.ask(side)
