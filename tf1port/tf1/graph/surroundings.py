"""The layers around a graph's cells: which stand before them, which after.

Layers are found by reachability: one that takes what was only moved about since a cell made it is a
layer over that cell, whatever its name.
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
    """The layers that make what the first cell takes, from the inputs of the graph on."""
    found: list[Layer] = []
    while True:
        made = _layers_behind(graph, tensor)
        for source in graph.behind(tensor, through=_PASSED):
            layer = embedding(graph, source) or made.get(source)
            if layer is not None:
                break
        else:
            return found
        layers = _with_activation(graph, layer)
        found = [*layers, *found]
        if layers[0].kind == "embedding":
            return found
        tensor = layers[0].inputs


def _layers_behind(graph, tensor):
    """The layers that lead to a tensor, by what they make; of two that make the same, the nearer.

    All are read at once: a search from each tensor on the way would look at the graph again.
    """
    found: dict[str, Layer] = {}
    for name in graph.behind(tensor, through=_PASSED | _WITHIN):
        node = graph.node(name)
        layer = read_layer(graph, node) if node is not None else None
        if layer is not None:
            found.setdefault(layer.output, layer)
    return found


def _with_activation(graph, layer):
    """A layer, and the activation over it where it has none of its own."""
    over = None if "activation" in layer.options else activation(graph, layer.output)
    return [layer, over] if over and layer.kind != "embedding" else [layer]


def layers_after(graph, ends, *, kernels):
    """The layers over the last cell, and what they take of it.

    Args:
        ends: pairs of a tensor and what it would be, to be tried in turn: the final "state", the
            outputs of all "steps", the "last" ones picked from those.
        kernels: the variables of the cells themselves.
    """
    for tensor, takes in ends:
        # Outputs that a fused op makes are multiplied by a mask of the lengths.
        through = MOVING | {"Mul"} if takes != "steps" else MOVING - _SELECTING
        found = layers_over(graph, tensor, through=through, kernels=kernels) if tensor else []
        if found and takes == "steps":
            return found + _picking(graph, found, kernels=kernels), takes
        if found:
            return found, takes
    return [], "steps"


def layers_over(graph, tensor, *, kernels, through=MOVING - _SELECTING):
    """The layers over a tensor, one upon the other.

    Args:
        kernels: the variables of the cells themselves.
        through: the ops that may stand between.
    """
    found: list[Layer] = []
    while layers := _next_layers(graph, tensor, through=through, kernels=kernels):
        found += layers
        tensor = found[-1].output
    return found + _with_activation(graph, found[-1])[1:] if found else []


def _picking(graph, found, *, kernels):
    """Marks the last of some layers over all steps as picked from, and gives those over that."""
    over = layers_over(graph, found[-1].output, through=MOVING, kernels=kernels)
    if over:
        found[-1] = found[-1]._replace(last_only=True)
    return over


def _next_layers(graph, tensor, *, through, kernels):
    """The next layer with variables over a tensor, and the activation before it if there is one."""
    layer = _weighted(graph, tensor, through=through, kernels=kernels)
    if layer is not None:
        return [layer]
    for node in graph.ahead([tensor], through=through, ops=ACTIVATIONS):
        over = _weighted(graph, node.name + ":0", through=through, kernels=kernels)
        if over is not None:
            return [activation_of(graph, node), over]
    return []


def _weighted(graph, tensor, *, through, kernels):
    for node in graph.ahead([tensor], through=through, ops=WEIGHTED):
        layer = read_layer(graph, node)
        if layer is not None and not kernels & set(layer.variables.values()):
            return layer
    return None
