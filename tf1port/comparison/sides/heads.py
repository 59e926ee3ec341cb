"""The logits of a graph, where a map names none: what the layer at the model's end makes."""

from typing import Any, NamedTuple

from tf1port.tf1.graph.equations import ACTIVATIONS
from tf1port.tf1.graph.index import ADD
from tf1port.tf1.graph.layer_ops import products

_ON = {"Reshape", "Identity", "Squeeze"}


class Head(NamedTuple):
    """What a model's output is.

    Attributes:
        layer: the entry of the map that its last layer with weights is; None: there is none.
        activation: of that layer, by Keras' name.
        rank: of the output.
        squashed: "softmax" or "sigmoid" where it is probabilities, which a loss takes as such.
    """

    layer: str | None = None
    activation: str = "linear"
    rank: int | None = None
    squashed: str | None = None


def find_head(program: Any, entries: Any, head: Head) -> str | None:
    """The tensor that the layer of a Head makes in a graph; None: it is not one, or not found.

    Args:
        program: tf1port.comparison.sides.program.Program.
        entries: of a tf1port.comparison.sides.weight_map.WeightMap.
    """
    graph = program.graph
    sources: Any = next((one.sources for one in entries if one.name == head.layer), {})
    if "kernel" not in sources or sources.keys() - {"kernel", "bias"}:
        return _as_convert_finds(program)
    made = products(graph, sources["kernel"].name)
    if len(made) != 1:
        return _as_convert_finds(program) if made else None
    output = f"{made[0].name}:0"
    if "bias" in sources:
        biased = [
            node
            for node in graph.ahead([output], through=_ON, ops={"BiasAdd", *ADD})
            if sources["bias"].name in map(graph.variable, graph.inputs(node))
        ]
        if len(biased) != 1:
            return None
        output = f"{biased[0].name}:0"
    return _activated(graph, _in_full(graph, output), head.activation)


def _activated(graph, output, activation):
    """What an activation of a layer makes of its sum, where there is one."""
    ops = {op for op, name in ACTIVATIONS.items() if name == activation}
    nodes = graph.ahead([output], through=_ON, ops=ops) if ops else []
    return f"{nodes[0].name}:0" if len(nodes) == 1 else output


def _in_full(graph, output):
    """What tf.tensordot makes of a product of rows, as tf.layers.dense does of three axes."""
    shaped = graph.consumers(output, {"Reshape"})
    own = output.rpartition("/")[0] + "/"
    inside = [node for node in shaped if node.name.startswith(own) and "Tensordot" in own]
    return f"{inside[0].name}:0" if len(inside) == 1 else output


def _as_convert_finds(program):
    """The last tensor that convert knows behind the cells, of what it reads as a whole."""
    from tf1port.conversion.plan import read
    from tf1port.errors import UserError
    from tf1port.tf1.session.probing import is_per_step

    try:
        found = read(program.checkpoint.prefix, trust=program.graph.trust)
    except UserError:
        return None
    network = found.network
    if not network.after or is_per_step(found.graph, network):
        return None
    return network.after[-1].output or None
