"""The numbers of a graph as the source of a model writes them.

A text may be the same number in float32, and in float64 another one than that of a graph whose
float32 numbers are upcast: so the graph takes what is written. That goes for what is computed of
constants as well, which in float64 would be another number.
"""

from __future__ import annotations

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.keras_model.op_table.writing import number
from tf1port.keras_model.program import Constant, Program, in_order
from tf1port.tf1.graph.widening import DECIMAL


def with_decimals(graph_def: tf1.GraphDef, program: Program) -> tf1.GraphDef:
    """A GraphDef in which the numbers that a Program writes are upcast as they are written."""
    written = _written(program)
    found = tf1.GraphDef()
    found.CopyFrom(graph_def)
    for node in found.node:
        value = written.get(node.name)
        if value is None:
            continue
        if node.op != "Const":
            _make_constant(node, value)
        node.attr[DECIMAL].s = number(value, "float32").encode()
    return found


def _written(program: Program) -> dict[str, np.ndarray]:
    """The single float32 numbers that a Program has of its graph, by the node."""
    order = in_order([*program.outputs.values()])
    constants = [one for one in order if isinstance(one, Constant) and one.scope]
    return {
        one.scope: one.array
        for one in constants
        if one.array.ndim == 0 and one.array.dtype == np.float32 and np.isfinite(one.array)
    }


def _make_constant(node, value: np.ndarray) -> None:
    """Makes a node a constant that waits for what it was computed of, to stay in its loop."""
    waiting = [f"^{name.lstrip('^').partition(':')[0]}" for name in node.input]
    node.op, node.input[:] = "Const", list(dict.fromkeys(waiting))
    node.ClearField("attr")
    node.attr["dtype"].type = tf1.float32.as_datatype_enum
    node.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(value))


__all__ = ["with_decimals"]
