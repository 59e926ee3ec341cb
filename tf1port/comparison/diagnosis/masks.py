"""Known mistakes with masks, tried on the evidence of a failed check.

Every function yields attempts: a Cause, and two dicts of arrays, equal if it explains the gap.
"""

from itertools import permutations

import keras
import numpy as np

from tf1port.comparison.diagnosis import losses, repairs
from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.evidence import OUTPUTS
from tf1port.comparison.diagnosis.layers import is_keras
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.models import layers_and_cells

_ZEROS = "id 0 is masked wherever it stands: batches with it at the ends alone agree (see --data)"


def all_of(evidence):
    """All attempts for the outputs and for the loss."""
    if evidence.quantity in OUTPUTS and is_keras(evidence.live):
        yield from _joined(evidence)
        yield from _zeros_within(evidence)
    if evidence.quantity == "loss" and is_keras(evidence.live):
        yield from _averaged_over(evidence)
        yield from _joined(evidence)


def _joined(evidence):
    """The mask of some inputs of a concatenation, lost because another one has none."""
    ops = list(_masks_of_ones(evidence.live.model))
    if ops:
        with repairs.attributes(ops, call=_no_step):
            actual = evidence.ask(evidence.live)
        yield Cause(catalogue.MASK_JOINED), evidence.ask(evidence.legacy), actual


def _masks_of_ones(model):
    """The ops in a functional model that Concatenate takes for the mask of an input without one."""
    layers = list(layers_and_cells(model))
    joined = [layer for layer in layers if isinstance(layer, keras.layers.Concatenate)]
    inputs = {id(tensor) for layer in joined for tensor in _inputs(layer)}
    for one in [model, *(layer for layer in layers if isinstance(layer, keras.Model))]:
        for op in getattr(one, "operations", ()):
            if type(op).__name__ == "OnesLike" and {*map(id, _inputs(op))} & inputs:
                yield op


def _inputs(operation):
    """The tensors of a functional model that a layer or an op is called on."""
    try:
        return keras.tree.flatten(operation.input)
    except (AttributeError, ValueError):  # it is called in none, or several times
        return []


def _no_step(x, **_):
    """A mask that leaves the steps to those of the other inputs: one that counts there counts."""
    return keras.ops.zeros_like(x, dtype="bool")


def _zeros_within(evidence):
    """Ids of 0 within sequences, which a mask leaves out and a graph that counts steps reads."""
    layers = layers_and_cells(evidence.live.model)
    padded = _padded(evidence.images)
    if padded is None or not any(getattr(layer, "mask_zero", False) for layer in layers):
        return
    sides = evidence.legacy, evidence.live
    expected, actual = (evidence.ask(side, images=padded) for side in sides)
    yield Cause(catalogue.ZEROS_MASKED, _ZEROS), expected, actual


def _padded(inputs):
    """Inputs whose ids of 0 are behind the others; None where they are already.

    What lies below a step with id 0, such as the characters of a word [B, T, C], is 0 as well.
    """
    if not isinstance(inputs, dict):
        return None
    ids = {name: value for name, value in inputs.items() if value.dtype.kind in "iu"}
    ids = {name: value for name, value in ids.items() if value.ndim > 1}
    moved = {name: _at_the_end(value) for name, value in ids.items()}
    for one, other in permutations(moved, 2):
        if moved[one].shape == moved[other].shape[: moved[one].ndim]:
            moved[other][moved[one] == 0] = 0
    same = all(np.array_equal(moved[name], value) for name, value in ids.items())
    return None if same else {**inputs, **moved}


def _at_the_end(ids):
    """Ids [..., T] with those that are 0 behind the others."""
    order = np.argsort(ids == 0, axis=-1, kind="stable")
    return np.take_along_axis(ids, order, axis=-1)


def _averaged_over(evidence):
    """A mean of other steps than the graph's, in a loss of classes [B, T]; with its gradients."""
    own, shape = losses.description(evidence.live), np.shape(evidence.labels)
    if own is None or own["class_name"] != "SparseCategoricalCrossentropy" or len(shape) != 2:
        return
    expected = losses.both(evidence, evidence.legacy)
    for name, mask in _masks(evidence.images, shape):
        steps = f"the steps of {name} that are not 0"
        for words, weights in {
            "all steps": np.full(shape, 1 / mask.size),
            steps: mask / np.count_nonzero(mask),
            f"{steps}, divided by the number of all": mask / mask.size,
        }.items():
            loss = repairs.Weighted(own["config"], weights, dtype=evidence.dtype)
            cause = Cause(catalogue.PADDING_COUNTS, f"the graph's loss is the mean over {words}")
            yield cause, expected, losses.with_loss(evidence, loss)


def _masks(inputs, shape):
    """Which steps [B, T] count, by the name of the input that says so."""
    for name, value in inputs.items() if isinstance(inputs, dict) else ():
        count = np.count_nonzero(value)
        if value.dtype.kind in "iub" and value.shape == shape and 0 < count < value.size:
            yield name, value != 0
