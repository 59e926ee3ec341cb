"""A graph in inference mode, as changes of its nodes.

Dropout becomes an Identity; a tf.cond on a training flag is decided; moments of a batch that have
moving averages are replaced by these. The training branch is the one that computes random numbers,
or moments of a batch where the other one reads variables.
"""

import re
from typing import NamedTuple

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.dropouts import RANDOM, find_dropouts, identity
from tf1port.tf1.graph.moments import (
    FUSED,
    SWITCHES,
    by_batch,
    is_moment,
    is_separate,
    is_variable,
    moving_averages,
    normalizations_by_averages,
    updates_of_averages,
)

_COPIES = {"Identity", "StopGradient", "Squeeze", "Reshape"}
_OBSERVING = re.compile("Summary|Assert|Print|^NoOp$")
_OF_SIZES = {"Shape", "ShapeN", "Size", "Rank"}
_APPLY = re.compile("(Resource)?(Sparse)?Apply")
_LOOPING = {"Enter", "RefEnter", "NextIteration", "RefNextIteration"}


class InferenceMode(NamedTuple):
    """How a graph differs in inference from training.

    nodes: by name, in place of those of the graph.
    always_replaced: likewise, without what flags decide: an Identity in place of dropout, moving
        averages in place of the moments that the graph uses without a tf.cond.
    dropped: the names of the nodes of dropout.
    flags: by tensor of a tf.cond's predicate, its value in inference.
    random: the flags of branches with random numbers.
    training: by a decided Merge's output, the tensor that it selects in training.
    averaged: the variables of the moving averages in place of moments of a batch that the graph
        uses without a tf.cond: those of a model that is always in training.
    always: the names of the nodes of dropout with a constant rate.
    scaling: the names of the nodes that scale up the inputs of dropout.
    drawing: the flags that are taken as on, for off draws random numbers that are no dropout's.
    aside: the names of the nodes that compute nothing in inference: those of branches for training,
        and of the updates of moving averages.
    """

    nodes: dict[str, object]
    always_replaced: dict[str, object]
    dropped: list[str]
    flags: dict[str, bool]
    random: set[str]
    training: dict[str, str]
    averaged: frozenset[str]
    always: set[str]
    scaling: set[str]
    aside: set[str]
    drawing: list[str]

    def always_by_batch(self, variables):
        """The scopes of the normalizations by moments of their batch, without a switch, of a model.

        Args:
            variables: the names of the model's variables.
        """
        return sorted({name.rpartition("/")[0] for name in self.averaged & {*variables}})


def inference_mode(graph):
    """The InferenceMode of a tf1port.tf1.graph.index.Graph."""
    merges = conditions(graph)
    dropouts = list(find_dropouts(graph))
    flags, random, drawing = _flags(graph, merges, {dropout.name for dropout in dropouts})
    nodes = {dropout.name: dropout.identity for dropout in dropouts}
    always_replaced = dict(nodes)
    training: dict[str, str] = {}
    for merge, predicate, sides in merges:
        if predicate in flags:
            nodes[merge.name] = identity(merge, sides[flags[predicate]])
            training[f"{merge.name}:0"] = sides[not flags[predicate]]
    aside = _in_training(graph, flags, training) | updates_of_averages(graph)
    averages = moving_averages(graph)
    _normalize(graph, nodes, averages, _decided(graph, flags))
    unconditional = {
        moment: average
        for moment, average in averages.items()
        if _is_used(graph, moment, flags, aside)
    }
    _normalize(graph, always_replaced, unconditional, {})
    return InferenceMode(
        nodes,
        always_replaced,
        sorted(dropout.name for dropout in dropouts),
        flags,
        random,
        training,
        averaged=frozenset(map(graph.variable, unconditional.values())),
        always={dropout.name for dropout in dropouts if dropout.is_constant},
        scaling={dropout.scaling for dropout in dropouts if dropout.scaling is not None},
        aside=aside,
        drawing=sorted(drawing & flags.keys()),
    )


def _in_training(graph, flags, decided):
    """The names of the nodes of branches that only training takes, and of the Switches to them.

    Args:
        decided: the outputs of the Merges that end the branches.
    """
    waiting: dict[str, list[str]] = {}
    for node in graph.nodes.values():
        for name in node.input:
            if name.startswith("^"):
                waiting.setdefault(name[1:], []).append(node.name)
    names, tensors = set(), []
    for node in graph.nodes.values():
        flag = graph.origin(graph.inputs(node)[1]) if node.op in SWITCHES else None
        if flag in flags:
            names.add(node.name)
            tensors.append(f"{node.name}:{0 if flags[flag] else 1}")
    while tensors:
        tensor = tensors.pop()
        users = [node.name for node in graph.consumers(tensor)]
        users += waiting.get(tensor.rpartition(":")[0], ()) if tensor.endswith(":0") else ()
        for name in users:
            if name not in names and f"{name}:0" not in decided:
                names.add(name)
                tensors += {f"{name}:0", *graph.outputs(graph.nodes[name])}
    return names


def _normalize(graph, nodes, averages, same):
    """Adds copies of the nodes that use moments of a batch, with moving averages, to `nodes`.

    same: further tensors that others stand for.
    """
    nodes.update(normalizations_by_averages(graph, averages))
    separate = {moment: name for moment, name in averages.items() if is_separate(graph, moment)}
    for node in graph.nodes.values():
        _redirect(graph, node, nodes, same | separate)


