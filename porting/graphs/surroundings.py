"""The layers around a graph's cells: an embedding or dense layers before them, dense ones after.

Layers are found by reachability: a matrix that is multiplied with something that was only moved
about since a cell made it is a dense layer over that cell, whatever its name.
"""

from typing import NamedTuple

from porting.graph import ADD, PASSING
from porting.graphs.equations import ACTIVATIONS
from porting.graphs.runs import MOVING

_BIAS = ADD | {"BiasAdd"}
_RESHAPED = PASSING | {"Reshape"}
_GATHERS = {"Gather", "GatherV2", "ResourceGather"}
_SELECTING = {"StridedSlice", "Slice", "Gather", "GatherV2", "GatherNd"}
_SELECTING |= {"Split", "SplitV", "Unpack"}


class Layer(NamedTuple):
    """A layer before or after the cells: "embedding" or "dense", its variables by Keras' role."""

    kind: str
    variables: dict[str, str]
    activation: str
    output: str  # the tensor that it makes


def layers_before(graph, tensor):
    """The layers that make what the first cell takes, from the inputs of the graph on."""
    found: list[Layer] = []
    while True:
        for source in graph.behind(tensor, through=MOVING | set(ACTIVATIONS)):
            layer = _layer_at(graph, source)
            if layer is not None:
                found.insert(0, _activated(graph, layer))
                break
        else:
            return found
        if layer.kind == "embedding":
            return found
        tensor = graph.inputs(_product(graph, source))[0]


def _activated(graph, layer):
    """A dense layer with the activation that takes its sums."""
    for node in graph.consumers(layer.output, ACTIVATIONS)[:1]:
        layer = layer._replace(activation=ACTIVATIONS[node.op], output=node.name + ":0")
    return layer


def _layer_at(graph, tensor):
    """The layer that makes a tensor; None where no layer does."""
    node = graph.node(tensor)
    if node is None:
        return None
    if node.op in _GATHERS and graph.variable(graph.inputs(node)[0]):
        variables = {"embeddings": graph.variable(graph.inputs(node)[0])}
        return Layer("embedding", variables, "linear", tensor)
    product = _product(graph, tensor)
    if product is None or graph.variable(graph.inputs(product)[1]) is None:
        return None
    variables = {"kernel": graph.variable(graph.inputs(product)[1])}
    if product is not node:
        variables["bias"] = graph.variable(graph.inputs(node)[1])
    return Layer("dense", variables, "linear", tensor)


def _product(graph, tensor):
    """The product that a tensor is, or that it is with a variable added; else None."""
    node = graph.node(tensor)
    if node is not None and node.op in _BIAS and graph.variable(graph.inputs(node)[1]):
        node = graph.node(graph.inputs(node)[0])
        while node is not None and node.op in _RESHAPED:  # a product of three dimensions
            node = graph.node(graph.inputs(node)[0])
    return node if node is not None and node.op == "MatMul" else None


def layers_after(graph, ends, *, kernels):
    """The dense layers over the last cell, and what they take of it.

    Args:
        ends: pairs of a tensor and what it would be, to be tried in turn: the final "state", the
            outputs of all "steps", the "last" ones picked from those.
        kernels: the variables of the cells themselves.
    """
    for tensor, takes in ends:
        # Outputs that a fused op makes are multiplied by a mask of the lengths.
        through = MOVING | {"Mul"} if takes != "steps" else MOVING - _SELECTING
        found = _dense_over(graph, tensor, through=through, kernels=kernels) if tensor else []
        if found:
            return found, takes
    return [], "steps"


def _dense_over(graph, tensor, *, through, kernels):
    """The dense layers over a tensor, one upon the other."""
    found: list[Layer] = []
    while True:
        products = graph.ahead([tensor], through=through, ops={"MatMul"})
        weighed = [node for node in products if graph.variable(graph.inputs(node)[1])]
        weighed = [n for n in weighed if graph.variable(graph.inputs(n)[1]) not in kernels]
        if not weighed:
            return found
        layer = _activated(graph, _with_bias(graph, weighed[0]))
        tensor = layer.output
        found.append(layer)


def _with_bias(graph, product):
    """The dense layer of a product, with the bias that is added to it."""
    variables = {"kernel": graph.variable(graph.inputs(product)[1])}
    tensor = product.name + ":0"
    for add in graph.ahead([tensor], through=_RESHAPED, ops=_BIAS):
        biases = [graph.variable(name) for name in graph.inputs(add) if graph.variable(name)]
        if biases:
            variables["bias"], tensor = biases[0], add.name + ":0"
    return Layer("dense", variables, "linear", tensor)
