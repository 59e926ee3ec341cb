"""Whether the gradients that a graph applies are those of the loss that was found in it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.numerics import comparison
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.tf1.session.whole_graph import WholeGraph

_OF_FUNCTIONS = {"While", "StatelessWhile", "If", "StatelessIf", "Case", "StatelessCase"}
_OF_FUNCTIONS |= {"PartitionedCall", "StatefulPartitionedCall"}


def check_loss(
    session: WholeGraph,
    loss: Any,
    batch: Mapping[Any, np.ndarray],
    applied: Mapping[str, np.ndarray],
    dtype: str,
) -> None:
    """Refuses a loss whose gradients are others than those that the graph applies.

    Those of variables behind a loop or a branch are not compared: an imported one lacks the
    contexts that its gradient needs. Nothing is where an op would get a gradient that does not run:
    once it is there, TensorFlow runs nothing else of the graph.

    Args:
        loss: a tensor of the session's graph. applied: the graph's own gradients by variable.

    Raises:
        NoTraining: they are others.
    """
    if any(map(_has_no_gradient, session.imported.get_operations())):
        return
    with session.imported.as_default():
        gradients = _gradients(loss, {name: session.operation(name).outputs[0] for name in applied})
    computed = {name: tensor for name, tensor in gradients.items() if tensor is not None}
    values = session.run(computed, batch) if computed else {}
    # What the loss does not depend on has no gradient: zeros.
    zeros = {name: np.zeros_like(applied[name]) for name in gradients.keys() - computed.keys()}
    own, found = {name: applied[name] for name in gradients}, {**values, **zeros}
    if not own:
        return
    scale = max(1.0, *(np.abs(value).max(initial=0) for value in own.values()))
    sides = ({name: side[name] / scale for name in sorted(own)} for side in (own, found))
    if not comparison.check("gradients of a batch", *sides, dtype=dtype).passed:
        raise NoTraining(
            "the loss was not found: its gradients are not those that the graph applies"
        )


def _has_no_gradient(operation: tf1.Operation) -> bool:
    """Whether an imported op would get a gradient that does not run."""
    if operation.type == "Switch":  # of a handle there is no ZerosLike
        return operation.inputs[0].dtype == tf1.resource
    return operation.type in _OF_FUNCTIONS


def _gradients(loss, variables):
    """The gradients by variable, of all or of those that they can be built for."""
    try:
        return _built(loss, variables)
    except NoTraining:
        pass
    found = {}
    for name, variable in variables.items():
        try:
            found.update(_built(loss, {name: variable}))
        except NoTraining:
            continue
    return found


def _built(loss, variables):
    try:
        gradients = tf1.gradients(loss, list(variables.values()))
        dense = [None if each is None else tf1.convert_to_tensor(each) for each in gradients]
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise NoTraining(str(error)) from None
    return dict(zip(variables, dense, strict=True))
