"""A graph in inference mode, as changes of its nodes.

Dropout becomes an Identity; a tf.cond on a training flag is decided; moments of a batch that have
moving averages are replaced by these. The training branch is the one that computes random numbers,
or moments of a batch where the other one reads variables.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

import tensorflow.compat.v1 as tf1

# Ops of dropout: its random numbers, their shift, the application of the mask.
_RANDOM = re.compile("(Stateless)?RandomUniform(V2)?$")
_SHIFTING = {"Mul", "Add", "AddV2", "Sub"}
_APPLY = {"Mul", "Select", "SelectV2"}
_ARITHMETIC: dict[str, Callable[..., float]] = {
    "Sub": lambda a, b: a - b,
    "RealDiv": lambda a, b: a / b if b else float("inf"),
    "Div": lambda a, b: a / b if b else float("inf"),
    "Reciprocal": lambda value: 1 / value if value else float("inf"),
}
_OF_RATES = {*_ARITHMETIC, "Cast", "Identity", "Enter", "Switch", "Merge"}

_OF_SIZES = {"Shape", "ShapeN", "Size", "Rank"}
FUSED = {"FusedBatchNorm", "FusedBatchNormV2", "FusedBatchNormV3"}
_SWITCHES = {"Switch", "RefSwitch"}
_LOOPING = {"Enter", "RefEnter", "NextIteration", "RefNextIteration"}
_MEANS = {"Mean", "Sum", *FUSED}
# Ops between a mean over a batch and its use.
_OF_MOMENTS = {"Squeeze", "Reshape", "Add", "AddV2", "Mul", "Sub", "Square", "SquaredDifference"}
_OF_MOMENTS |= {"Identity", "StopGradient", "Cast", "Switch", "Reciprocal"}
_UPDATES = {"AssignSub", "AssignSubVariableOp"}


class InferenceMode(NamedTuple):
    """How a graph differs in inference from training.

    nodes: by name, in place of those of the graph. dropped: the names of the nodes of dropout.
    flags: by tensor of a tf.cond's predicate, its value in inference.
    random: the flags of branches with random numbers.
    training: by a decided Merge's output, the tensor that it selects in training.
    fixed: whether the graph uses moments of a batch without a tf.cond.
    always: the names of the nodes of dropout with a constant rate.
    scaling: the names of the nodes that scale up the inputs of dropout.
    """

    nodes: dict[str, object]
    dropped: list[str]
    flags: dict[str, bool]
    random: set[str]
    training: dict[str, str]
    fixed: bool
    always: set[str]
    scaling: set[str]


def inference_mode(graph):
    """The InferenceMode of a tf1port.tf1.graph.index.Graph."""
    merges = conditions(graph)
    flags, random = _flags(graph, merges)
    dropouts = list(_dropouts(graph))
    nodes = {name: identity for name, identity, *_ in dropouts}
    scaling = {name for *_, name in dropouts if name is not None}
    dropped = sorted(nodes)
    always = {
        name for name, _, rates, _ in dropouts if all(_number(graph, r) is not None for r in rates)
    }
    same: dict[str, str] = {}
    training: dict[str, str] = {}
    for merge, predicate, sides in merges:
        if predicate in flags:
            nodes[merge.name] = _identity(merge, sides[flags[predicate]])
            training[f"{merge.name}:0"] = sides[not flags[predicate]]
    for node in graph.nodes.values():
        if node.op in _SWITCHES and graph.origin(graph.inputs(node)[1]) in flags:
            same.update(dict.fromkeys((f"{node.name}:0", f"{node.name}:1"), graph.inputs(node)[0]))
    averaged = _averaged(graph, flags)
    same.update({mean: average for mean, average in averaged.items() if _is_plain(graph, mean)})
    for name, node in _decided(graph, averaged):
        nodes[name] = node
    for node in graph.nodes.values():
        _redirect(graph, node, nodes, same)
    fixed = bool(averaged) and not flags
    return InferenceMode(nodes, dropped, flags, random, training, fixed, always, scaling)


def _dropouts(graph):
    """Yields the nodes of dropout: name, an Identity of its input, its rates, its scaling node.

    It multiplies its scaled input, or selects from it, by a mask of random numbers that were
    compared with a rate, or shifted by it and floored.
    """
    random = {f"{name}:0" for name, node in graph.nodes.items() if _RANDOM.match(node.op)}
    for mask in graph.ahead(random, through=_SHIFTING, ops={"Floor", "GreaterEqual"}):
        rates = _rates(graph, mask, random)
        for node in graph.ahead([f"{mask.name}:0"], through={"Cast"}, ops=_APPLY):
            data = graph.inputs(node)[1 if node.op.startswith("Select") else 0]
            scaling = graph.node(data)
            if scaling is not None and _scales_up(graph, scaling, rates):
                data = graph.inputs(scaling)[0]
                yield node.name, _identity(node, data), rates, scaling.name
            else:
                yield node.name, _identity(node, data), rates, None


def _rates(graph, mask, random):
    """The tensors of the rate by which random numbers become a mask."""
    behind = graph.behind(f"{mask.name}:0", through={"Floor", "GreaterEqual", "Add", "AddV2"})
    inner = {"Floor", "GreaterEqual", "Add", "AddV2", "Mul"}  # of the range of the random numbers
    makers = {name: graph.node(name) for name in behind if name not in random}
    return [name for name, node in makers.items() if node is not None and node.op not in inner]


def _scales_up(graph, node, rates):
    """Whether a node scales by the inverse of a dropout's keep rate, not by another factor."""
    if node.op not in {"Mul", "RealDiv", "Div"}:
        return False
    scale = graph.inputs(node)[1]
    of_scale = {graph.origin(name) for name in graph.behind(scale, through=_OF_RATES)}
    of_rates = {graph.origin(t) for r in rates for t in graph.behind(r, through=_OF_RATES)}
    if any(graph.constant(name) is None for name in of_scale & of_rates):
        return True
    scale_value, rate_values = _number(graph, scale), [_number(graph, rate) for rate in rates]
    if scale_value is None or None in rate_values or not rate_values:
        return False
    shares = [share for rate in rate_values for share in (rate, 1 - rate) if share > 0]
    scales = [1 / share if node.op == "Mul" else share for share in shares]
    return any(abs(scale_value - scale) <= 1e-6 * abs(scale_value) for scale in scales)


