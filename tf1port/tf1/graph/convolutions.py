"""Convolutions over time as the operations of a graph: one of images of height one."""

from tf1port.tf1.graph.index import ADD, PASSING
from tf1port.tf1.graph.layer import Layer

_PADDINGS = {b"SAME": "same", b"VALID": "valid"}


def conv1d(graph, node):
    """The layer of tf.layers.conv1d without its activation; None for any other node."""
    images, filters = graph.inputs(node)
    expanded = _expanded(graph, filters)
    inputs, options = _expanded(graph, images), _options(node)
    kernel = graph.variable(expanded) if expanded else None
    shape = (graph.shape(expanded) if kernel else None) or []  # a resource has none
    if kernel is None or inputs is None or options is None or len(shape) != 3:
        return None
    squeezed = graph.consumers(node.name + ":0", {"Squeeze"})
    if len(squeezed) != 1:
        return None
    variables, tensor = {"kernel": kernel}, squeezed[0].name + ":0"
    for add in graph.ahead([tensor], through=PASSING, ops=ADD | {"BiasAdd"}):
        biases = [graph.variable(name) for name in graph.inputs(add) if graph.variable(name)]
        if biases:
            variables["bias"], tensor = biases[0], add.name + ":0"
    return Layer("conv1d", variables, tensor, inputs, {"kernel_size": shape[0], **options})


def _expanded(graph, tensor):
    """The input of the ExpandDims that computes a tensor; None: another op does."""
    node = graph.node(graph.origin(tensor))
    return graph.inputs(node)[0] if node is not None and node.op == "ExpandDims" else None


def _options(node):
    """Strides, padding and dilation over time, the width; None: not those of a conv1d."""
    attributes = node.attr
    layout = attributes["data_format"].s if "data_format" in attributes else b"NHWC"
    padding = _PADDINGS.get(attributes["padding"].s)
    strides = list(attributes["strides"].list.i)
    dilations = list(attributes["dilations"].list.i) if "dilations" in attributes else [1, 1, 1, 1]
    plain = all(sizes[:2] + sizes[3:] == [1, 1, 1] for sizes in (strides, dilations))
    if layout != b"NHWC" or padding is None or not plain:
        return None
    return {"strides": strides[2], "padding": padding, "dilation_rate": dilations[2]}


def shortest(layers):
    """The least number of input steps for which stacked convolutions have an output step."""
    steps = 1
    for options in (layer.options for layer in reversed(layers) if layer.kind == "conv1d"):
        reach = (options["kernel_size"] - 1) * options["dilation_rate"]
        steps = (steps - 1) * options["strides"] + reach + 1
    return steps
