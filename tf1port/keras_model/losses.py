"""The loss of a graph as one of Keras', for `compile`: recognised by its form, compared by value.

The graph computes its loss of random outputs and labels, and its gradient, Keras its own; the two
may differ by a number that does not depend on these, such as penalties.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError
from tf1port.keras_model.expressions import Call
from tf1port.numerics.precision import floatx
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.checkpoint.reader import Checkpoint
from tf1port.tf1.graph.dependencies import behind
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.loss_forms import LossForm, find_form
from tf1port.tf1.session.whole_graph import WholeGraph

_LOGITS = {"from_logits": True}
_CLASSES: dict[str, tuple[str, dict[str, Any]]] = {
    "sparse softmax": ("SparseCategoricalCrossentropy", _LOGITS),
    "softmax": ("CategoricalCrossentropy", _LOGITS),
    "logistic": ("BinaryCrossentropy", _LOGITS),
    "squares": ("MeanSquaredError", {}),
}
# The rows of the batches that are compared, and the size of their outputs: a loss may have another
# form where they are large.
_BATCHES = ((3, 1.0), (5, 1.0), (4, 1.0), (4, 30.0))
_STEPS = 4


class LossSpec(NamedTuple):
    """A loss of Keras.

    call: of its constructor. output: the model's, that it is computed of. labels, weights: the
    graph's tensors of the labels, and of the weights of single losses or None.
    """

    call: Call
    output: str
    labels: str
    weights: str | None

    @property
    def text(self) -> str:
        """The loss and what it takes, on one line."""
        weighted = f", sample_weight={self.weights}" if self.weights else ""
        return f"{self.call.text.removeprefix('keras.losses.')} of y={self.labels}{weighted}"

    @property
    def report(self) -> dict[str, str | None]:
        """What the map says of it."""
        return {**self._asdict(), "call": self.call.text}


def find_loss(
    graph: Graph, loss: str, outputs: Mapping[str, str], checkpoint: Checkpoint
) -> LossSpec | None:
    """The LossSpec of a graph; None: Keras has no loss that is known to be the graph's.

    Args:
        graph: the forward graph. loss: its loss. outputs: its tensors by the model's outputs.
    """
    form = find_form(graph, loss, set(outputs.values()))
    if form is None:
        return None
    output = next(name for name, tensor in outputs.items() if tensor == form.predictions)
    try:
        batches = _batches(graph, loss, form, checkpoint)
    except (UserError, LookupError, AttributeError, TypeError, ValueError):
        return None
    for reduction in ({}, {"reduction": "sum"}, {"reduction": "mean_with_sample_weight"}):
        kind, options = _CLASSES[form.kind]
        call = Call(f"keras.losses.{kind}", {**options, **reduction})
        if _is_same(call, batches):
            return LossSpec(call, output, form.labels, form.weights)
    return None


def advice(graph: Graph, loss: str, outputs: Mapping[str, str]) -> str:
    """A line on what to compile a model with where find_loss finds none.

    Args:
        graph, loss, outputs: as for find_loss.
    """
    cut = {tensor.rpartition(":")[0] for tensor in outputs.values()}
    names, _ = behind(graph, [loss], cut=cut)
    for name in sorted(names):
        node = graph.nodes[name]
        if node.op == "CTCLoss":
            classes = (graph.shape(graph.inputs(node)[0]) or [None])[-1]
            blank = "classes - 1" if classes is None else classes - 1
            return (
                f"the loss {name} is CTC with the last class as the blank, where keras.losses.CTC "
                "has the first one, and takes no lengths: train with keras.ops.ctc_loss(labels, "
                f"outputs, label_lengths, lengths, mask_index={blank})"
            )
    return f"{loss} is no loss that Keras has: compile the model with yours"


class _Batch(NamedTuple):
    """Random outputs, labels and weights, the graph's loss of them and its gradient.

    gradient: with regard to the outputs.
    """

    predictions: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None
    loss: float
    gradient: np.ndarray


def _batches(graph: Graph, loss: str, form: LossForm, checkpoint: Checkpoint) -> list[_Batch]:
    """Raises UserError or ValueError where the graph needs more than these, or other sizes.

    Raises LookupError, AttributeError or TypeError where it has no gradient here.
    """
    tensors = [form.predictions, form.labels, *([form.weights] if form.weights else [])]
    whole = WholeGraph(graph.whole, upcast=True, targets=[loss, *tensors], fed=tensors)
    whole.restore(checkpoint)
    stream, batches = np.random.default_rng(0), []
    feed = [whole.tensor(tensor) for tensor in tensors]
    with whole.imported.as_default():
        results = [whole.tensor(loss), *tf1.gradients(whole.tensor(loss), feed[:1])]
    for rows, size in _BATCHES:
        values = _draw(form, [tensor.shape.as_list() for tensor in feed], rows, stream)
        typed = [
            (value * size if number == 0 else value).astype(tensor.dtype.as_numpy_dtype)
            for number, (value, tensor) in enumerate(zip(values, feed, strict=True))
        ]
        batches.append(
            _batch(form, typed, *whole.run(results, dict(zip(feed, typed, strict=True))))
        )
    return batches


def _batch(form: LossForm, values: Sequence[np.ndarray], loss: Any, gradient: np.ndarray) -> _Batch:
    """A batch with labels and weights in the layout of the outputs."""
    predictions, labels, *weights = values
    lead = predictions.shape[:-1]
    of_labels = lead if form.kind == "sparse softmax" else predictions.shape
    aligned = [value.astype(float).reshape(lead) for value in weights]
    own = labels.reshape(of_labels)
    return _Batch(predictions, own, aligned[0] if aligned else None, float(loss), gradient)


def _draw(form: LossForm, shapes: Sequence[list[int | None]], rows: int, stream: Any):
    """Random outputs, labels and weights of open shapes."""
    predicted, *_ = shapes
    width = predicted[-1] if predicted[-1] is not None else 3
    dense = form.kind != "sparse softmax"
    leads = [predicted[:-1], shapes[1][:-1] if dense else shapes[1], *shapes[2:]]
    known = max(leads, key=lambda lead: sum(size is not None for size in lead))
    sizes = [*known] if any(known) else [rows, _STEPS]  # of one open axis alone: rows of steps
    rows = sizes[0] or rows
    count = int(np.prod([size or (rows, _STEPS)[n > 0] for n, size in enumerate(sizes)]))
    lead = _filled(predicted[:-1], count, rows)
    yield stream.normal(size=(*lead, width))
    for number, shape in enumerate(shapes[1:]):
        if number == 0 and dense:
            size = (*_filled(shape[:-1], count, rows), width)
            values = stream.uniform(0.1, 1.0, size)
            yield values / values.sum(-1, keepdims=True) if form.kind == "softmax" else values
        elif number == 0:
            yield stream.integers(width, size=_filled(shape, count, rows))
        else:  # some are zero, and of truth values some are false
            values = stream.uniform(0.5, 2.0, _filled(shape, count, rows))
            yield values * (stream.uniform(size=values.shape) < 0.7)


def _filled(shape: Sequence[int | None], count: int, rows: int) -> tuple[int, ...]:
    """A shape whose open sizes make `count` numbers, `rows` by the others; raises ValueError."""
    known = int(np.prod([size for size in shape if size is not None], dtype=int))
    missing = sum(size is None for size in shape)
    if missing > 2 or count % known:
        raise ValueError("the sizes of a loss's inputs do not fit each other")
    rest = count // known
    sizes = iter([rest] if missing == 1 else [rows, rest // rows])
    filled = tuple(next(sizes) if size is None else size for size in shape)
    if missing and int(np.prod(filled)) != count:
        raise ValueError("the sizes of a loss's inputs do not fit each other")
    return filled


def _is_same(call: Call, batches: Sequence[_Batch]) -> bool:
    """Whether Keras' loss differs from the graph's by the same number on all batches.

    Its gradient must not differ: a part of a loss may be stopped.
    """
    with floatx("float64"):
        loss = call.make()
        actual = [_differentiated(loss, batch) for batch in batches]
    gaps = [batch.loss - value for batch, (value, _) in zip(batches, actual, strict=True)]
    scale = max(1.0, *(abs(batch.loss) for batch in batches))
    bound = tolerance("losses of resumed steps", "float64").bound
    return all(abs(gap - gaps[0]) <= bound * scale for gap in gaps) and all(
        np.abs(batch.gradient - gradient).max() <= bound * max(1.0, np.abs(gradient).max())
        for batch, (_, gradient) in zip(batches, actual, strict=True)
    )


def _differentiated(loss: Any, batch: _Batch) -> tuple[float, np.ndarray]:
    """Keras' loss of a batch and its gradient with regard to the outputs."""
    predictions = tf.constant(batch.predictions)
    with tf.GradientTape() as tape:
        tape.watch(predictions)
        value = loss(batch.labels, predictions, sample_weight=batch.weights)
    return float(value), tape.gradient(value, predictions).numpy()
