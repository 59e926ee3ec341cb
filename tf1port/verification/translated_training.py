"""How a translated model learns against how its graph does.

The graph is the one that knows its loss: it is asked for the loss of the model's outputs and for
the gradient by them, which the model takes back to its weights. The optimizer is the file's own.
"""

from __future__ import annotations

from collections.abc import Iterator

import keras
import numpy as np

from tf1port.conversion.translation.translated import Translated
from tf1port.keras_model.blueprint import to_variables
from tf1port.numerics import comparison
from tf1port.tf1.session.training import NoTraining
from tf1port.verification.graph_training import GraphTraining
from tf1port.verification.keras_training import KerasTraining, Weights
from tf1port.verification.optimizer import slots_as_held


def training_checks(
    conversion: Translated,
    model: keras.Model,
    weights: Weights,
    *,
    steps: int = 0,
    seed: int = 0,
) -> Iterator[comparison.Check]:
    """Yields a comparison of the gradients of a batch, and of the losses of some steps.

    Args:
        model: as its file has it, with its optimizer. weights: its weights by layer and role.
        steps: how many both train, from the checkpoint with its optimizer's state.
        seed: of the random batches.

    Raises:
        NoTraining: the graph has none, or none that runs here.
    """
    stream = np.random.default_rng(seed)
    graph, learner = _started(conversion, model, weights, stream)
    batch = graph.batch(stream)
    expected = graph.gradients(batch)
    found, _ = learner.gradients(graph, batch)
    names = sorted(expected.keys() & found.keys())
    if not names:
        raise NoTraining("the model trains nothing that the graph trains")
    scale = max(1.0, *(np.abs(expected[name]).max() for name in names))
    sides = ({name: of[name] / scale for name in names} for of in (expected, found))
    yield comparison.check("gradients of a batch", *sides, dtype=graph.dtype)
    left = sorted(expected.keys() ^ found.keys())
    if left:
        raise NoTraining(f"one side alone trains {', '.join(left[:3])}")
    if not steps:
        return
    learner.restore_optimizer()
    graph.assign(slots_as_held(conversion, model))
    losses = []
    for _ in range(steps):
        batch = graph.batch(stream)
        losses.append((graph.loss(batch), learner.step(graph, batch)))
        graph.step(batch)
    sides = ({"step": np.array(values)} for values in zip(*losses, strict=True))
    yield comparison.check("losses of resumed steps", *sides, dtype=graph.dtype)


def _started(conversion: Translated, model: keras.Model, weights: Weights, stream):
    """Both sides at the checkpoint, in float64, or in float32 where the graph knows no other."""
    dtype = conversion.program.dtype
    dtypes = ["float64", dtype] if conversion.program.upcasts else [dtype]
    for dtype in dtypes:
        own = {n: {r: v.astype(dtype) for r, v in of.items()} for n, of in weights.items()}
        try:
            graph = GraphTraining(conversion, to_variables(own, conversion.program), dtype)
            learner = KerasTraining(conversion, model, own, dtype)
            graph.find_sizes(learner, stream)
        except NoTraining as error:
            fault = error
        else:
            return graph, learner
    raise fault
