"""The optimizer of a TF1 graph, its constants and slots, as a Keras optimizer with its state.

Slots are gradients' sums: the linear part of a cell's map carries them, nothing is added to them.
"""

import math
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np

from porting.comparison.progress import progress
from porting.graph import scalar
from porting.graphs.clipping import clip_options, find_clipping
from porting.models import layer_weights


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
# Of what the graph computes or is fed: Keras' defaults, with the momentum that most choose.
STAND_INS = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
STAND_INS |= {"momentum": 0.9, "rho": 0.9}
AVERAGES = ("moving_mean", "moving_variance")  # which no optimizer trains
_APPLY = re.compile("(?:Resource)?Apply(" + "|".join(KINDS) + ")$")


class OptimizerSpec(NamedTuple):
    """A Keras optimizer: class, options, where its slots come from, steps taken.

    sources: TF1's variables of the slots, {slot: {layer: {TF1's role: name}}}.
    parts: by layer its cells, as for porting.models.layer_weights.
    read: a function from a variable's name to its array: slots may be twice what the weights are,
        so that nothing here holds them.
    notes: lines on what the graph did not say.
    """

    kind: str
    options: dict[str, object]
    sources: dict[str, dict[str, dict[str, str]]]
    parts: dict[str, tuple[layer_weights.Part, ...]]
    read: Callable[[str], np.ndarray]
    iterations: int
    notes: list[str]
    variables: list[str]  # TF1's, that are accounted for by this

    def slot(self, slot, layer):
        """The arrays of a slot of a layer by Keras' role."""
        arrays = {role: self.read(name) for role, name in self.sources[slot][layer].items()}
        arrays = layer_weights.to_keras(self.parts[layer], arrays, linear=True)
        return {role: self.as_keras(value) for role, value in arrays.items()}

    def as_keras(self, slot):
        """A slot of TF1's as Keras has it: SGD's momentum is the step, TF1's the gradients' sum."""
        if self.kind != "SGD":
            return slot
        return -slot * self._rate(slot.dtype)

    def as_tf1(self, slot):
        """The way back of as_keras."""
        if self.kind != "SGD":
            return slot
        return -slot / self._rate(slot.dtype)

    def _rate(self, dtype):
        """The learning rate as TF1 holds it: float32 in a graph of float64 as well (D13)."""
        rate: Any = self.options["learning_rate"]
        return dtype.type(np.float32(rate))

    def make(self):
        """The optimizer without its state."""
        return getattr(keras.optimizers, self.kind)(**self.options)

    def source(self):
        """The Python lines of `make`, as an argument of `compile`."""
        options = [f"            {name}={value!r}," for name, value in self.options.items()]
        return [f"        optimizer=keras.optimizers.{self.kind}(", *options, "        ),"]

    def restore(self, model):
        """Gives the optimizer of a compiled model its slots and its count of steps."""
        optimizer = model.optimizer
        optimizer.build(model.trainable_variables)
        pairs = [(slot, name) for slot, layers in self.sources.items() for name in layers]
        for slot, name in progress(pairs, "slots", unit=" layers", delay=0.5):
            found = layer_weights.slots(model, model.get_layer(name), slot)
            arrays = self.slot(slot, name)
            for role, variable in found.items():
                variable.assign(arrays.pop(role))
        optimizer.iterations.assign(self.iterations)


