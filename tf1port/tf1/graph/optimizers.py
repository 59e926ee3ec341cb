"""Split off from tf1port/keras_model/optimizer.py."""

import re
from typing import NamedTuple


class Kind(NamedTuple):
    """A TF1 optimizer: its op's arguments in order, and what Keras calls them.

    slots: Keras' name of a slot by TF1's argument. options: Keras' option by argument. fixed:
    options that Keras has and TF1 has not, at the value that makes the two equal.
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


class Applied(NamedTuple):
    """An optimizer's op: a key of KINDS, the tensors of its arguments by name, its node's name."""

    kind: str
    arguments: dict[str, str]
    node: str


def find_applied(graph):
    """The Applied of every variable that an optimizer in a graph changes, by its name."""
    found = {}
    for node in graph.nodes.values():
        match = _APPLY.match(node.op)
        if match:
            kind = KINDS[match[1]]
            arguments = dict(zip(kind.arguments.split(), graph.inputs(node), strict=True))
            found[graph.variable(arguments["var"])] = Applied(match[1], arguments, node.name)
    return found


def slot_variables(graph, optimizer, held):
    """The variables of the slots that Keras has as well: {slot: {variable: name}}.

    Args:
        graph: Graph. optimizer: OptimizerSpec. held: the checkpoint's Inventory.
    """
    applied = find_applied(graph)
    kind = KINDS[next(iter(applied.values())).kind]
    names = _slot_names(graph, applied, kind, held)
    return {
        slot: {variable: of[argument] for variable, of in names.items() if argument in of}
        for argument, slot in kind.slots.items()
        if optimizer.options.get(slot) != 0
    }


def _slot_names(graph, applied, kind, held):
    """The variables of the slots, {variable: {argument: name}}.

    A gradient of rows alone, an embedding's, goes another way than through one op: there the names
    tell, which TF1 numbers in the order of the op's arguments.
    """
    found = {}
    for variable, slots in held.slots.items():
        found[variable] = dict(
            zip(kind.slots, [slots[name] for name in sorted(slots)], strict=False)
        )
    for variable, (_, arguments, _) in applied.items():
        found[variable] = {argument: graph.variable(arguments[argument]) for argument in kind.slots}
    return found
