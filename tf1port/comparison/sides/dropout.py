"""Dropout on both sides with the same mask: nothing is dropped, and all units are still scaled.

Two sides would draw different random masks. A rate shows without any: dropout divides the units
that it keeps by the keep probability.
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

KEEP, DROP = 0.999999, 1e-6  # instead of the random numbers in [0, 1) that masks are computed from
_RANDOM = re.compile("(Stateless)?RandomUniform(V2)?$")
_SHIFTING = {"Mul", "Add", "AddV2", "Sub"}
_MASKING = {"Floor", "GreaterEqual"}
_NEAR = 1e-6  # within which keep probabilities of graph and model are the same: float32 rounds


def drawn(graph_def: Any, number: float) -> Any:
    """A GraphDef with a constant for dropout's random numbers; the same one if there is no dropout.

    Args:
        graph_def: of tf1port.tf1.graph.index.Graph.
        number: KEEP or DROP.
    """
    names = _random_nodes(graph_def)
    functions = graph_def.library.function
    inner = [function.signature.name for function in functions if _drops(function)]
    if not names and not inner:
        return graph_def
    copied = copy.deepcopy(graph_def)
    _put(copied.node, names, number, "{}:0")
    for function in copied.library.function:
        if function.signature.name in inner:
            own = {node.name for node in function.node_def if _RANDOM.match(node.op)}
            _put(function.node_def, own, number, "{}:output:0")
    return copied


def shares(graph_def: Any, floats: Any) -> np.ndarray:
    """The keep probabilities that dropout may have, the likeliest first.

    Candidates are numbers that are fed, inverses of scales, and any scalar constant in (0, 1).

    Args:
        floats: the floats among the fed values, as the graph rounds them.
    """
    scalars = []
    for node in graph_def.node:
        value = node.attr["value"].tensor if node.op == "Const" else None
        if value is not None and value.dtype in (1, 2) and not value.tensor_shape.dim:
            scalars.append(float(tf1.make_ndarray(value)))
    own = [float(number) for number in floats]
    scales = [1 / number for number in scalars if number > 1]
    candidates = [*own, *(1 - number for number in own), *scales, *scalars]
    candidates += [1 - number for number in scalars]
    return np.asarray([share for share in candidates if 0 < share < 1])


@contextmanager
def nothing_dropped(*, scaled: bool, shares: Any = ()) -> Iterator[None]:
    """Keras' dropout drops nothing within this.

    Args:
        scaled: whether units are still divided by the keep probability.
        shares: the graph's keep probabilities, as it rounds them: the nearest one is used.
    """
    own_dropout = backend.random.dropout
    candidates = np.asarray(shares)

    def dropout(inputs, rate, noise_shape=None, seed=None):
        share = 1 - rate
        near = candidates[np.abs(candidates - share) < _NEAR] if len(candidates) else candidates
        exact = float(near[0]) if len(near) else share
        return inputs / exact if scaled else inputs

    backend.random.dropout = dropout
    try:
        yield
    finally:
        backend.random.dropout = own_dropout


def rates(config: Any) -> list[float]:
    """The rates above 0 of dropout in the configuration of a model, in order."""
    positive = []
    queue = [config]
    while queue:
        entry = queue.pop(0)
        if isinstance(entry, dict):
            drops = "Dropout" in str(entry.get("class_name"))
            inner = entry.get("config")
            own = inner if isinstance(inner, dict) else {}
            keys = ["rate"] if drops else ["dropout", "recurrent_dropout"]
            values = [own.get(key) for key in keys]
            positive += [value for value in values if isinstance(value, int | float) and value > 0]
            queue += entry.values()
        elif isinstance(entry, list | tuple):
            queue += entry
    return list(dict.fromkeys(positive))


def _random_nodes(graph_def):
    """The names of the random ops whose numbers become a mask."""
    if not any(_RANDOM.match(node.op) for node in graph_def.node):
        return set()
    graph = Graph(graph_def, backward=True)
    names = [node.name for node in graph_def.node if _RANDOM.match(node.op)]
    return {name for name in names if graph.ahead([f"{name}:0"], through=_SHIFTING, ops=_MASKING)}


def _drops(function):
    ops = {node.op for node in function.node_def}
    return any(map(_RANDOM.match, ops)) and bool(ops & _MASKING)


def _put(nodes, names, number, output):
    """Replaces random nodes by Fill nodes of a number."""
    for node in [node for node in nodes if node.name in names]:
        dtype, sizes = node.attr["dtype"].type, node.attr["T"].type or node.attr["Tshape"].type
        shape = node.input[0]
        # Within a loop a constant needs a control input from the loop's frame.
        constant = nodes.add(name=f"{node.name}/held", op="Const")
        constant.input.append(f"^{shape.partition(':')[0]}")
        constant.attr["dtype"].type = dtype
        value = np.asarray(number, tf1.as_dtype(dtype).as_numpy_dtype)
        constant.attr["value"].tensor.CopyFrom(tf1.make_tensor_proto(value))
        node.op = "Fill"
        node.ClearField("attr")
        node.attr["T"].type, node.attr["index_type"].type = dtype, sizes
        del node.input[:]
        node.input.extend([shape, output.format(constant.name)])
