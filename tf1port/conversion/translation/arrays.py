"""TensorArrays: sequences that are read by the number of a step, and stacks of what was written."""

from __future__ import annotations

import numpy as np

from tf1port.conversion.translation.sizes import sizes_of
from tf1port.errors import UserError
from tf1port.keras_model.program import Constant, Op, Value
from tf1port.keras_model.program_conditions import Branch, Switched

ARRAY, READ, SCATTER = "TensorArrayV3", "TensorArrayReadV3", "TensorArrayScatterV3"


def inputs(graph, node) -> list[str]:
    """The sequence [T, ...] and the index that a TensorArrayRead is read from; else none.

    Raises:
        UserError: the array is not made of a sequence.
    """
    return [sequence(graph, node), graph.inputs(node)[1]] if node.op == READ else []


def sequence(graph, read) -> str:
    """The sequence [T, ...] that the array of a TensorArrayRead is made of."""
    return _source(graph, read)[0]


def _source(graph, read) -> tuple[str, list[Branch]]:
    """The sequence of a TensorArrayRead, and the branches that read it, the innermost first."""
    tensor, passed = graph.origin(graph.inputs(read)[-1]), []
    while (node := graph.node(tensor)) is not None and node.op == "Switch":
        data, predicate = graph.inputs(node)
        passed.append((graph.origin(predicate), tensor.endswith(":1")))
        tensor = graph.origin(data)
    if node is None or node.op != SCATTER:
        raise UserError(f"{read.name} reads an array that is not made of a sequence")
    return graph.inputs(node)[2], passed


def value(reader, node) -> Value:
    """One step of a sequence as the value of a TensorArrayRead."""
    steps, index = (reader.value(name) for name in inputs(reader.graph, node))
    sizes = sizes_of(steps) or ()
    for branch in reversed(_source(reader.graph, node)[1]):
        leaf = Switched(node.name, steps, branch)
        steps = Value(leaf, steps.dtype, steps.shape, dims=sizes)
    axis = Value(Constant(np.array(0)), "int32", ())
    shape = steps.axes[1:]
    operands = (steps, index, axis)
    op = Op("GatherV2", {"batch_dims": 0}, operands, (steps.dtype,), (shape,), node.name)
    return Value(op, steps.dtype, shape, dims=sizes[1:])


def size(graph, tensor: str) -> str | None:
    """The tensor of an array's fixed size; None: it has a row for each step that writes to it.

    Args:
        tensor: of the array before its loop.

    Raises:
        UserError: it has neither.
    """
    node = graph.node(graph.origin(tensor))
    if node is None or node.op != ARRAY:
        raise UserError(f"{tensor} is an array that is written before its loop")
    rows = graph.constant(graph.inputs(node)[0])
    if rows is not None and rows == 0:
        return None
    if "dynamic_size" in node.attr and node.attr["dynamic_size"].b:
        raise UserError(f"{node.name} is an array that grows beyond its size")
    return graph.inputs(node)[0]
