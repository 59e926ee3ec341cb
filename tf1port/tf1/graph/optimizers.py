"""The optimizer ops of a TF1 graph: their arguments, variables and slots."""

import re
from typing import NamedTuple

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.further_writes import APPLY, SETTING, WRITING, further_writes, trained
from tf1port.tf1.graph.index import is_backward, scalar


class Kind(NamedTuple):
    """A TF1 optimizer: its op's arguments in order, and their names in Keras.

    slots: Keras' name of a slot by TF1's argument. options: Keras' option by argument.
    fixed: options that Keras alone has, at the value that makes the two equal.
    """

    keras: str
    arguments: str
    slots: dict[str, str]
    options: dict[str, str]
    fixed: dict[str, object]


_RMS = {"lr": "learning_rate", "rho": "rho", "momentum": "momentum", "epsilon": "epsilon"}


KINDS = {
    "Adam": Kind(
        "Adam",
        "var m v beta1_power beta2_power lr beta1 beta2 epsilon grad",
        {"m": "momentum", "v": "velocity"},
        {"lr": "learning_rate", "beta1": "beta_1", "beta2": "beta_2", "epsilon": "epsilon"},
        {},
    ),
    "GradientDescent": Kind("SGD", "var lr grad", {}, {"lr": "learning_rate"}, {}),
    "Momentum": Kind(
        "SGD",
        "var accum lr grad momentum",
        {"accum": "momentum"},
        {"lr": "learning_rate", "momentum": "momentum"},
        {},
    ),
    "RMSProp": Kind(
        "RMSprop",
        "var ms mom lr rho momentum epsilon grad",
        {"ms": "velocity", "mom": "momentum"},
        _RMS,
        {},
    ),
    "CenteredRMSProp": Kind(
        "RMSprop",
        "var mg ms mom lr rho momentum epsilon grad",
        {"ms": "velocity", "mg": "average_gradient", "mom": "momentum"},
        _RMS,
        {"centered": True},
    ),
    "Adagrad": Kind(
        "Adagrad",
        "var accum lr grad",
        {"accum": "accumulator"},
        {"lr": "learning_rate"},
        {"epsilon": 0.0},
    ),
    "Adadelta": Kind(
        "Adadelta",
        "var accum accum_update lr rho epsilon grad",
        {"accum": "accumulated_grad", "accum_update": "accumulated_delta_var"},
        {"lr": "learning_rate", "rho": "rho", "epsilon": "epsilon"},
        {},
    ),
}


KINDS["Ftrl"] = Kind(
    "Ftrl",
    "var accum linear grad lr l1 l2 lr_power",
    {"accum": "accumulator", "linear": "linear"},
    {
        "lr": "learning_rate",
        "l1": "l1_regularization_strength",
        "l2": "l2_regularization_strength",
        "lr_power": "learning_rate_power",
    },
    {},
)


AVERAGES = ("moving_mean", "moving_variance")  # which no optimizer trains


_APPLY = re.compile("(?:Resource)?Apply(" + "|".join(KINDS) + ")$")


_ROWS_AT_ONCE = {f"{prefix}SparseApply{kind}" for kind in KINDS for prefix in ("", "Resource")}


class Applied(NamedTuple):
    """An optimizer's op: a key of KINDS, the tensors of its arguments by name, its node's name."""

    kind: str
    arguments: dict[str, str]
    node: str


def trains(graph_def):
    """Whether a GraphDef has an op of any optimizer, or gradients."""
    return any(APPLY.match(node.op) or is_backward(node.name) for node in graph_def.node)


def find_applied(graph):
    """The Applied of every variable that an optimizer updates, by the variable's name."""
    applied = {}
    for node in graph.nodes.values():
        match = _APPLY.match(node.op)
        if match:
            kind = KINDS[match[1]]
            arguments = dict(zip(kind.arguments.split(), graph.inputs(node), strict=True))
            applied[graph.variable(arguments["var"])] = Applied(match[1], arguments, node.name)
    return applied


def unsupported_reason(graph, learning, others=()):
    """Why no single Keras optimizer trains variables as the graph does; None: one does.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        learning: names of the trainable variables of the model.
        others: those of its other variables, which a step has to leave as they are.
    """
    powers = _powers(graph, learning)
    reason = further_writes(
        graph,
        learning,
        {*others, *_kept(graph, learning)},
        rows={name: row_updates(graph, name) for name in learning},
        is_counted=lambda write: _is_counted(graph, write, powers),
    )
    if reason:
        return reason
    applied = graph.once(_applied_ops)
    known = {name for name in learning if name in applied or trained_by_rows(graph, name)}
    if not known:
        trainers = [node for name in sorted(learning) for node in _trainers(graph, name)]
        return f"{trainers[0].name} ({trainers[0].op}) is not a known one" if trainers else None
    for name in sorted(learning):
        reason = _unsupported_training(graph, name, applied.get(name, {}), name in known)
        if reason:
            return reason
    by_kind: dict[str, list[str]] = {}
    for name in sorted(learning):
        for op in {op for ops in applied.get(name, {}).values() for op in ops}:
            by_kind.setdefault(op, []).append(name)
    named = [f"{kind} of {_and_more(names)}" for kind, names in sorted(by_kind.items())]
    return f"it is several: {', '.join(named)}" if len(named) > 1 else None


def _and_more(names):
    """The first of some names, and the number of the others."""
    return f"{names[0]} and {len(names) - 1} more" if len(names) > 1 else names[0]


