"""The logits of a graph, where a map names none: the output of the layer at the model's end."""

from typing import Any, NamedTuple

from tf1port.tf1.graph.equations import ACTIVATIONS
from tf1port.tf1.graph.index import ADD
from tf1port.tf1.graph.layer_ops import products

_ON = {"Reshape", "Identity", "Squeeze"}


class Head(NamedTuple):
    """A model's last layer and its output.

    Attributes:
        layer: the map's entry of the last layer with weights; None: there is none.
        activation: of that layer, by Keras' name.
        rank: of the output.
        squashed: "softmax" or "sigmoid" where the output is probabilities, and the loss of such.
    """

    layer: str | None = None
    activation: str = "linear"
    rank: int | None = None
    squashed: str | None = None


def find_head(program: Any, entries: Any, head: Head) -> str | None:
    """The output tensor of a Head's layer in a graph; None: not found, or several.

    Args:
        program: tf1port.comparison.sides.program.Program.
        entries: of a tf1port.comparison.sides.weight_map.WeightMap.
    """
    graph = program.graph
    layers = {entry.name: entry for entry in entries if entry.cell is None}  # no cell is a head
    sources: Any = layers[head.layer].sources if head.layer in layers else {}
    if "kernel" not in sources or sources.keys() - {"kernel", "bias"}:
        return _as_convert_finds(program)
    nodes = products(graph, sources["kernel"].name)
    if len(nodes) != 1:
        return _as_convert_finds(program) if nodes else None
    output = f"{nodes[0].name}:0"
    biased = [
        node
        for node in graph.ahead([output], through=_ON, ops={"BiasAdd", *ADD})
        if _adds(graph, node, sources.get("bias"))
    ]
    if len(biased) > 1 or ("bias" in sources and not biased):
        return None
    output = f"{biased[0].name}:0" if biased else output
    return _activated(graph, _in_full(graph, output), head.activation)


def _adds(graph, node, bias):
    """Whether a node adds a bias: that of the map, or any variable where the map names none."""
    added = [*map(graph.variable, graph.inputs(node))]
    return any(name is not None if bias is None else name == bias.name for name in added)


def _activated(graph, output, activation):
    """The output of a layer's activation, if it has one, else `output`."""
    ops = {op for op, name in ACTIVATIONS.items() if name == activation}
    nodes = graph.ahead([output], through=_ON, ops=ops) if ops else []
    return f"{nodes[0].name}:0" if len(nodes) == 1 else output


def _in_full(graph, output):
    """The reshaped result of tf.tensordot for a product of rows: tf.layers.dense of three axes."""
    shaped = graph.consumers(output, {"Reshape"})
    own = output.rpartition("/")[0] + "/"
    inside = [node for node in shaped if node.name.startswith(own) and "Tensordot" in own]
    return f"{inside[0].name}:0" if len(inside) == 1 else output


def _as_convert_finds(program):
    """The output of the last layer after the cells, as convert reads the whole graph."""
    from tf1port.conversion.plan import read
    from tf1port.errors import UserError
    from tf1port.tf1.session.probing import is_per_step

    try:
        reading = read(program.checkpoint.prefix, trust=program.graph.trust)
    except UserError:
        return None
    network = reading.network
    if not network.after or is_per_step(reading.graph, network):
        return None
    return network.after[-1].output or None
