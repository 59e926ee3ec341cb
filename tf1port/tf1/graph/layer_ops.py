"""Layers as the operations of a graph, each read from the one op at its heart.

What counts is the structure of the operations and that they take variables, whatever the names.
"""

import numpy as np

from tf1port.tf1.graph.convolutions import conv1d
from tf1port.tf1.graph.equations import ACTIVATIONS
from tf1port.tf1.graph.index import ADD, PASSING
from tf1port.tf1.graph.inference import FUSED
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.normalizations import decomposed, fused

BIAS = ADD | {"BiasAdd"}
RESHAPED = PASSING | {"Reshape"}
_GATHERS = {"Gather", "GatherV2", "ResourceGather"}


def read_layer(graph, node):
    """The layer at whose heart a node is; None where it is of none that is known."""
    reader = _READERS.get(node.op)
    return reader(graph, node) if reader else None


def embedding(graph, tensor):
    """The embedding that makes a tensor; None where none does."""
    node = graph.node(tensor)
    if node is None or node.op not in _GATHERS or not graph.variable(graph.inputs(node)[0]):
        return None
    table, ids = graph.inputs(node)[:2]
    return Layer("embedding", {"embeddings": graph.variable(table)}, tensor, ids)


def activation(graph, tensor):
    """The activation that takes a tensor, as a layer; None where none does."""
    nodes = graph.consumers(tensor, ACTIVATIONS)
    return activation_of(graph, nodes[0]) if nodes else None


def activation_of(graph, node):
    """A node of an activation as a layer."""
    options = {"activation": ACTIVATIONS[node.op]}
    return Layer("activation", {}, _out(node), graph.inputs(node)[0], options)


def _dense(graph, node):
    """x W, with the bias that is added to it and the activation of the sum."""
    inputs, matrix = graph.inputs(node)
    kernel = _matrix(graph, matrix)
    if kernel is None or _is_set(node, "transpose_a", "transpose_b"):
        return None
    variables, tensor = {"kernel": kernel}, _out(node)
    for add in graph.ahead([tensor], through=RESHAPED, ops=BIAS):
        biases = [graph.variable(name) for name in graph.inputs(add) if graph.variable(name)]
        if biases:
            variables["bias"], tensor = biases[0], _out(add)
    return _activated(graph, Layer("dense", variables, tensor, inputs))


def _matrix(graph, tensor):
    """The variable that is multiplied by; tf.tensordot reshapes it and transposes nothing."""
    node = graph.node(graph.origin(tensor))
    while node is not None and node.op in {"Reshape", "Transpose"}:
        tensor, how = graph.inputs(node)
        if node.op == "Transpose" and not np.array_equal(graph.constant(how), [0, 1]):
            return None
        node = graph.node(graph.origin(tensor))
    return graph.variable(tensor)


def products(graph, kernel):
    """The products with a variable of a dense layer; none of None."""
    tensors = [f"{kernel}:0"] if kernel else []
    return graph.ahead(tensors, through=RESHAPED | {"Transpose"}, ops={"MatMul"})


def _conv1d(graph, node):
    layer = conv1d(graph, node)
    return None if layer is None else _activated(graph, layer)


def _activated(graph, layer):
    """A layer with the activation of what it makes."""
    over = activation(graph, layer.output)
    options = {**layer.options, **(over.options if over else {"activation": "linear"})}
    return layer._replace(output=over.output if over else layer.output, options=options)


def _is_set(node, *names):
    return any(name in node.attr and node.attr[name].b for name in names)


def _out(node):
    return node.name + ":0"


_READERS = {"MatMul": _dense, "Mul": decomposed, "Conv2D": _conv1d, **dict.fromkeys(FUSED, fused)}
WEIGHTED = frozenset(_READERS)
