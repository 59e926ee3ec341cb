"""Compares the optimizer of a `.keras` file with that of the checkpoint's graph.

Option by option, as data: a few steps would not show a clip that is not reached, or a constant that
is off by a little. Options that the graph computes or is fed are named as not compared.
"""

import keras
import numpy as np

from tf1port.cells.keras import OneBiasPerGate
from tf1port.keras_model import layer_weights
from tf1port.keras_model.one_bias import CONSTRAINT
from tf1port.numerics import comparison
from tf1port.numerics.optimizers import CLIPS, as_graph_constants
from tf1port.numerics.tolerances import tolerance
from tf1port.tf1.graph.optimizers import AVERAGES, find_applied

# Keras' options that change no update, and why; whatever else one has is compared.
INERT = {
    "name": "a label",
    "initial_accumulator_value": "the accumulators themselves are compared, as slots",
    "ema_momentum": "of averages that are kept with use_ema alone",
    "ema_overwrite_frequency": "of averages that are kept with use_ema alone",
}
_NAMED = 3  # of the options that differ


def optimizer_checks(conversion, model, unproved):
    """Yields a Check for an optimizer's class and options, and one for its slots.

    Args:
        conversion: tf1port.conversion.stack.Conversion, whose optimizer is the graph's.
        model: keras.Model, as it was loaded.
        unproved: a line is appended for whatever is not compared, with the reason.
    """
    expected, actual = conversion.blueprint.optimizer, getattr(model, "optimizer", None)
    if expected is None and actual is not None:
        unproved.append("the model's optimizer is not compared: none is known of the graph")
    if expected is not None and actual is None:
        unproved.append("the graph's optimizer is not compared: the model has no optimizer")
    if expected is None or actual is None:
        return
    unproved += expected.unproved
    yield _check(conversion, model)
    if expected.sources:
        yield slots_check(conversion, model)


def slots_check(conversion, model):
    """The slots of a model's optimizer against those of the checkpoint, as Keras has them.

    In TF1's form not all would be seen: of the two biases of a GRU it has one, the sum.
    """
    optimizer = conversion.blueprint.optimizer
    expected, actual = {}, {}
    for slot, layers in optimizer.sources.items():
        by_id = layer_weights.slots_by_variable(model, slot)
        for name, layer in layer_weights.layers_of(model, layers).items():
            values = layer_weights.slots(layer, by_id)
            for role, value in optimizer.slot(slot, name).items():
                expected[f"{name}/{role}/{slot}"] = value
                actual[f"{name}/{role}/{slot}"] = np.array(values.get(role, np.nan))
    return comparison.check("converted slots", expected, actual, dtype=conversion.blueprint.dtype)


def slots_as_tf1(conversion, model):
    """The slots of a model's SGD as TF1's, by variable, in float64; {} for other optimizers.

    Keras' momentum is the step, TF1's the gradients' sum: the product with the rate is rounded in
    the file, and two right trainings would differ by that.
    """
    optimizer = conversion.blueprint.optimizer
    if optimizer is None or optimizer.kind != "SGD" or getattr(model, "optimizer", None) is None:
        return {}
    specs, result = {spec.name: spec for spec in conversion.blueprint.specs}, {}
    for slot, layers in optimizer.sources.items():
        by_id = layer_weights.slots_by_variable(model, slot)
        found = layer_weights.layers_of(model, layers)
        for name, sources in layers.items():
            values = _slot(found[name], specs[name], by_id)
            for role, variable in sources.items():
                if role in values:
                    result[variable] = optimizer.as_tf1(values[role].astype("float64"))
    return result


def _slot(layer, spec, by_id):
    """The arrays of a slot of a layer by TF1's role; {} where the model has not all of it."""
    slots = layer_weights.slots(layer, by_id).items()
    values = {role: np.array(variable) for role, variable in slots}
    try:
        return layer_weights.to_tf1(spec.mappings, values, linear=True)
    except ValueError:
        return {}


def _check(conversion, model):
    gaps = [*_gaps(conversion, model)]
    lines = [line for _, line in gaps[:_NAMED]]
    further = [f"{len(gaps) - _NAMED} more"] if len(gaps) > _NAMED else []
    allowed = tolerance("optimizer", "float32")
    return comparison.Check(
        "optimizer",
        "float32",
        max([gap for gap, _ in gaps], default=0.0),
        "; ".join(lines + further) or type(model.optimizer).__name__,
        allowed.bound,
        allowed.reason,
    )


