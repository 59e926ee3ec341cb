"""The layers around a graph's cells: those before them, those after.

Layers are found by reachability: one whose input is a cell's output, at most reshaped or reordered,
is a layer over that cell, whatever its name.
"""

from tf1port.tf1.graph.equations import ACTIVATIONS
from tf1port.tf1.graph.layer import Layer
from tf1port.tf1.graph.layer_ops import (
    BIAS,
    RESHAPED,
    WEIGHTED,
    activation,
    activation_of,
    embedding,
    read_layer,
)
from tf1port.tf1.graph.unrolls import MOVING

_SELECTING = {"StridedSlice", "Slice", "Gather", "GatherV2", "GatherNd"}
_SELECTING |= {"Split", "SplitV", "Unpack"}
_WITHIN = BIAS | RESHAPED | {"Squeeze", *ACTIVATIONS}
_PASSED = MOVING | set(ACTIVATIONS)


def layers_before(graph, tensor):
    """The layers that compute the input of the first cell, from the graph's inputs on."""
    layers: list[Layer] = []
    while True:
        by_output = _layers_behind(graph, tensor)
        for source in graph.behind(tensor, through=_PASSED):
            layer = embedding(graph, source) or by_output.get(source)
            if layer is not None:
                break
        else:
            return layers
        read = _with_activation(graph, layer)
        layers = [*read, *layers]
        if read[0].kind == "embedding":
            return layers
        tensor = read[0].inputs


def _layers_behind(graph, tensor):
    """The layers that lead to a tensor, by output; of two with the same output, the nearer.

    All are read at once: a search from each tensor on the way would look at the graph again.
    """
    by_output: dict[str, Layer] = {}
    for name in graph.behind(tensor, through=_PASSED | _WITHIN):
        node = graph.node(name)
        layer = read_layer(graph, node) if node is not None else None
        if layer is not None:
            by_output.setdefault(layer.output, layer)
    return by_output


def _with_activation(graph, layer):
    """A layer, and the activation of its output where it has none of its own."""
    following = None if "activation" in layer.options else activation(graph, layer.output)
    return [layer, following] if following and layer.kind != "embedding" else [layer]


def layers_after(graph, ends, *, kernels):
    """The layers over the last cell, and which of its outputs is their input.

    Args:
        ends: pairs of a tensor and its meaning, tried in turn: the final "state", the outputs of
            all "steps", the "last" of them.
        kernels: the variables of the cells themselves.
    """
    for tensor, takes in ends:
        # The outputs of a fused op are multiplied by a mask of the lengths.
        through = MOVING | {"Mul"} if takes != "steps" else MOVING - _SELECTING
        layers = layers_over(graph, tensor, through=through, kernels=kernels) if tensor else []
        if layers and takes == "steps":
            return layers + _picking(graph, layers, kernels=kernels), takes
        if layers:
            return layers, takes
    return [], "steps"


def layers_over(graph, tensor, *, kernels, through=MOVING - _SELECTING):
    """The layers stacked over a tensor.

    Args:
        kernels: the variables of the cells themselves.
        through: the ops that may stand between.
    """
    layers: list[Layer] = []
    while further := _next_layers(graph, tensor, through=through, kernels=kernels):
        layers += further
        tensor = layers[-1].output
    return layers + _with_activation(graph, layers[-1])[1:] if layers else []


def _picking(graph, layers, *, kernels):
    """The layers over the last step of other layers, the last of which is marked last_only."""
    layers_of_last = layers_over(graph, layers[-1].output, through=MOVING, kernels=kernels)
    if layers_of_last:
        layers[-1] = layers[-1]._replace(last_only=True)
    return layers_of_last


def _next_layers(graph, tensor, *, through, kernels):
    """The next layer with variables over a tensor, and the activation before it if there is one."""
    layer = _weighted(graph, tensor, through=through, kernels=kernels)
    if layer is not None:
        return [layer]
    for node in graph.ahead([tensor], through=through, ops=ACTIVATIONS):
        following = _weighted(graph, node.name + ":0", through=through, kernels=kernels)
        if following is not None:
            return [activation_of(graph, node), following]
    return []


def _weighted(graph, tensor, *, through, kernels):
    for node in graph.ahead([tensor], through=through, ops=WEIGHTED):
        layer = read_layer(graph, node)
        if layer is not None and not kernels & set(layer.variables.values()):
            return layer
    return None
