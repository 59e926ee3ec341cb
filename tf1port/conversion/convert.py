"""Converts a TF1 checkpoint into a `.keras` model, with its source and a map of its variables.

The model is compared with the graph before anything is written, and refused if it differs.
"""

import dataclasses
import json
import os
from collections.abc import Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tf1port.conversion.conversion_report import report
from tf1port.conversion.plan import read
from tf1port.conversion.stack import Conversion
from tf1port.conversion.translation.translated import Translated, read_translated
from tf1port.errors import UserError
from tf1port.files import replacing_all
from tf1port.keras_model import saving
from tf1port.tf1.graph.searching import guarded

_CHECKED = 2**25  # bytes of weights up to which a model is compared (it is upcast to float64)
_UNCOMPARED = f"outputs, which convert compares up to {_CHECKED >> 20} MB of weights: verify does"


Weights = Mapping[str, Mapping[str, np.ndarray]]


class Planned(NamedTuple):
    """A conversion that was compared with its graph, before it is written."""

    conversion: Conversion | Translated
    model: keras.Model
    source: str


def convert(path: str, target: str, **options: Any) -> Conversion | Translated:
    """Writes `target` (`.keras`), its source (`.py`) and, last, its map (`.json`).

    A graph that is layers before one stack of cells and layers after it is written as such; any
    other one is translated op by op, as far as its ops have counterparts in Keras.

    Takes the options of tf1port.conversion.plan.read.

    Raises:
        UserError: as `read`, or the model computes something else than the graph, or `target`
            cannot be written.
    """
    paths = _paths(target)
    planned = _planned(path, options)
    planned.conversion.checkpoint.check()  # variables that belong to no layer as well
    try:
        with replacing_all(paths) as (keras_file, source, map_file):
            saving.save(planned.model, keras_file)
            with open(source, "w", encoding="utf-8") as file:
                file.write(planned.source)
            with open(map_file, "w", encoding="utf-8") as file:
                json.dump(report(planned.conversion), file, indent=1)
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from None
    return planned.conversion


def _planned(path: str, options: Mapping[str, Any]) -> Planned:
    """The plan of a stack where that is complete, else the plan that leaves less out.

    Ops on the outputs beside a loss, such as predictions, are no reason against a stack.
    """
    stack: Planned | None = None
    fault: UserError | None = None
    own = ("outputs", "stateful")
    stack_options = {name: value for name, value in options.items() if name not in own}
    if any(options.get(name) for name in own):
        with guarded(path):
            return _translated(path, options)
    try:
        with guarded(path):
            stack = _stack(path, stack_options)
    except UserError as error:
        fault = error
    if stack is not None and _is_whole(stack.conversion):
        return stack
    try:
        with guarded(path):
            translated = _translated(path, options)
    except UserError as error:
        if stack is not None:
            return _noted(stack, f"the rest is not translated op by op: {error}")
        raise _refusal(fault, error) from None
    if stack is None or len(translated.conversion.left_out) < len(stack.conversion.left_out):
        return translated
    return stack


def _noted(planned: Planned, note: str) -> Planned:
    """The same plan with a note."""
    conversion = planned.conversion
    if isinstance(conversion, Translated):
        return planned
    return planned._replace(conversion=conversion._replace(notes=[*conversion.notes, note]))


def _is_whole(conversion: Conversion | Translated) -> bool:
    return not isinstance(conversion, Translated) and conversion.has_all_layers


def _refusal(fault: UserError | None, error: UserError) -> UserError:
    """The error where a graph becomes neither a stack nor a translation."""
    if fault is None or str(fault) == str(error):
        return error
    return UserError(f"{fault}; nor is it translated op by op: {error}")


def _stack(path: str, options: Mapping[str, Any]) -> Planned:
    """The plan of layers, one stack of cells, and layers."""
    from tf1port.keras_model import build

    conversion = read(path, **options)
    model = build.build(conversion.blueprint, keep=False)
    conversion = _checked(conversion, model)._replace(output=model.output_names[0])
    name = os.path.basename(conversion.checkpoint.prefix)
    title = f"The Keras model of the TF1 checkpoint {name}."
    return Planned(conversion, model, build.source(conversion.blueprint, title=title))