def _gaps(conversion, model):
    """The difference of each option that differs, inf if it is no number, with a line on it."""
    spec, optimizer = conversion.blueprint.optimizer, model.optimizer
    kind = getattr(keras.optimizers, spec.kind)
    if type(optimizer) is not kind:
        yield np.inf, _line("class", _class_name(type(optimizer)), spec.kind)
        return
    actual, expected = (_options(item, conversion) for item in (optimizer, spec.make()))
    expected["iterations"] = spec.iterations
    skipped = {*INERT, *spec.unknown, *(CLIPS if "clipping" in spec.unknown else ())}
    for name in sorted(expected.keys() - skipped):
        if actual.get(name) != expected[name]:
            values = actual.get(name), expected[name]
            yield _gap(*values), _line(name, *values)
    yield from _untrained(conversion, model)
    yield from _other_loss(spec.loss, model.loss)


def _options(optimizer, conversion):
    """The options of an optimizer, in the graph's precision, and its count of steps."""
    options = as_graph_constants(optimizer.get_config(), dtype=conversion.blueprint.dtype)
    rate = options["learning_rate"]
    if isinstance(rate, dict):  # a schedule: its class, and options of its own
        own = {name: value for name, value in rate["config"].items() if name not in INERT}
        options |= {"learning_rate": _schedule_name(rate)}
        options |= {f"learning_rate/{name}": value for name, value in own.items()}
    return {**options, "iterations": int(optimizer.iterations)}


def _schedule_name(config):
    """The name of a schedule's class, or where another one is defined."""
    is_stock = config["module"] == "keras.optimizers.schedules"
    return config["class_name"] if is_stock else f"{config['module']}.{config['class_name']}"


def _other_loss(expected, actual):
    """The loss of a model, where it has one and that of the graph is known."""
    losses = [*actual.values()] if isinstance(actual, dict) else [actual]
    if expected is None or losses == [None]:
        return
    serialize = keras.saving.serialize_keras_object
    wanted, *found = map(serialize, (expected.call.make(), *losses))
    if found != [wanted]:
        yield np.inf, _line("loss", _shown_loss(losses[0]), expected.call.text)


def _shown_loss(loss):
    return loss if isinstance(loss, str) else type(loss).__name__


def _untrained(conversion, model):
    """The weights that the graph trains and the model does not, or not freely."""
    applied = find_applied(conversion.graph).keys()
    specs = conversion.blueprint.specs
    layers = layer_weights.layers_of(model, [spec.name for spec in specs])
    for spec in specs:
        variables = layer_weights.variables(layers[spec.name])
        for role, variable in variables.items() if applied & set(spec.sources.values()) else ():
            name = f"{spec.name}/{role}"
            if role not in AVERAGES and not variable.trainable:
                yield np.inf, _line(name, "not trained", "trained")
            constraint = variable.constraint
            if constraint is not None and not _is_expected(spec, role, constraint):
                yield np.inf, _line(name, _shown(constraint), "no constraint")


def _is_expected(spec, role, constraint):
    """Whether a constraint is the one that a GRU has whose gates have one bias in TF1 (D18)."""
    module, _, name = CONSTRAINT.rpartition(".")
    has_one = f"from {module} import {name}" in spec.call.imports
    # By its registered name: a file's own source has the same class.
    names = [keras.saving.get_registered_name(kind) for kind in (type(constraint), OneBiasPerGate)]
    return has_one and role.endswith("bias") and names[0] == names[1]


def _gap(actual, expected):
    numbers = all(type(value) in (int, float) for value in (actual, expected))
    gap = abs(actual - expected) if numbers else np.inf
    return float(gap) if gap > 0 else np.inf  # of a NaN


def _line(name, actual, expected):
    return f"{name}: {_shown(actual)} in the file, {_shown(expected)} in the graph"


def _shown(value):
    if isinstance(value, float):
        return str(np.float32(value))
    return value if isinstance(value, (str, int, type(None))) else type(value).__name__


def _class_name(kind):
    """The name of a class of Keras, or where another one is defined."""
    is_stock = getattr(keras.optimizers, kind.__name__, None) is kind
    return kind.__name__ if is_stock else f"{kind.__module__}.{kind.__qualname__}"
