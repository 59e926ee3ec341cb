"""Reads the optimizer of a TF1 graph, its constants and slots, as an OptimizerSpec."""

import re
from dataclasses import replace

import numpy as np

from tf1port.keras_model.one_bias import norm_of_two, with_one_bias
from tf1port.keras_model.optimizer import OptimizerSpec
from tf1port.keras_model.schedules import computed_rate, schedule_of
from tf1port.numerics.optimizers import count_of_power
from tf1port.tf1.graph.clipping import clip_options, find_clipping, looked_up
from tf1port.tf1.graph.index import scalar
from tf1port.tf1.graph.optimizers import (
    AVERAGES,
    KINDS,
    are_frozen,
    find_applied,
    slot_names,
    unsupported_reason,
)
from tf1port.tf1.graph.row_updates import gradients_of_rows, other_rows

# Of what the graph computes or is fed: Keras' defaults, with the momentum that most choose.
STAND_INS = {"learning_rate": 0.001, "beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-7}
STAND_INS |= {"momentum": 0.9, "rho": 0.9, "learning_rate_power": -0.5}
STAND_INS |= {"l1_regularization_strength": 0.0, "l2_regularization_strength": 0.0}
# The optimizers with slots that train all rows of a table.
_WHOLE_TABLES = {"Adam", "Adagrad"}


def why_not(graph, specs):
    """Why the graph's optimizer cannot train a model of some Specs; None: it can, or is none."""
    learning = {name for spec in specs if spec.is_trained for name in _learning(spec)}
    others = {name for spec in specs for name in _learning(spec)} - learning
    return (
        unsupported_reason(graph, learning, others)
        or other_rows(graph, learning, _updates(graph, learning).values())
        or norm_of_two(graph, specs)
    )


def _updates(graph, variables):
    """The Applied of each of some variables that an optimizer updates as a whole, by name."""
    return {name: update for name, update in find_applied(graph).items() if name in variables}


def with_trained(graph, spec):
    """A Spec whose layer is trained as in the graph: not at all where that trains others alone.

    Of the two biases of a GRU's gates one alone is. A normalization stays as it is where the graph
    updates its statistics: Keras would not.
    """
    variables = _learning(spec)
    if spec.kind == "BatchNormalization":
        variables = [*spec.sources.values()]
    if not variables or not are_frozen(graph, variables):
        return with_one_bias(graph, spec)
    call = replace(spec.call, arguments={**spec.call.arguments, "trainable": False})
    return replace(spec, call=call)


def _learning(spec):
    """The variables of a Spec that a training changes by their gradients."""
    roles = spec.sources.items()
    return [name for role, name in roles if role.rpartition("/")[2] not in AVERAGES]


def find_optimizer(graph, specs, checkpoint, contents, *, schedules=True):
    """The optimizer that a graph applies to the variables of some Specs; None where none is.

    Args:
        graph: tf1port.tf1.graph.index.Graph. specs: tf1port.keras_model.blueprint.Spec, all layers.
        checkpoint: tf1port.tf1.checkpoint.reader.Checkpoint. contents: its Inventory.
        schedules: a learning rate that the graph computes is a schedule, or constant from here on.
    """
    trained = {variable for spec in specs for variable in spec.sources.values()}
    applied = _updates(graph, trained)
    kinds = {update.kind for update in applied.values()}
    if len(kinds) != 1 or why_not(graph, specs):
        return None
    (name,) = kinds
    notes: list[str] = []
    unknown: dict[str, str] = {}
    rate = computed_rate(graph, _rates(graph, applied), checkpoint) if schedules else None
    known = {"learning_rate": rate.value} if rate else {}
    options, constant_names = _options(graph, applied, specs, checkpoint, notes, unknown, known)
    counters = contents.counters | ({"global_step": rate.variable} if rate and rate.call else {})
    names = slot_names(graph, applied, KINDS[name], contents)
    never_read = _never_read(names, KINDS[name], options)
    sources = _sources(specs, names, KINDS[name], checkpoint, options)
    sources = _scalable(sources, KINDS[name], notes, unknown)
    powers = _by_powers(graph, applied, checkpoint, options, notes, unknown)
    iterations = _iterations(checkpoint, counters, powers, notes)
    if iterations is None and name == "Adam":  # the others' updates do not depend on it
        unknown["iterations"] = "are counted by nothing in the checkpoint"
    schedule = rate and schedule_of(rate, iterations, KINDS[name], options, notes, unknown)
    options |= _of_layers(graph, specs, name, options, notes, unknown)
    return OptimizerSpec(
        KINDS[name].keras,
        options,
        sources,
        {spec.name: spec.mappings for spec in specs},
        checkpoint.read,
        iterations or 0,
        notes,
        [*_slot_variables(sources, counters), *dict.fromkeys(constant_names), *never_read],
        unknown,
        schedule,
    )


def _of_layers(graph, specs, name, options, notes, unknown):
    """The options that the kinds of layers need; what goes on differently is noted."""
    return _of_rows(name, options, notes, unknown) if _tables(graph, specs) else {}


def _tables(graph, specs):
    """The trained variables whose rows are looked up, in an Embedding or anywhere else."""
    trained = [name for spec in specs if spec.is_trained for name in spec.sources.values()]
    return looked_up(graph, trained)


def _rates(graph, applied):
    """The tensors of the learning rate that the updates of several variables take."""
    return {graph.uncast(update.arguments["lr"]) for update in applied.values()}


def _options(graph, applied, specs, checkpoint, notes, unknown, known):
    """The options of Keras' optimizer, and the variables that they are read from.

    known: the options that the graph computes.
    """
    options, constant_names = _constants(graph, applied, checkpoint, notes, unknown, known)
    recurrent = any(spec.cells for spec in specs)
    tables = _tables(graph, specs)
    options |= _clips(graph, applied, notes, unknown, recurrent=recurrent, tables=tables)
    if _dtype(specs) == "float32":  # the shortest number of that float32
        options = {name: _shortest(value) for name, value in options.items()}
    if any(graph.nodes[update.node].attr["use_nesterov"].b for update in applied.values()):
        options |= _looking_ahead(next(iter(applied.values())).kind, notes, unknown)
    return options, constant_names


def _scalable(sources, kind, notes, unknown):
    """The sources of the slots; none where they are in units of an unknown learning rate."""
    if kind.keras != "SGD" or "learning_rate" not in unknown or not sources:
        return sources
    notes.append("the slots of momentum are left out: they cannot be scaled by an unknown rate")
    return {}


def _slot_variables(sources, counters):
    """TF1's variables of the slots, and the counters."""
    roles = [by_role for layers in sources.values() for by_role in layers.values()]
    names = dict.fromkeys(counters[key] for key in sorted(counters))
    return [*(name for by_role in roles for name in by_role.values()), *names]


def _dtype(specs):
    return str(next(value.dtype for spec in specs for value in spec.weights.values()))


def _shortest(value):
    """The float of the fewest digits that is the same float32."""
    return float(str(np.float32(value))) if isinstance(value, float) else value


def _constants(graph, applied, checkpoint, notes, unknown, known):
    """The options of Keras' optimizer but for clipping, and the variables among their sources."""
    kind = KINDS[next(iter(applied.values())).kind]
    options, names = {**kind.fixed, **known}, []
    for argument, option in kind.options.items():
        if option in known:
            continue
        tensors = {graph.uncast(o.arguments[argument]) for o in applied.values()}
        options[option] = _value(graph, tensors, checkpoint, option, notes, unknown)
        variables = {graph.variable(tensor) for tensor in tensors}
        names += sorted(variables & checkpoint.shapes.keys())
    return options, names


def _clips(graph, applied, notes, unknown, *, recurrent, tables):
    """The clipping option of Keras' optimizer, if the graph clips its gradients."""
    gradients = [update.arguments["grad"] for update in applied.values()]
    gradients += gradients_of_rows(graph, tables, [*applied.values()])
    clippings = [find_clipping(graph, gradient) for gradient in gradients]
    options = clip_options(clippings, recurrent, notes=notes)
    if options is None:
        unknown["clipping"] = "or what else changes the gradients is none of Keras' optimizers'"
    return options or {}


def _of_rows(name, options, notes, unknown):
    """The option that makes Keras' optimizer train an embedding as TF1's does.

    Keras squares the gradients of single rows before it sums those of one row, TF1 after it. A
    gradient that is clipped is a sum: this one never is as large as that (D20).
    """
    if not KINDS[name].slots:
        return {}
    if "clipvalue" in options:
        unknown["embedding"] = "has gradients of rows that are clipped before they are summed"
        notes.append("of an embedding TF1 clips the gradients of rows before it sums them by row")
        return {}
    if name in _WHOLE_TABLES:
        return {} if {"global_clipnorm", "clipnorm"} & options.keys() else {"global_clipnorm": 1e9}
    unknown["embedding"] = f"is trained by the rows of a batch in TF1, as {name} is there"
    notes.append(
        "of an embedding TF1 trains the rows of a batch alone, Keras all of it: training goes on a "
        "little differently"
    )
    return {}


def _looking_ahead(name, notes, unknown):
    """The option of a momentum that looks ahead; Adam's is another optimizer in Keras."""
    if name == "Momentum":
        return {"nesterov": True}
    unknown["class"] = "is an Adam that looks ahead (Nadam), which Keras' own is not"
    notes.append("Adam's momentum looks ahead in the graph (Nadam): training goes on differently")
    return {}


def _value(graph, tensors, checkpoint, option, notes, unknown):
    """A hyper-parameter: a constant of the graph, or a variable of the checkpoint.

    tensors: its tensors, as the update ops of several variables have them.
    """
    values = {_single(graph, tensor, checkpoint, option, notes) for tensor in sorted(tensors)}
    if len(values) == 1 and None not in values:
        return values.pop()
    several = None not in values
    unknown[option] = "differs between variables" if several else "is computed or fed in the graph"
    value = STAND_INS[option]
    notes.append(f"{option} {unknown[option]}: {value} stands in for it, set your own")
    return value


def _single(graph, tensor, checkpoint, option, notes):
    """The value of a hyper-parameter's tensor; None: it is known only when the graph runs."""
    value = scalar(graph.constant(tensor))
    variable = graph.variable(tensor)
    if value is None and variable in checkpoint.shapes:
        value = scalar(checkpoint.read(variable))
        notes.append(f"{option} is {value:g}, the value of the variable {variable}")
    return value


def _sources(specs, names, kind, checkpoint, options):
    """TF1's variables that become Keras' slots, by slot, layer and role."""
    sources: dict[str, dict[str, dict[str, str]]] = {}
    for argument, slot in kind.slots.items():
        if options.get(slot) == 0:
            continue  # at a momentum of 0 Keras has no slot, TF1 one of _never_read
        for spec in specs:
            learning = {role: v for role, v in spec.sources.items() if role not in AVERAGES}
            by_role = {role: names.get(v, {}).get(argument) for role, v in learning.items()}
            if set(by_role.values()) <= checkpoint.shapes.keys():  # else not trained, or not saved
                sources.setdefault(slot, {})[spec.name] = by_role
    return sources


def _never_read(names, kind, options):
    """The variables of slots that TF1 writes and never reads: those of a momentum of 0."""
    arguments = [argument for argument, slot in kind.slots.items() if options.get(slot) == 0]
    slots = [by_argument.get(argument) for by_argument in names.values() for argument in arguments]
    return sorted({name for name in slots if name})


def _iterations(checkpoint, counters, powers, notes):
    """The number of training steps: by Adam's powers of beta, the global step or the file's name.

    powers: the count by the powers of beta, or None. Returns None where nothing counts the steps.
    """
    step = int(checkpoint.read(counters["global_step"])) if "global_step" in counters else None
    if powers is not None:
        if step not in (None, powers):
            notes.append(
                f"iterations is {powers}, of Adam's powers of beta: the global step is {step}"
            )
        return powers
    if step is not None:
        return step
    number = re.search(r"-(\d+)$", checkpoint.prefix)
    if number:
        notes.append(
            f"iterations is {number[1]}, of the checkpoint's name: no variable counts them"
        )
        return int(number[1])
    notes.append("iterations is 0: nothing in the checkpoint counts them")
    return None


def _by_powers(graph, applied, checkpoint, options, notes, unknown):
    """The number of training steps by Adam's powers of beta; None: unknown, or they disagree.

    The power of beta_1 is 0 in float32 after some hundreds of steps, that of beta_2 later.
    """
    found = []
    for beta, power in (("beta_1", "beta1_power"), ("beta_2", "beta2_power")):
        tensors = [o.arguments[power] for o in applied.values() if power in o.arguments]
        variables = {graph.variable(graph.uncast(tensor)) for tensor in tensors}
        values = {v: float(checkpoint.read(v)) for v in variables if v in checkpoint.shapes}
        if len({*values.values()}) > 1:
            unknown["iterations"] = "differ between variables, by their optimizers' powers of beta"
            notes.append(f"iterations {unknown['iterations']}: training goes on differently")
            return None
        if values and beta not in unknown:
            found.append(count_of_power(options[beta], checkpoint.read(min(values))))
    known = [count for count in found if count is not None]
    exact = {count.steps for count in known if count.exact}
    steps = exact if len(exact) == 1 else {count.steps for count in known}
    if len(steps) > 1:
        counts = " and ".join(map(str, sorted(steps)))
        notes.append(f"Adam's powers of beta give two counts of steps, {counts}: neither is used")
    return steps.pop() if len(steps) == 1 else None