def _translated(path: str, options: Mapping[str, Any]) -> Planned:
    """The plan of a graph op by op."""
    from tf1port.conversion.translation import checks
    from tf1port.keras_model import layer_weights, program_build

    accepted = ("trust", "outputs", "stateful")
    rejected = {name: value for name, value in options.items() if value and name not in accepted}
    if rejected:
        raise UserError(f"{', '.join(rejected)} belongs to a stack of cells alone")
    conversion = read_translated(path, **{n: options[n] for n in accepted if n in options})
    model = program_build.build(conversion.program, conversion.source)
    if model.count_params() * 4 > _CHECKED:
        left_out = [*conversion.left_out, _UNCOMPARED]
        return Planned(dataclasses.replace(conversion, left_out=left_out), model, conversion.source)
    names = [spec.name for spec in conversion.program.specs]
    weights = layer_weights.weights_of(model, names)
    unchecked: list[str] = []
    for check in checks.end_to_end(conversion, model, weights, unchecked):
        if not check.passed:
            raise UserError(
                f"{conversion.checkpoint.meta} computes something else than convert reads of it: "
                f"a model of what it reads differs by {check.max_abs:.2g} at {check.place}"
            )
    if unchecked:
        raise UserError(f"the translation could not be compared with the graph: {unchecked[0]}")
    if conversion.program.states:
        conversion = _handing_on(conversion, model, weights)
    return Planned(conversion, model, conversion.source)


def _handing_on(conversion: Translated, model: keras.Model, weights: Weights) -> Translated:
    """The conversion with lines on how its states were compared.

    Raises:
        UserError: a sequence in parts is not the whole.
    """
    from tf1port.conversion.translation.in_parts import QUANTITY, in_parts

    lines = [f"the graph, {way}" for way in ("from its zeros", "from states drawn at random")]
    lines = lines if conversion.zero_states else ["the graph, from states that are fed"]
    for check in in_parts(conversion, model, weights):
        if not check.passed:
            raise UserError(
                "more than states connects the steps of a sequence: given in parts, its outputs "
                f"differ by {check.max_abs:.2g} at {check.place}, so drop --stateful"
            )
        lines.append(f"{QUANTITY}: {check.place.rpartition(' rows, ')[2]}")
    return dataclasses.replace(conversion, compared=tuple(lines))


def _checked(conversion: Conversion, model: keras.Model) -> Conversion:
    """The conversion with lines on what was not compared. Raises UserError if the model differs."""
    from tf1port.conversion.end_to_end import end_to_end
    from tf1port.keras_model import layer_weights

    if conversion.graph is None:
        return conversion
    size = model.count_params() * 4
    if size > _CHECKED:
        return conversion._replace(unchecked=(_UNCOMPARED,))
    names = [spec.name for spec in conversion.blueprint.specs]
    weights = layer_weights.weights_of(model, names)
    unchecked: list[str] = []
    computed: set[str] = set()
    for check in end_to_end(conversion, model, weights, unchecked, computed=computed):
        if not check.passed:
            gap = f"differs by {check.max_abs:.2g} at {check.place}"
            raise UserError(
                f"the layers of the map compute something else than {conversion.checkpoint.meta}: "
                f"a model with them {gap}"
                if conversion.mapped
                else f"{conversion.checkpoint.meta} computes something else than convert reads of "
                f"it, so there is a part that it does not know: a model of what it reads {gap}"
            )
    ends = conversion.ends and conversion.ends.computing(computed)
    return conversion._replace(unchecked=tuple(unchecked), ends=ends)


def _paths(target: str) -> list[str]:
    """The files that a conversion writes; raises UserError where they cannot be written."""
    saving.check_keras_name(target)
    stem = target.removesuffix(".keras")
    paths = [target, stem + ".py", stem + ".json"]
    for path in paths:
        saving.check_target(path)
    return paths