def _number(graph, tensor):
    """The value of a scalar computed from constants; None: it depends on other nodes."""
    node = graph.node(graph.origin(tensor))
    if node is None:
        return None
    value = graph.constant(tensor)
    if value is not None:
        return float(value) if value.size == 1 else None
    if node.op not in _ARITHMETIC:
        return None
    values = [_number(graph, name) for name in graph.inputs(node)]
    return None if None in values else _ARITHMETIC[node.op](*values)


def conditions(graph):
    """Every Merge of a tf.cond: the node, its predicate, the tensors of (false, true)."""
    merges = []
    for node in graph.nodes.values():
        sides = graph.inputs(node) if node.op == "Merge" else []
        makers = [graph.node(side) for side in sides]
        if len(sides) != 2 or any(maker is None or maker.op in _LOOPING for maker in makers):
            continue
        first, second = ({pair for pair, _ in _behind(graph, side)[0]} for side in sides)
        for predicate, port in sorted(first):
            if (predicate, not port) in second:
                merges.append((node, predicate, sides[::-1] if port else sides))
                break
    return merges


def _behind(graph, tensor):
    """The dependencies of a branch's tensor: pairs of ((predicate, port), Switch); the nodes."""
    switches, nodes, queue, seen = [], [], [tensor], {tensor}
    for name in queue:  # it grows
        node = graph.node(name)
        if node is None:
            continue
        if node.op in _SWITCHES:
            predicate = graph.origin(graph.inputs(node)[1])
            switches.append(((predicate, name.endswith(":1")), node))
            continue
        nodes.append(node)
        inputs = graph.inputs(node) + [f"{i[1:]}:0" for i in node.input if i.startswith("^")]
        queue += [other for other in inputs if other not in seen]
        seen.update(inputs)
    return switches, nodes


def _flags(graph, merges):
    """The training flags with their value in inference, and those of random numbers."""
    candidates: dict[str, set[bool]] = {}
    random = set()
    for _, predicate, sides in merges:
        if _is_of_data(graph, predicate):
            continue
        branches = [_behind(graph, side)[1] for side in sides]
        noisy = [any(_RANDOM.match(node.op) for node in branch) for branch in branches]
        fused = [{by_batch(node) for node in branch if node.op in FUSED} for branch in branches]
        for outside in (False, True):
            if noisy[not outside] and not noisy[outside]:
                candidates.setdefault(predicate, set()).add(outside)
                random.add(predicate)
            elif (fused[not outside], fused[outside]) == ({True}, {False}) or (
                _is_variable(graph, sides[outside]) and _is_moment(graph, sides[not outside])
            ):
                candidates.setdefault(predicate, set()).add(outside)
    flags = {name: values.pop() for name, values in candidates.items() if len(values) == 1}
    return flags, random & flags.keys()


