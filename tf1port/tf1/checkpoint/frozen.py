"""A frozen graph as a checkpoint: constants that were variables are read as variables."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tf1port.errors import UserError
from tf1port.tf1 import constants

ENDING = ".pb"
_FLOATS = (1, 2)  # of the DataTypes: float32, float64
_READS = {"Identity", "ReadVariableOp"}


class FrozenGraph:
    """A frozen graph with the interface of tf1port.tf1.checkpoint.reader.Checkpoint.

    Attributes: as of Checkpoint; `meta` is the file itself.

    Raises:
        UserError: it is no graph, or one without weights.
    """

    def __init__(self, path: str) -> None:
        self.prefix, self.meta, self.format = path, path, "frozen"
        self.partitions: dict[str, dict[str, tuple[int, ...]]] = {}
        self.substitutes: dict[str, str] = {}
        self.renamed: dict[str, str] = {}
        self.hidden: set[str] = set()
        self._nodes = {node.name: node for node in frozen_variables(read_graph(path))}
        if not self._nodes:
            raise UserError(f"{path} holds no weights: give the prefix of a TF1 checkpoint")
        self.shapes = {name: shape_of(node) for name, node in self._nodes.items()}
        self.dtypes = {name: np.dtype(_dtype(node)) for name, node in self._nodes.items()}

    def with_substitutes(self, substitutes: dict[str, str]) -> FrozenGraph:
        """A copy where some variables have the values of others: {name: name of the substitute}."""
        checkpoint = copy.copy(self)
        checkpoint.substitutes = substitutes
        return checkpoint

    def read(self, name: str) -> np.ndarray:
        """The value of one variable. Raises KeyError where there is none."""
        import tensorflow as tf

        node = self._nodes[self.substitutes.get(name, name)]
        return np.array(tf.make_ndarray(node.attr["value"].tensor))

    def check(self) -> None:
        """Does nothing: all values were read with the file."""


def read_graph(path: str) -> Any:
    """The GraphDef of a file. Raises UserError where it is none."""
    import tensorflow.compat.v1 as tf1
    from google.protobuf.message import DecodeError

    graph_def = tf1.GraphDef()
    try:
        with open(path, "rb") as file:
            graph_def.ParseFromString(file.read())
    except OSError as error:
        raise UserError(f"cannot read {path}: {error.strerror}") from None
    except DecodeError:
        raise UserError(f"{path} is damaged or no frozen graph: export it again") from None
    if not graph_def.node:
        raise UserError(f"{path} holds no graph: give a frozen graph, or a checkpoint's prefix")
    constants.check_size(graph_def, path)
    return graph_def


def frozen_variables(graph_def: Any) -> list[Any]:
    """The constants that are inputs of a variable's read op: they were variables."""
    read = {
        name.partition(":")[0]
        for node in graph_def.node
        if node.op in _READS and node.name.endswith(("/read", "/ReadVariableOp"))
        for name in node.input
    }
    read |= {name.removesuffix("/read") for name in read}
    return [node for node in graph_def.node if node.name in read and _is_weights(node)]


def thawed(graph_def: Any) -> Any:
    """A copy of the graph with variables in place of the constants that they were frozen to."""
    import tensorflow.compat.v1 as tf1

    frozen = {node.name for node in frozen_variables(graph_def)}
    variable_graph = tf1.GraphDef()
    variable_graph.CopyFrom(graph_def)
    for node in variable_graph.node:
        if node.name in frozen:
            name, shape, dtype = node.name, shape_of(node), node.attr["dtype"].type
            node.Clear()
            node.op, node.name = "VariableV2", name
            node.attr["dtype"].type = dtype
            node.attr["shape"].shape.CopyFrom(tf1.TensorShape(shape).as_proto())
    return variable_graph


def shape_of(node: Any) -> tuple[int, ...]:
    """The shape of a constant."""
    return tuple(size.size for size in node.attr["value"].tensor.tensor_shape.dim)


def _is_weights(node: Any) -> bool:
    return node.op == "Const" and node.attr["dtype"].type in _FLOATS


def _dtype(node: Any) -> str:
    return "float64" if node.attr["dtype"].type == 2 else "float32"
