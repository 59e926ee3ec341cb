"""Compares how a translated model trains with how its graph does.

Only the graph has the loss: it computes the loss of the model's outputs and its gradient with
respect to them, which is then backpropagated through the model. The optimizer is the file's own.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import keras
import numpy as np

from tf1port.conversion.given import NOTHING, Given
from tf1port.conversion.translation.translated import Translated
from tf1port.keras_model.blueprint import to_variables
from tf1port.numerics import comparison
from tf1port.numerics.draws import finite
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.verification.graph_training import GraphTraining, graph_call
from tf1port.verification.keras_training import KerasTraining, Weights
from tf1port.verification.optimizer import slots_as_tf1


def training_checks(
    conversion: Translated,
    model: keras.Model,
    weights: Weights,
    *,
    steps: int = 0,
    seed: int = 0,
    given: Given = NOTHING,
) -> Iterator[comparison.Check]:
    """Yields a comparison of the gradients of a batch, and of the losses of some steps.

    Args:
        model: as its file has it, with its optimizer. weights: its weights by layer and role.
        steps: how many both train, from the checkpoint with its optimizer's state.
        seed: of the random batches. given: values of placeholders in place of random ones.

    Raises:
        NoTraining: the graph has none, or none that runs here.
    """
    stream = np.random.default_rng(seed)
    graph, learner = _start(conversion, model, weights, stream, given)
    draw = partial(graph.batch, stream)
    batch, expected = graph_call(finite, draw, graph.gradients, "its gradients are")
    graph.check_loss(batch, expected)
    actual, _ = learner.gradients(graph, batch)
    names = sorted(expected.keys() & actual.keys())
    if not names:
        raise NoTraining("the model trains nothing that the graph trains")
    scale = max(1.0, *(np.abs(expected[name]).max() for name in names))
    sides = ({name: gradients[name] / scale for name in names} for gradients in (expected, actual))
    yield comparison.check("gradients of a batch", *sides, dtype=graph.dtype)
    unpaired = sorted(expected.keys() ^ actual.keys())
    if unpaired:
        raise NoTraining(f"one side alone trains {', '.join(unpaired[:3])}")
    if not steps:
        return
    learner.restore_optimizer()
    graph.assign(slots_as_tf1(conversion, model))
    losses = []
    for _ in range(steps):
        batch = graph.batch(stream)
        losses.append((graph.loss(batch), learner.step(graph, batch)))
        graph.step(batch)
    sides = ({"step": np.array(values)} for values in zip(*losses, strict=True))
    yield comparison.check("losses of resumed steps", *sides, dtype=graph.dtype)


def _start(conversion: Translated, model: keras.Model, weights: Weights, stream, given: Given):
    """Both sides at the checkpoint, in float64, or in float32 where the graph has no other."""
    dtype = conversion.program.dtype
    dtypes = ["float64", dtype] if conversion.program.upcasts else [dtype]
    for dtype in dtypes:
        cast = {n: {r: v.astype(dtype) for r, v in arrays.items()} for n, arrays in weights.items()}
        try:
            variables = to_variables(cast, conversion.program)
            graph = GraphTraining(conversion, variables, dtype, given)
            learner = KerasTraining(conversion, model, cast, dtype)
            graph.find_sizes(learner, stream)
        except NoTraining as error:
            fault = error
        else:
            return graph, learner
    raise fault