def _is_of_data(graph, tensor):
    """Whether a tensor depends on a placeholder that is no scalar: then it is no flag."""
    queue, seen = [tensor], set()
    while queue:
        node = graph.node(queue.pop())
        if node is None or node.name in seen or node.op in _OF_SIZES:
            continue
        seen.add(node.name)
        shape = node.attr["shape"].shape if node.op.startswith("Placeholder") else None
        if shape is not None and shape.dim:
            return True
        queue += graph.inputs(node)
    return False


def _is_variable(graph, tensor):
    """Whether a tensor is a variable's value, also behind a Switch."""
    return graph.variable(_unswitched(graph, tensor)) is not None


def _unswitched(graph, tensor):
    """The tensor that another one is the same as, also behind a Switch."""
    tensor = graph.origin(tensor)
    node = graph.node(tensor)
    while node is not None and node.op in _SWITCHES:
        tensor = graph.origin(graph.inputs(node)[0])
        node = graph.node(tensor)
    return tensor


def _read(graph, tensor):
    """A tensor before the Switch that it came through."""
    node = graph.node(tensor)
    return graph.inputs(node)[0] if node is not None and node.op in _SWITCHES else tensor


def _is_moment(graph, tensor):
    """Whether a tensor is a mean or a variance over something, not a variable."""
    behind = [graph.node(name) for name in graph.behind(tensor, through=_OF_MOMENTS)]
    return any(node is not None and node.op in _MEANS for node in behind)


def _averaged(graph, flags):
    """The moving average of every moment of a batch that has one, without a tf.cond.

    Returns: {tensor of the moment: tensor that reads the variable}.
    """
    averages = {}
    for node in graph.nodes.values():
        if node.op not in _UPDATES:
            continue
        change = graph.node(graph.inputs(node)[1])
        for name in graph.inputs(change) if change is not None and change.op == "Mul" else ():
            gap = graph.node(name)
            if gap is None or gap.op != "Sub":
                continue
            average, moment = (_unswitched(graph, tensor) for tensor in graph.inputs(gap))
            if graph.variable(average) and _is_moment(graph, moment):
                maker = graph.node(moment)
                if maker.op != "Merge":
                    averages[moment] = _read(graph, graph.inputs(gap)[0])
    return averages


def by_batch(node):
    """Whether a fused normalization uses the moments of its batch, as by default."""
    return node.attr["is_training"].b if "is_training" in node.attr else True


def _is_plain(graph, tensor):
    """Whether a moment is computed by itself, rather than by a fused normalization."""
    return graph.node(tensor).op not in FUSED


def _decided(graph, averaged):
    """Fused normalizations by moments of their batch, with moving averages instead."""
    for node in graph.nodes.values():
        moments = [averaged.get(f"{node.name}:{port}") for port in (1, 2)]
        if node.op in FUSED and by_batch(node) and all(moments):
            decided = tf1.NodeDef()
            decided.CopyFrom(node)
            decided.attr["is_training"].b = False
            decided.input[:] = [*graph.inputs(node)[:3], *moments]
            yield node.name, decided


def _redirect(graph, node, nodes, same):
    """Adds a copy of a node with redirected inputs to `nodes`, if any differ."""
    node = nodes.get(node.name, node)
    inputs = [name if name.startswith("^") else graph.full(name) for name in node.input]
    redirected = [_last(same, name) for name in inputs]
    if redirected != inputs and node.op not in _SWITCHES:
        copy = tf1.NodeDef()
        copy.CopyFrom(node)
        copy.input[:] = redirected
        nodes[node.name] = copy


def _last(same, name):
    while name in same:
        name = same[name]
    return name


def _identity(node, tensor):
    """An Identity of a tensor in place of a node."""
    identity = tf1.NodeDef(name=node.name, op="Identity", input=[tensor])
    identity.attr["T"].CopyFrom(node.attr["T"])
    return identity
