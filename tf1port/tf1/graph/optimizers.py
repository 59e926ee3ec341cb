"""The optimizer ops of a TF1 graph: their arguments, variables and slots."""

import re
from typing import NamedTuple

from tf1port.tf1.graph.further_writes import APPLY, SETTING, WRITING, further_writes, trained
from tf1port.tf1.graph.index import is_backward


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


def unsupported_reason(graph, learning):
    """Why no single Keras optimizer trains variables as the graph does; None: one does.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        learning: names of the trainable variables of the model.
    """
    reason = further_writes(graph, learning, _kept(graph, learning))
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
    """The variables that the updates of others read and keep: their slots and rates."""
    names = set()
    for variable, (kind, arguments, _) in find_applied(graph).items():
        if variable in learning:
            tensors = [arguments[argument] for argument in ("lr", *KINDS[kind].slots)]
            names |= {graph.variable(graph.uncast(tensor)) for tensor in tensors}
    return names - {None}


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
    several = [ops for ops in targets.values() if len(ops) > 1]
    if several:
        return f"{name} is trained by several ({', '.join(sorted(several[0]))})"
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