def find_optimizer(graph, specs, checkpoint, held):
    """The optimizer that a graph applies to the variables of some Specs; None where none is.

    Args:
        graph: porting.graph.Graph. specs: porting.models.blueprint.Spec, all layers.
        checkpoint: porting.checkpoint.Checkpoint. held: its Inventory.
    """
    applied = find_applied(graph)
    wanted = {variable for spec in specs for variable in spec.sources.values()}
    kinds = {applied[name].kind for name in wanted & applied.keys()}
    if len(kinds) != 1:
        return None
    (name,) = kinds
    kind = KINDS[name]
    notes: list[str] = []
    options, read = dict(kind.fixed), []
    arguments = next(applied[variable].arguments for variable in sorted(wanted & applied.keys()))
    for argument, option in kind.options.items():
        tensor = arguments[argument]
        options[option] = _value(graph, tensor, checkpoint, option, notes)
        variable = graph.variable(_uncast(graph, tensor))
        read += [variable] if variable in checkpoint.shapes else []
    clippings = [
        find_clipping(graph, applied[v].arguments["grad"]) for v in wanted & applied.keys()
    ]
    options |= clip_options(clippings, any(spec.cells for spec in specs), notes=notes)
    if _dtype(specs) == "float32":  # the shortest number of that float32
        options = {name: _shortest(value) for name, value in options.items()}
    if name == "Momentum" and _nesterov(graph):
        options["nesterov"] = True
    names = _slot_names(graph, applied, kind, held)
    sources = _sources(specs, names, kind, checkpoint, options)
    variables = [n for layers in sources.values() for of in layers.values() for n in of.values()]
    counted = [held.counters[key] for key in sorted(held.counters)]
    iterations = _iterations(checkpoint, held.counters, options, notes)
    if kind.slots and any(spec.kind == "Embedding" for spec in specs):
        notes.append(
            "of an embedding Keras squares and carries on the gradients of single rows in another "
            "way than TF1: training goes on a little differently"
        )
    if any(cell.family == "cudnn_gru" for spec in specs for cell in spec.cells):
        notes.append(
            "each gate of a GRU with reset_after has two biases in Keras, which both learn, where "
            "TF1's cell has one: training goes on differently"
        )
    used = [*variables, *counted, *dict.fromkeys(read)]
    parts = {spec.name: spec.parts for spec in specs}
    return OptimizerSpec(
        kind.keras, options, sources, parts, checkpoint.read, iterations, notes, used
    )


def _dtype(specs):
    return str(next(value.dtype for spec in specs for value in spec.weights.values()))


def _shortest(value):
    """The float of the fewest digits that is the same float32."""
    return float(str(np.float32(value))) if isinstance(value, float) else value


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
        graph: porting.graph.Graph. optimizer: OptimizerSpec. held: the checkpoint's Inventory.
    """
    applied = find_applied(graph)
    kind = KINDS[next(iter(applied.values())).kind]
    names = _slot_names(graph, applied, kind, held)
    return {
        slot: {variable: of[argument] for variable, of in names.items() if argument in of}
        for argument, slot in kind.slots.items()
        if optimizer.options.get(slot) != 0
    }


def _nesterov(graph):
    nodes = [n for n in graph.nodes.values() if re.match("(Resource)?ApplyMomentum$", n.op)]
    return any(node.attr["use_nesterov"].b for node in nodes)


def _value(graph, tensor, checkpoint, option, notes):
    """A hyper-parameter: a constant of the graph, or a variable of the checkpoint."""
    tensor = _uncast(graph, tensor)
    value = scalar(graph.constant(tensor))
    if value is None and graph.variable(tensor) in checkpoint.shapes:
        value = scalar(checkpoint.read(graph.variable(tensor)))
        notes.append(f"{option} is {value:g}, the value of the variable {graph.variable(tensor)}")
    if value is None:
        value = STAND_INS[option]
        notes.append(
            f"{option} is computed or fed in the graph: {value} stands in for it, set your own"
        )
    return value


def _uncast(graph, tensor):
    """What a tensor is cast from: a graph in float64 casts its constants, which are float32."""
    node = graph.node(graph.origin(tensor))
    return graph.inputs(node)[0] if node is not None and node.op == "Cast" else tensor


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


def _sources(specs, names, kind, checkpoint, options):
    """TF1's variables that become Keras' slots, by slot, layer and role."""
    sources: dict[str, dict[str, dict[str, str]]] = {}
    for argument, slot in kind.slots.items():
        if options.get(slot) == 0:
            continue  # Keras keeps no momentum where none is wanted, TF1 one that is never read
        for spec in specs:
            learning = {role: v for role, v in spec.sources.items() if role not in AVERAGES}
            of = {role: names.get(v, {}).get(argument) for role, v in learning.items()}
            if set(of.values()) <= checkpoint.shapes.keys():  # else not trained, or not saved
                sources.setdefault(slot, {})[spec.name] = of
    return sources


def _iterations(checkpoint, counters, options, notes):
    """Steps taken: of the global step, else of Adam's power of beta, else of the file's name."""
    if "global_step" in counters:
        return int(checkpoint.read(counters["global_step"]))
    if "beta1_power" in counters and "beta_1" in options:
        power = float(checkpoint.read(counters["beta1_power"]))
        if power > 1e-30:
            return round(math.log(power) / math.log(options["beta_1"])) - 1
    number = re.search(r"-(\d+)$", checkpoint.prefix)
    if number:
        notes.append(
            f"iterations is {number[1]}, of the checkpoint's name: no variable counts them"
        )
        return int(number[1])
    notes.append("iterations is 0: nothing in the checkpoint counts them")
    return 0
