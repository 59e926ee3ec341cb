"""Moments of a batch in a graph, and the moving averages that replace them in inference."""

import tensorflow.compat.v1 as tf1

FUSED = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}
SWITCHES = {"Switch", "RefSwitch"}
_MEANS = {"Mean", "Sum", *FUSED}
# Ops between a mean over a batch and its use.
_OF_MOMENTS = {"Squeeze", "Reshape", "Add", "AddV2", "Mul", "Sub", "Square", "SquaredDifference"}
_OF_MOMENTS |= {"Identity", "StopGradient", "Cast", "Switch", "Reciprocal"}
_UPDATES = {"AssignSub", "AssignSubVariableOp"}


def is_variable(graph, tensor):
    """Whether a tensor is a variable's value, also behind a Switch."""
    return graph.variable(_unswitched(graph, tensor)) is not None


def _unswitched(graph, tensor):
    """The tensor that another one is a copy of, also behind a Switch."""
    tensor = graph.origin(tensor)
    node = graph.node(tensor)
    while node is not None and node.op in SWITCHES:
        tensor = graph.origin(graph.inputs(node)[0])
        node = graph.node(tensor)
    return tensor


def _read(graph, tensor):
    """A tensor before the Switch that it came through."""
    node = graph.node(tensor)
    return graph.inputs(node)[0] if node is not None and node.op in SWITCHES else tensor


def is_moment(graph, tensor):
    """Whether a tensor is a mean or a variance over something, not a variable."""
    behind = [graph.node(name) for name in graph.behind(tensor, through=_OF_MOMENTS)]
    return any(node is not None and node.op in _MEANS for node in behind)


def moving_averages(graph):
    """The moving average of every moment of a batch that has one, without a tf.cond.

    Returns: {tensor of the moment: tensor that reads the variable}.
    """
    averages = {}
    for _, gap in _updates(graph):
        average, moment = (_unswitched(graph, tensor) for tensor in graph.inputs(gap))
        if graph.variable(average) and is_moment(graph, moment):
            maker = graph.node(moment)
            if maker.op != "Merge":
                averages[moment] = _read(graph, graph.inputs(gap)[0])
    return averages


def updates_of_averages(graph):
    """The names of the nodes that compute by how much moving averages of variables change."""
    pairs = [pair for pair in _updates(graph) if is_variable(graph, graph.inputs(pair[1])[0])]
    return {node.name for pair in pairs for node in pair}


def _updates(graph):
    """Yields the nodes (average - value) decay that something is updated by, and the difference."""
    for node in graph.nodes.values():
        if node.op not in _UPDATES:
            continue
        change = graph.node(graph.inputs(node)[1])
        for name in graph.inputs(change) if change is not None and change.op == "Mul" else ():
            gap = graph.node(name)
            if gap is not None and gap.op == "Sub":
                yield change, gap


def by_batch(node):
    """Whether a fused normalization uses the moments of its batch, as by default."""
    return node.attr["is_training"].b if "is_training" in node.attr else True


def is_separate(graph, tensor):
    """Whether a moment is computed by itself, rather than by a fused normalization."""
    return graph.node(tensor).op not in FUSED


def normalizations_by_averages(graph, averages):
    """Yields the fused normalizations by moments of their batch, with moving averages instead."""
    for node in graph.nodes.values():
        moments = [averages.get(f"{node.name}:{port}") for port in (1, 2)]
        if node.op in FUSED and by_batch(node) and all(moments):
            copy = tf1.NodeDef()
            copy.CopyFrom(node)
            copy.attr["is_training"].b = False
            copy.input[:] = [*graph.inputs(node)[:3], *moments]
            yield node.name, copy
