"""Holds the optimizer of a `.keras` file against what the checkpoint's graph says of its own.

Option by option, as data: a few steps would not show a clip that is not reached, or a constant that
is off by a little. What the graph computes or is fed is no data: it is named, not compared.
"""

import keras
import numpy as np

from tf1port.keras_model import layer_weights
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
        conversion: tf1port.conversion.plan.Conversion, whose optimizer is the graph's.
        model: keras.Model, as it was loaded.
        unproved: takes a line for whatever is not compared, with the reason.
    """
    told, own = conversion.blueprint.optimizer, getattr(model, "optimizer", None)
    if told is None and own is not None:
        unproved.append("the model's optimizer is not compared: none is known of the graph")
    if told is not None and own is None:
        unproved.append("the graph's optimizer is not compared: the model has no optimizer")
    if told is None or own is None:
        return
    unproved += told.unproved
    yield _check(conversion, model)
    if told.sources:
        yield slots_check(conversion, model)


def slots_check(conversion, model):
    """The slots of a model's optimizer as TF1's, against those of the checkpoint."""
    optimizer, read = conversion.blueprint.optimizer, conversion.checkpoint.read
    specs = {spec.name: spec for spec in conversion.blueprint.specs}
    expected, found = {}, {}
    for slot, layers in optimizer.sources.items():
        for name, sources in layers.items():
            values = _slot(model, specs[name], slot)
            for role, variable in sources.items():
                expected[variable] = optimizer.as_keras(read(variable))
                found[variable] = values.get(role, np.array(np.nan))
    return comparison.check("converted slots", expected, found, dtype=conversion.blueprint.dtype)


def slots_as_held(conversion, model):
    """TF1's slots as a model has them, by variable, in float64: {} where they are the same numbers.

    Keras' momentum is the step, TF1's the gradients' sum: the product with the rate is rounded in
    the file, and would part two right trainings by that.
    """
    optimizer = conversion.blueprint.optimizer
    if optimizer is None or optimizer.kind != "SGD" or getattr(model, "optimizer", None) is None:
        return {}
    specs, found = {spec.name: spec for spec in conversion.blueprint.specs}, {}
    for slot, layers in optimizer.sources.items():
        for name, sources in layers.items():
            values = _slot(model, specs[name], slot)
            for role, variable in sources.items():
                if role in values:
                    found[variable] = optimizer.as_tf1(values[role].astype("float64"))
    return found


def _slot(model, spec, slot):
    """The arrays of a slot of a layer by TF1's role; {} where the model has not all of it."""
    held = layer_weights.slots(model, model.get_layer(spec.name), slot)
    values = {role: np.array(variable) for role, variable in held.items()}
    try:
        return layer_weights.to_tf1(spec.parts, values, linear=True)
    except ValueError:
        return {}


def _check(conversion, model):
    gaps = [*_gaps(conversion, model)]
    lines = [line for _, line in gaps[:_NAMED]]
    rest = [f"{len(gaps) - _NAMED} more"] if len(gaps) > _NAMED else []
    allowed = tolerance("optimizer", "float32")
    return comparison.Check(
        "optimizer",
        "float32",
        max([gap for gap, _ in gaps], default=0.0),
        "; ".join(lines + rest) or type(model.optimizer).__name__,
        allowed.bound,
        allowed.reason,
    )


def _gaps(conversion, model):
    """How far whatever differs is apart, inf for what is no number, with a line that names it."""
    told, own = conversion.blueprint.optimizer, model.optimizer
    kind = getattr(keras.optimizers, told.kind)
    if type(own) is not kind:
        yield np.inf, _line("class", _class_name(type(own)), told.kind)
        return
    found, expected = (_options(one, conversion) for one in (own, told.make()))
    expected["iterations"] = told.iterations
    skipped = {*INERT, *told.unknown, *(CLIPS if "clipping" in told.unknown else ())}
    for name in sorted(expected.keys() - skipped):
        if found[name] != expected[name]:
            yield _gap(found[name], expected[name]), _line(name, found[name], expected[name])
    yield from _held_back(conversion, model)


def _options(optimizer, conversion):
    """What an optimizer was made with, in the graph's precision, and its count of steps."""
    options = as_graph_constants(optimizer.get_config(), dtype=conversion.blueprint.dtype)
    return {**options, "iterations": int(optimizer.iterations)}


def _held_back(conversion, model):
    """The weights that the graph trains and the model does not, or not freely."""
    applied = find_applied(conversion.graph).keys()
    for spec in conversion.blueprint.specs:
        own = layer_weights.variables(model.get_layer(spec.name))
        for role, variable in own.items() if applied & set(spec.sources.values()) else ():
            name = f"{spec.name}/{role}"
            if role not in AVERAGES and not variable.trainable:
                yield np.inf, _line(name, "not trained", "trained")
            if variable.constraint is not None:
                yield np.inf, _line(name, _shown(variable.constraint), "no constraint")


def _gap(found, expected):
    numbers = all(type(value) in (int, float) for value in (found, expected))
    gap = abs(found - expected) if numbers else np.inf
    return float(gap) if gap > 0 else np.inf  # of a NaN


def _line(name, found, expected):
    return f"{name}: {_shown(found)} in the file, {_shown(expected)} in the graph"


def _shown(value):
    if isinstance(value, dict) and "class_name" in value:  # a schedule of learning rates
        return value["class_name"]
    if isinstance(value, float):
        return str(np.float32(value))
    return value if isinstance(value, (str, int, type(None))) else type(value).__name__


def _class_name(kind):
    """The name of a class of Keras, or where another one is defined."""
    own = getattr(keras.optimizers, kind.__name__, None) is kind
    return kind.__name__ if own else f"{kind.__module__}.{kind.__qualname__}"
