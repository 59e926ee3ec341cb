"""Layers as the operations of a graph, each read from its central op.

Layers are recognised by the structure of the operations and their variables, not by names.
"""

import numpy as np

from tf1port.tf1.graph.convolutions import conv1d
from tf1port.tf1.graph.equations import ACTIVATIONS
from tf1port.tf1.graph.index import ADD, PASSING
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.moments import FUSED
from tf1port.tf1.graph.normalizations import decomposed, fused

BIAS = ADD | {"BiasAdd"}
RESHAPED = PASSING | {"Reshape"}
GATHERS = {"Gather", "GatherV2", "ResourceGather"}


def read_layer(graph, node):
    """The layer whose central op a node is; None if it is of no known layer."""
    reader = _READERS.get(node.op)
    return reader(graph, node) if reader else None


def embedding(graph, tensor):
    """The embedding whose output a tensor is; None if there is none."""
    node = graph.node(tensor)
    if node is None or node.op not in GATHERS or not graph.variable(graph.inputs(node)[0]):
        return None
    table, ids = graph.inputs(node)[:2]
    return Layer("embedding", {"embeddings": graph.variable(table)}, tensor, ids)


def activation(graph, tensor):
    """The activation whose input a tensor is, as a layer; None if there is none."""
    nodes = graph.consumers(tensor, ACTIVATIONS)
    return activation_of(graph, nodes[0]) if nodes else None


def activation_of(graph, node):
    """The node of an activation as a layer."""
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
    """The variable behind a matrix; tf.tensordot reshapes it, with an identity transpose."""
    node = graph.node(graph.origin(tensor))
    while node is not None and node.op in {"Reshape", "Transpose"}:
        tensor, how = graph.inputs(node)
        if node.op == "Transpose" and not np.array_equal(graph.constant(how), [0, 1]):
            return None
        node = graph.node(graph.origin(tensor))
    return graph.variable(tensor)


def products(graph, kernel):
    """The products with a dense layer's kernel; [] if that is None."""
    tensors = [f"{kernel}:0"] if kernel else []
    return graph.ahead(tensors, through=RESHAPED | {"Transpose"}, ops={"MatMul"})


def _conv1d(graph, node):
    layer = conv1d(graph, node)
    return None if layer is None else _activated(graph, layer)


def _activated(graph, layer):
    """A layer with the activation of its output."""
    following = activation(graph, layer.output)
    options = {**layer.options, **(following.options if following else {"activation": "linear"})}
    return layer._replace(output=following.output if following else layer.output, options=options)


def _is_set(node, *names):
    return any(name in node.attr and node.attr[name].b for name in names)


def _out(node):
    return node.name + ":0"


_READERS = {"MatMul": _dense, "Mul": decomposed, "Conv2D": _conv1d, **dict.fromkeys(FUSED, fused)}
WEIGHTED = frozenset(_READERS)
