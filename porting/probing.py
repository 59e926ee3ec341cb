"""What of the last cell's outputs the dense layers of a graph take: found by running them once.

The ways to pick rows from a sequence are too many to be told by their operations; the rows that
come out are the outputs' own, to the bit, unless something stands between.
"""

import numpy as np

from porting import cells
from porting.graph_run import GraphRun, head_inputs, static_sizes
from porting.network import Network
from porting.wiring import DROPOUT, MOVING, UnknownCell
from shared.errors import UserError

_MASKING = {"Add", "AddV2", "Sub", "Floor", "Cast", "Greater", "GreaterEqual", "Less"}


def with_takes(graph, network: Network, read):
    """The network with what its dense layers are seen to take.

    A graph that does not run here, or that drops outputs at random, is taken as its operations are.

    Args:
        graph: porting.graph.Graph.
        network: of that graph.
        read: a function from a variable's name to its array.

    Raises:
        UnknownCell: they take something that no Keras model here gives.
    """
    if not network.after:
        return network
    try:
        outputs = _run(graph, network, read)
    except UserError:
        return network
    for takes in (network.takes, "last", "state", "steps"):
        if order(graph, network._replace(takes=takes), outputs) is not None:
            return network._replace(takes=takes)
    if _drops(graph, network):
        return network
    raise UnknownCell(
        f"{network.after[0].variables['kernel']} takes neither the last output nor the final state "
        "nor the outputs of all steps, and convert has no way for that yet"
    )


def order(graph, network, outputs):
    """How dense layers order the rows of what a network says they take; None: they take others.

    Args:
        graph, network: as for with_takes.
        outputs: porting.graph_run.Outputs of a run of it.

    Returns: a function from outputs [B, T, U] and final h [B, U] to rows [rows, U].
    """
    orders = _ORDERS[network.takes]
    if network.takes == "steps" and _is_per_step(graph, network):
        orders = [lambda sequence, state: sequence[:, 0]]  # the first product stands for them all
    for ordered in orders:
        rows = ordered(outputs.sequences[-1], outputs.states[-1][0])
        if np.array_equal(rows, outputs.head_rows):
            return ordered
    return None


_ORDERS = {
    "last": [lambda sequence, state: sequence[:, -1]],
    "state": [lambda sequence, state: state],
    "steps": [
        lambda sequence, state: sequence.reshape(-1, sequence.shape[-1]),
        lambda sequence, state: sequence.swapaxes(0, 1).reshape(-1, sequence.shape[-1]),
    ],
}


def _is_per_step(graph, network):
    """Does the graph multiply by the first kernel anew at each of its unrolled steps?"""
    run = network.recurrent[-1].run
    products = graph.uses(network.after[0].variables["kernel"], {"MatMul"})
    return not run.looped and len(products) == len(run.steps)


def _run(graph, network, read):
    """The Outputs of a run on random numbers; rows differ in length where there are lengths."""
    variables = {name: read(name) for name in network.variables}
    run = network.recurrent[0].run
    batch, steps = static_sizes(graph, run)
    batch, steps = batch or 3, steps or 4
    stream = np.random.default_rng(0)
    dtype = next(iter(variables.values())).dtype
    kinds = [1 if layer.run.initial_c is None else 2 for layer in network.recurrent]
    sizes = [cells.sizes(layer.cell.family, _of(layer, variables)) for layer in network.recurrent]
    inputs = stream.normal(size=(batch, steps, sizes[0].features)).astype(dtype)
    states = [
        tuple(stream.normal(size=(batch, size.units)).astype(dtype) for _ in range(kind))
        for kind, size in zip(kinds, sizes, strict=True)
    ]
    lengths = np.resize([steps, 1, (steps + 1) // 2], batch)
    return GraphRun(graph, network, variables)(inputs, states, lengths=lengths)


def _of(layer, variables):
    return {role: variables[name] for role, name in layer.cell.variables.items()}


def _drops(graph, network):
    """Is there what could be dropout below the dense layers?"""
    tensors = graph.behind(head_inputs(graph, network), through=MOVING | DROPOUT | _MASKING)
    nodes = [graph.node(tensor) for tensor in tensors]
    return any(node is not None and node.op.startswith("Random") for node in nodes)