def are_frozen(graph, variables):
    """Whether a graph trains by optimizers, and none of these variables or their partitions."""
    updated = graph.once(trained)
    known = updated.isdisjoint(variables) and all(name in graph.nodes for name in variables)
    return bool(updated) and known and not any(_trainers(graph, name) for name in variables)


def _kept(graph, learning):
    """The variables that the updates of others read and keep: their slots and all their options.

    But for those of integers: a rate that is computed of the step goes on with it.
    """
    names = set()
    for variable, (_, arguments, _) in find_applied(graph).items():
        for argument, tensor in arguments.items() if variable in learning else ():
            if argument not in ("var", "grad"):
                names |= {graph.variable(each) for each in _behind(graph, tensor)}
    return {name for name in names - {None} if not _is_counter(graph, name)}


def _behind(graph, tensor):
    """A tensor and all that it is computed of."""
    return graph.behind(tensor, through=graph.once(_ops))


def _is_counter(graph, name):
    """Whether a variable is one of integers."""
    node = graph.nodes.get(name)
    return node is not None and tf1.as_dtype(node.attr["dtype"].type).is_integer


def _powers(graph, learning):
    """The tensors of Adam's betas, by the variables of their powers."""
    betas = {}
    for variable, (_, arguments, _) in find_applied(graph).items():
        for beta in ("beta1", "beta2") if variable in learning else ():
            if beta + "_power" in arguments:
                power = graph.variable(graph.uncast(arguments[beta + "_power"]))
                betas[power] = graph.uncast(arguments[beta])
    return betas


def _is_counted(graph, write, powers):
    """Whether a Write is Adam's of a power of beta: it is multiplied by beta, at every step."""
    if write.variable not in powers or write.conditional or write.node.op not in SETTING:
        return False
    product = graph.node(graph.origin(graph.inputs(write.node)[1]))
    if product is None or product.op != "Mul":
        return False
    beta = powers[write.variable]
    factors = [graph.uncast(tensor) for tensor in graph.inputs(product)]
    return write.variable in map(graph.variable, factors) and any(
        _are_equal(graph, factor, beta) for factor in factors
    )


def _are_equal(graph, tensor, other):
    """Whether two tensors are one, or constants of one value."""
    value = scalar(graph.constant(tensor))
    return tensor == other or (value is not None and value == scalar(graph.constant(other)))


def _ops(graph):
    """The ops of a graph."""
    return {node.op for node in graph.nodes.values()}


def _applied_ops(graph):
    """The kinds of the optimizer ops of a graph: {variable: {tensor: list of keys of KINDS}}.

    A partitioned variable has several tensors.
    """
    applied: dict[str, dict[str, list[str]]] = {}
    for node in graph.nodes.values():
        match = _APPLY.match(node.op)
        if match:
            target = graph.origin(graph.inputs(node)[0])
            targets = applied.setdefault(graph.variable(target), {})
            targets.setdefault(target, []).append(match[1])
    return applied


def _unsupported_training(graph, name, targets, is_trained):
    """Why the training of one variable has no equivalent in Keras; None: it has one."""
    if not is_trained:
        ops = [node.op for node in _trainers(graph, name)]
        by = f"{name} is changed by {ops[0]}, of no known optimizer" if ops else ""
        return by or f"it leaves {name} as it is"
    writers = _writers(graph, name) if targets else []
    return f"{name} is changed by {writers[0].name} besides" if writers else None


def _trainers(graph, variable):
    """The nodes that may train a variable: those of optimizers, and other updates of it."""
    ops = {op for op in graph.once(_ops) if APPLY.match(op)}
    return [*graph.uses(variable, ops), *_writers(graph, variable)]


def _writers(graph, variable):
    """The nodes that update a variable from its own value, but for optimizers' ops."""
    writers = []
    ops = graph.once(_ops)
    for node in graph.uses(variable, WRITING):
        target, value = graph.origin(graph.inputs(node)[0]), graph.inputs(node)[-1]
        if target != f"{variable}:0":
            continue
        reads_itself = f"{variable}:0" in graph.behind(value, through=ops)
        if reads_itself or not node.op.startswith("Assign") or node.op not in SETTING:
            writers.append(node)
    return writers


def trained_by_rows(graph, variable):
    """Whether a known optimizer updates single rows of a table."""
    return bool(row_updates(graph, variable))


def row_updates(graph, variable):
    """The nodes by which an optimizer updates a table for the rows of a batch, of those known."""
    at_once = graph.uses(variable, _ROWS_AT_ONCE)
    at_once = [node for node in at_once if graph.variable(graph.inputs(node)[0]) == variable]
    return at_once + [node for node in _writers(graph, variable) if _is_of_rows(node)]


def _is_of_rows(node):
    """Whether a node is of an optimizer's update of single rows."""
    return any(component.startswith("update_") for component in node.name.split("/")) and (
        "Scatter" in node.op or node.op.startswith("AssignSub")
    )


def slot_names(graph, applied, kind, inventory):
    """The variables of the slots, {variable: {argument: name}}.

    A gradient of single rows, an embedding's, is applied by several ops: there the names count,
    which TF1 numbers in the order of the op's arguments.
    """
    names = {}
    for variable, slots in inventory.slots.items():
        names[variable] = dict(
            zip(kind.slots, [slots[name] for name in sorted(slots)], strict=False)
        )
    for variable, (_, arguments, _) in applied.items():
        names[variable] = {argument: graph.variable(arguments[argument]) for argument in kind.slots}
    return names
