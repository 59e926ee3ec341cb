"""What of the last cell's outputs the layers behind them take: found by running them once.

The ways to pick rows from a sequence are too many to be told by their operations; the rows that
come out are the outputs' own, to the bit, unless something stands between.
"""

import numpy as np

from tf1port.cells import families as cells
from tf1port.errors import UserError
from tf1port.tf1.graph.layer_ops import products
from tf1port.tf1.graph.network import Network
from tf1port.tf1.session.recurrent_subgraph import GraphRun, static_sizes


def with_observed_head(graph, network: Network, read):
    """The network with what the layers behind its cells are seen to take, and why it was not seen.

    Without those layers where they take something that no Keras model here gives, or where the
    graph does not run here: what its operations look like proves nothing.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        network: of that graph.
        read: a function from a variable's name to its array.

    Returns: the network, and a reason or None.
    """
    network = network._replace(after=_fitting(network.after, read))
    without = network._replace(after=[], takes="steps")
    if not network.after or network.recurrent[0].run is None:
        return network, None
    try:
        outputs = _run(graph, network, read)
    except UserError as error:
        return without, str(error)
    convolved = any(layer.kind == "conv1d" for layer in network.after)
    for takes in ["steps"] if convolved else (network.takes, "last", "state", "steps"):
        if order(graph, network._replace(takes=takes), outputs) is not None:
            return _cut_at_last_step(graph, network._replace(takes=takes), read), None
    return without, None


def _cut_at_last_step(graph, network, read):
    """The network up to where it takes another step than the last of what a layer makes."""
    after, names = network.after, network.variables
    for index in [i for i, layer in enumerate(after) if layer.last_only]:
        layers = [*after[:index], after[index]._replace(last_only=False)]
        below, over = network._replace(after=layers), network._replace(after=after[index + 1 :])
        outputs, rows = _run(graph, below, read), _run(graph, over, read, names=names).head_rows
        if network.takes != "steps" or not _is_last(graph, below, outputs, rows):
            return below
    return network


def _is_last(graph, network, outputs, rows):
    """Whether rows are those of the last step of what the last layer of a network makes."""
    sequence, sizes = outputs.head, top(network, outputs)[0].shape[:2]
    rows_first = order(graph, network, outputs) is _ORDERS["steps"][0]
    if sequence.ndim != 3 and sequence.size == np.prod(sizes) * sequence.shape[-1]:
        sequence = sequence.reshape(*(sizes if rows_first else sizes[::-1]), sequence.shape[-1])
    return np.array_equal(sequence[:, -1] if rows_first else sequence[-1], rows)


def _fitting(layers, read):
    """Layers up to the first that takes another width than the one before it makes."""
    width = None
    for index, layer in enumerate(layers):
        shapes = {role: np.shape(read(name)) for role, name in layer.variables.items()}
        kernel = shapes.get("kernel")
        input_width = kernel[-2] if kernel else next(iter(shapes.values()), (width,))[0]
        if width is not None and input_width != width:
            return layers[:index]
        width = kernel[-1] if kernel else input_width
    return layers


def order(graph, network, outputs):
    """How the head orders the rows of what a network says it takes; None: it takes others.

    Args:
        graph, network: as for with_observed_head.
        outputs: tf1port.tf1.session.recurrent_subgraph.Outputs of a run of it.

    Returns: a function from outputs [B, T, U] and final h [B, U] to rows [rows, U].
    """
    orders = _ORDERS[network.takes]
    if any(layer.kind == "conv1d" for layer in network.after):
        orders = orders[:1]  # which goes over the rows of each sequence
    if network.takes == "steps" and is_per_step(graph, network):
        orders = [lambda sequence, state: sequence[:, 0]]  # the first product stands for them all
    head_rows = outputs.head_rows.reshape(-1, outputs.head_rows.shape[-1])
    for ordered in orders:
        rows = ordered(*top(network, outputs))
        if np.array_equal(rows, head_rows):
            return ordered
    return None


def row_order(conversion, batch, steps):
    """In which order a graph's head has the rows of a model's outputs, [B, T] or [B]: indices."""
    network = conversion.network
    if network.takes != "steps":
        return np.arange(batch)
    outputs = _run(conversion.graph, network, conversion.checkpoint.read)
    ordered = order(conversion.graph, network, outputs)
    return ordered(np.arange(batch * steps).reshape(batch, steps, 1), None)[:, 0]


def top(network, outputs):
    """The outputs [B, T, D] and the final states h [B, D] of the last level, its ways side by side.

    Args:
        outputs: tf1port.tf1.session.recurrent_subgraph.Outputs.
    """
    sequences = [outputs.sequences[index] for index in network.top]
    states = [outputs.states[index][0] for index in network.top]
    return np.concatenate(sequences, axis=-1), np.concatenate(states, axis=-1)


_ORDERS = {
    "last": [lambda sequence, state: sequence[:, -1]],
    "state": [lambda sequence, state: state],
    "steps": [
        lambda sequence, state: sequence.reshape(-1, sequence.shape[-1]),
        lambda sequence, state: sequence.swapaxes(0, 1).reshape(-1, sequence.shape[-1]),
    ],
}


def is_per_step(graph, network):
    """Does the graph multiply by the first kernel anew at each of its unrolled steps?"""
    run = network.recurrent[-1].run
    count = len(products(graph, network.head_kernel))
    return not run.looped and count == len(run.steps)


def _run(graph, network, read, *, names=None):
    """The Outputs of a run on random numbers; rows differ in length where there are lengths.

    names: the variables that it takes, those of the network by default.
    """
    variables = {name: read(name) for name in names or network.variables}
    run = network.recurrent[0].run
    batch, steps = static_sizes(graph, run)
    batch, steps = batch or 3, steps or max(4, network.shortest)
    stream = np.random.default_rng(0)
    dtype = next(iter(variables.values())).dtype
    sizes = [cells.sizes(layer.cell.family, _of(layer, variables)) for layer in network.recurrent]
    inputs = stream.normal(size=(batch, steps, sizes[0].features)).astype(dtype)
    states = [
        tuple(
            stream.normal(size=(batch, width)).astype(dtype)
            for width, _ in zip((size.outputs, size.units), layer.run.initial, strict=False)
        )
        for layer, size in zip(network.recurrent, sizes, strict=True)
    ]
    lengths = None
    if network.recurrent[0].run.lengths is not None:
        lengths = np.resize([steps, 1, (steps + 1) // 2], batch)
    return GraphRun(graph, network, variables)(inputs, states, lengths=lengths)


def _of(layer, variables):
    return {role: variables[name] for role, name in layer.cell.variables.items()}