def _decided(graph, flags):
    """The inputs of the Switches on flags, by both outputs of each."""
    same: dict[str, str] = {}
    for node in graph.nodes.values():
        if node.op in SWITCHES and graph.origin(graph.inputs(node)[1]) in flags:
            same.update(dict.fromkeys((f"{node.name}:0", f"{node.name}:1"), graph.inputs(node)[0]))
    return same


def _is_used(graph, moment, flags, aside):
    """Whether something but training uses a moment of a batch, of those with a moving average.

    To look at it, by a summary or an assertion, is no use.
    """
    maker = graph.node(moment)
    if maker.name in aside:
        return False
    queue = [moment] if is_separate(graph, moment) else graph.outputs(maker)
    differentiated = graph.once(_differentiated)
    seen = set()
    for tensor in queue:  # it grows
        for user in graph.consumers(tensor):
            is_switched = user.op in SWITCHES and graph.origin(graph.inputs(user)[1]) in flags
            if is_switched or user.name in aside or user.name in seen or _is_observing(user):
                continue
            seen.add(user.name)
            users = [other for name in graph.outputs(user) for other in graph.consumers(name)]
            if user.op not in _COPIES and (user.name in differentiated or not users):
                return True
            queue += graph.outputs(user)
    return False


def _is_observing(node):
    """Whether a node is a summary, or of an assertion."""
    return bool(_OBSERVING.search(node.op)) or "AssertGuard/" in node.name


def _differentiated(graph):
    """The names of the forward nodes that backpropagation takes something of."""
    backward = [node for node in graph.graph_def.node if node.name not in graph.nodes]
    return {name.removeprefix("^").partition(":")[0] for node in backward for name in node.input}


def after_training(graph):
    """The names of the nodes that are computed after an optimizer's update, in the same run.

    They are there for training, as the update of a moving average: to fetch one trains.
    """
    users: dict[str, list[str]] = {}
    for node in graph.whole.nodes.values():
        for name in node.input:
            users.setdefault(name.removeprefix("^").partition(":")[0], []).append(node.name)
    found = {node.name for node in graph.whole.nodes.values() if _APPLY.match(node.op)}
    queue = list(found)
    for name in queue:  # it grows
        new = [user for user in users.get(name, ()) if user not in found]
        found.update(new)
        queue += new
    return found


def left_to_training(graph):
    """The names of the nodes that lead to nothing in inference, but do as the graph stands.

    Such are the moments of a batch, where inference uses the moving averages.
    """
    taken = {name.rpartition(":")[0] for n in graph.given.values() for name in graph.inputs(n)}
    users = {
        name: {user.name for tensor in graph.outputs(node) for user in graph.consumers(tensor)}
        for name, node in graph.nodes.items()
    }
    unused = {name for name, of_node in users.items() if not of_node and name in taken}
    queue = list(unused)
    while queue:
        for tensor in graph.inputs(graph.nodes[queue.pop()]):
            name = tensor.rpartition(":")[0]
            if name in users and name not in unused and users[name] <= unused:
                unused.add(name)
                queue.append(name)
    return unused


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
        if node.op in SWITCHES:
            predicate = graph.origin(graph.inputs(node)[1])
            switches.append(((predicate, name.endswith(":1")), node))
            continue
        nodes.append(node)
        inputs = graph.inputs(node) + [f"{i[1:]}:0" for i in node.input if i.startswith("^")]
        queue += [other for other in inputs if other not in seen]
        seen.update(inputs)
    return switches, nodes


def _flags(graph, merges, dropouts):
    """The training flags with their value in inference, those of random numbers, and of `drawing`.

    dropouts: the names of the nodes of dropout.
    """
    candidates: dict[str, set[bool]] = {}
    random, drawing = set(), set()
    for _, predicate, sides in merges:
        if _is_of_data(graph, predicate):
            continue
        branches = [_behind(graph, side)[1] for side in sides]
        noisy = [any(RANDOM.match(node.op) for node in branch) for branch in branches]
        fused = [{by_batch(node) for node in branch if node.op in FUSED} for branch in branches]
        for outside in (False, True):
            if noisy[not outside] and not noisy[outside]:
                candidates.setdefault(predicate, set()).add(outside)
                random.add(predicate)
                if outside and not any(node.name in dropouts for node in branches[False]):
                    drawing.add(predicate)
            elif (fused[not outside], fused[outside]) == ({True}, {False}) or (
                is_variable(graph, sides[outside]) and is_moment(graph, sides[not outside])
            ):
                candidates.setdefault(predicate, set()).add(outside)
    flags = {name: values.pop() for name, values in candidates.items() if len(values) == 1}
    return flags, random & flags.keys(), drawing


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


def _redirect(graph, node, nodes, same):
    """Adds a copy of a node with redirected inputs to `nodes`, if any differ."""
    node = nodes.get(node.name, node)
    inputs = [name if name.startswith("^") else graph.full(name) for name in node.input]
    redirected = [_last(same, name) for name in inputs]
    if redirected != inputs and node.op not in SWITCHES:
        copy = tf1.NodeDef()
        copy.CopyFrom(node)
        copy.input[:] = redirected
        nodes[node.name] = copy


def _last(same, name):
    while name in same:
        name = same[name]
    return name
