"""Dropout on both sides with the same mask: nothing is dropped, what stays is scaled all the same.

Two sides would draw other numbers. Yet a rate shows without any: what is left of a layer is divided
by the share that stays.
"""

import copy
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf1
from keras.src import backend  # no public name is looked up by the layers when they drop

from tf1port.tf1.graph.index import Graph

KEEP, DROP = 0.999999, 1e-6  # for the random numbers in [0, 1) that masks are made of
_RANDOM = re.compile("(Stateless)?RandomUniform(V2)?$")
_SHIFTING = {"Mul", "Add", "AddV2", "Sub"}
_MASKING = {"Floor", "GreaterEqual"}
_NEAR = 1e-6  # within which a share of the graph is that of a port: float32 rounds


def drawn(graph_def: Any, number: float) -> Any:
    """A GraphDef where a number takes the place of each that dropout draws; the same without any.

    Args:
        graph_def: of tf1port.tf1.graph.index.Graph.
        number: KEEP or DROP.
    """
    names = _random_nodes(graph_def)
    inner = [one.signature.name for one in graph_def.library.function if _drops(one)]
    if not names and not inner:
        return graph_def
    found = copy.deepcopy(graph_def)
    _put(found.node, names, number, "{}:0")
    for function in found.library.function:
        if function.signature.name in inner:
            own = {node.name for node in function.node_def if _RANDOM.match(node.op)}
            _put(function.node_def, own, number, "{}:output:0")
    return found


def shares(graph_def: Any, fed: Any) -> np.ndarray:
    """The shares that dropout may leave, the likeliest first: fed, of a scale, or any number.

    Args:
        fed: floats of a feed, as the graph holds them.
    """
    held = []
    for node in graph_def.node:
        value = node.attr["value"].tensor if node.op == "Const" else None
        if value is not None and value.dtype in (1, 2) and not value.tensor_shape.dim:
            held.append(float(tf1.make_ndarray(value)))
    own = [float(number) for number in fed]
    scales = [1 / number for number in held if number > 1]
    found = [*own, *(1 - number for number in own), *scales, *held, *(1 - one for one in held)]
    return np.asarray([share for share in found if 0 < share < 1])


@contextmanager
def nothing_dropped(*, scaled: bool, of: Any = ()) -> Iterator[None]:
    """Keras' dropout drops nothing within this.

    Args:
        scaled: what stays is divided by the share that stays.
        of: shares of the graph, as it rounds them, that a port's may stand for.
    """
    held = backend.random.dropout
    known = np.asarray(of)

    def dropout(inputs, rate, noise_shape=None, seed=None):
        share = 1 - rate
        near = known[np.abs(known - share) < _NEAR] if len(known) else known
        exact = float(near[0]) if len(near) else share
        return inputs / exact if scaled else inputs

    backend.random.dropout = dropout
    try:
        yield
    finally:
        backend.random.dropout = held


def rates(config: Any) -> list[float]:
    """The rates above 0 of dropout in the configuration of a model, in order."""
    found = []
    queue = [config]
    while queue:
        one = queue.pop(0)
        if isinstance(one, dict):
            drops = "Dropout" in str(one.get("class_name"))
            held = one.get("config")
            own = held if isinstance(held, dict) else {}
            keys = ["rate"] if drops else ["dropout", "recurrent_dropout"]
            values = [own.get(key) for key in keys]
            found += [value for value in values if isinstance(value, int | float) and value > 0]
            queue += one.values()
        elif isinstance(one, list | tuple):
            queue += one
    return list(dict.fromkeys(found))


def _random_nodes(graph_def):
    """The names of the random numbers that become a mask."""
    if not any(_RANDOM.match(node.op) for node in graph_def.node):
        return set()
    graph = Graph(graph_def, backward=True)
    names = [node.name for node in graph_def.node if _RANDOM.match(node.op)]
    return {name for name in names if graph.ahead([f"{name}:0"], through=_SHIFTING, ops=_MASKING)}


def _drops(function):
    ops = {node.op for node in function.node_def}
    return any(map(_RANDOM.match, ops)) and bool(ops & _MASKING)


def _put(nodes, names, number, output):
    """Fills of a number in the place of some nodes that draw others."""
    for node in [one for one in nodes if one.name in names]:
        dtype, sizes = node.attr["dtype"].type, node.attr["T"].type or node.attr["Tshape"].type
        shape = node.input[0]
        # Within a loop a constant has to wait for something of the loop.
        held = nodes.add(name=f"{node.name}/held", op="Const")
        held.input.append(f"^{shape.partition(':')[0]}")
        held.attr["dtype"].type = dtype
        value = np.asarray(number, tf1.as_dtype(dtype).as_numpy_dtype)
        held.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(value))
        node.op = "Fill"
        node.ClearField("attr")
        node.attr["T"].type, node.attr["index_type"].type = dtype, sizes
        del node.input[:]
        node.input.extend([shape, output.format(held.name)])
