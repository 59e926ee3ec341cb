"""Which of the last cell's outputs are the input of the layers after it: by running them once.

There are too many ways to select rows of a sequence to recognise them by their operations; the
selected rows equal the outputs', bit by bit, unless another op is between.
"""

import numpy as np

from tf1port.cells import families as cells
from tf1port.errors import UserError
from tf1port.tf1.graph.layer_ops import products
from tf1port.tf1.graph.network import Network
from tf1port.tf1.session.recurrent_subgraph import GraphRun, static_sizes


def with_observed_head(graph, network: Network, read):
    """The network with the observed input of the layers after its cells.

    Without those layers where their input is no output of the Keras model, or where the graph does
    not run here: its operations alone prove nothing.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        network: of that graph.
        read: a function from a variable's name to its array.

    Returns: the network, and the reason why the graph did not run, or None.
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
    """The network without the layers over a last_only one whose selected step is not the last."""
    after, names = network.after, network.variables
    for index in [i for i, layer in enumerate(after) if layer.last_only]:
        layers = [*after[:index], after[index]._replace(last_only=False)]
        below, over = network._replace(after=layers), network._replace(after=after[index + 1 :])
        outputs, rows = _run(graph, below, read), _run(graph, over, read, names=names).head_rows
        if network.takes != "steps" or not _is_last(graph, below, outputs, rows):
            return below
    return network


def _is_last(graph, network, outputs, rows):
    """Whether rows are the last step of the output of a network's last layer."""
    sequence, sizes = outputs.head, top(network, outputs)[0].shape[:2]
    rows_first = order(graph, network, outputs) is _ORDERS["steps"][0]
    if sequence.ndim != 3 and sequence.size == np.prod(sizes) * sequence.shape[-1]:
        sequence = sequence.reshape(*(sizes if rows_first else sizes[::-1]), sequence.shape[-1])
    return np.array_equal(sequence[:, -1] if rows_first else sequence[-1], rows)


def _fitting(layers, read):
    """Layers up to the first whose input width is not the output width of the one before it."""
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
    """How the head orders the rows of its input as `network.takes` has it; None: it does not fit.

    Args:
        graph, network: as for with_observed_head.
        outputs: tf1port.tf1.session.recurrent_subgraph.Outputs of a run of it.

    Returns: a function from outputs [B, T, U] and final h [B, U] to rows [rows, U].
    """
    orders = _ORDERS[network.takes]
    if any(layer.kind == "conv1d" for layer in network.after):
        orders = orders[:1]  # a convolution needs the rows of each sequence together
    if network.takes == "steps" and is_per_step(graph, network):
        orders = [lambda sequence, state: sequence[:, 0]]  # the first product represents all
    head_rows = outputs.head_rows.reshape(-1, outputs.head_rows.shape[-1])
    for ordered in orders:
        rows = ordered(*top(network, outputs))
        if np.array_equal(rows, head_rows):
            return ordered
    return None


def row_order(conversion, batch, steps):
    """The indices of a model's output rows, [B, T] or [B], in the order of the graph's head."""
    network = conversion.network
    if network.takes != "steps":
        return np.arange(batch)
    outputs = _run(conversion.graph, network, conversion.checkpoint.read)
    ordered = order(conversion.graph, network, outputs)
    return ordered(np.arange(batch * steps).reshape(batch, steps, 1), None)[:, 0]


def top(network, outputs):
    """The outputs [B, T, D] and final states h [B, D] of the last level, directions concatenated.

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
    """Whether the graph multiplies by the first kernel at each unrolled step separately."""
    run = network.recurrent[-1].run
    count = len(products(graph, network.head_kernel))
    return not run.looped and count == len(run.steps)


def _run(graph, network, read, *, names=None):
    """The Outputs of a run on random numbers; with several lengths where the graph has lengths.

    names: the variables that are fed, those of the network by default.
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
