"""A frozen graph as a checkpoint: constants that were variables are read as such again."""

from __future__ import annotations

import copy
from typing import Any

import numpy as np

from tf1port.errors import UserError

ENDING = ".pb"
_FLOATS = (1, 2)  # of the DataTypes: float32, float64
_READS = {"Identity", "ReadVariableOp"}


class FrozenGraph:
    """What tf1port.tf1.checkpoint.reader.Checkpoint is, of one file with graph and weights.

    Attributes: as there; `meta` is the file itself.

    Raises:
        UserError: it is no graph, or one without weights.
    """

    def __init__(self, path: str) -> None:
        self.prefix, self.meta, self.format = path, path, "frozen"
        self.partitions: dict[str, dict[str, tuple[int, ...]]] = {}
        self.substitutes: dict[str, str] = {}
        self._nodes = {node.name: node for node in frozen_variables(read_graph(path))}
        if not self._nodes:
            raise UserError(f"{path} holds no weights: give the prefix of a TF1 checkpoint")
        self.shapes = {name: shape_of(node) for name, node in self._nodes.items()}
        self.dtypes = {name: np.dtype(_dtype(node)) for name, node in self._nodes.items()}

    def with_substitutes(self, substitutes: dict[str, str]) -> FrozenGraph:
        """The same where some variables have the values of others: {name: other}."""
        checkpoint = copy.copy(self)
        checkpoint.substitutes = substitutes
        return checkpoint

    def read(self, name: str) -> np.ndarray:
        """The value of one variable. Raises KeyError where there is none."""
        import tensorflow as tf

        node = self._nodes[self.substitutes.get(name, name)]
        return np.array(tf.make_ndarray(node.attr["value"].tensor))

    def check(self) -> None:
        """Its values were read with the file."""


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
    return graph_def


def frozen_variables(graph_def: Any) -> list[Any]:
    """The constants of a graph that a variable's read op takes: they were variables."""
    read = {
        name.partition(":")[0]
        for node in graph_def.node
        if node.op in _READS and node.name.endswith(("/read", "/ReadVariableOp"))
        for name in node.input
    }
    read |= {name.removesuffix("/read") for name in read}
    return [node for node in graph_def.node if node.name in read and _is_weights(node)]


def thawed(graph_def: Any) -> Any:
    """The graph with variables in the place of its frozen ones."""
    import tensorflow.compat.v1 as tf1

    frozen = {node.name for node in frozen_variables(graph_def)}
    found = tf1.GraphDef()
    found.CopyFrom(graph_def)
    for node in found.node:
        if node.name in frozen:
            name, shape, kind = node.name, shape_of(node), node.attr["dtype"].type
            node.Clear()
            node.op, node.name = "VariableV2", name
            node.attr["dtype"].type = kind
            node.attr["shape"].shape.CopyFrom(tf1.TensorShape(shape).as_proto())
    return found


def shape_of(node: Any) -> tuple[int, ...]:
    """The shape of a constant."""
    return tuple(size.size for size in node.attr["value"].tensor.tensor_shape.dim)


def _is_weights(node: Any) -> bool:
    return node.op == "Const" and node.attr["dtype"].type in _FLOATS


def _dtype(node: Any) -> str:
    return "float64" if node.attr["dtype"].type == 2 else "float32"
