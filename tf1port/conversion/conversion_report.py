"""The report of a conversion: as a map for programs, as a diagram for people."""

import os

from tf1port.conversion.translation.diagram import diagram as translated_diagram
from tf1port.conversion.translation.translated import Translated
from tf1port.keras_model.expressions import Call


def report(conversion):
    """The map, for JSON: for each TF1 variable its layer, role and conversion; and all options."""
    blueprint, shapes = conversion.blueprint, conversion.checkpoint.shapes
    result = {
        "checkpoint": os.path.basename(conversion.checkpoint.prefix),
        "complete": not conversion.left_out,
        "left_out": conversion.left_out,
        "inputs": conversion.inputs,
        "outputs": conversion.outputs,
        "dtype": blueprint.dtype,
        "layers": [
            {
                "name": spec.name,
                "kind": spec.kind,
                "options": {key: _plain(value) for key, value in spec.options.items()},
                "cells": [mapping._asdict() for mapping in spec.mappings if not spec.permuted],
                "turned": [mapping._asdict() for mapping in spec.permuted],
            }
            for spec in blueprint.specs
        ],
        "takes": blueprint.takes,
        "masked": blueprint.masked,
        "variables": [
            {
                "variable": conversion.checkpoint.substitutes.get(variable, variable),
                "shape": list(shapes[variable]),
                "layer": spec.name,
                "role": role,
                "operation": _operation(spec, role),
            }
            for spec in blueprint.specs
            for role, variable in spec.sources.items()
        ],
        "parts": conversion.checkpoint.partitions,
        "unused": blueprint.unused,
        "mapped": conversion.mapped,
        "notes": conversion.notes,
    }
    if getattr(blueprint, "states", None):
        result |= {"states": blueprint.states, "compared": list(conversion.compared)}
    if blueprint.optimizer is not None:
        result["optimizer"] = _optimizer(conversion)
    return result


def _operation(spec, role):
    axes = {permutation.role: list(permutation.axes) for permutation in spec.permuted}.get(role)
    return f"transposed {axes}" if axes else spec.operation


def _optimizer(conversion):
    optimizer, dtypes = conversion.blueprint.optimizer, conversion.checkpoint.dtypes
    return {
        "kind": optimizer.kind,
        "options": optimizer.options,
        "iterations": optimizer.iterations,
        "slots": optimizer.sources,
        "counters": {
            key: {"variable": name, "dtype": str(dtypes[name])}
            for key, name in conversion.counters.items()
        },
        "variables": optimizer.variables,
        "notes": optimizer.notes,
        **({"loss": optimizer.loss.report} if optimizer.loss else {}),
        **({"schedule": optimizer.schedule.text} if optimizer.schedule else {}),
    }


def diagram(conversion):
    """The layers of the model, from the inputs down, as lines of text."""
    if isinstance(conversion, Translated):
        return translated_diagram(conversion)
    blueprint = conversion.blueprint
    inputs = "ids [B, T]" if blueprint.features is None else f"inputs [B, T, {blueprint.features}]"
    lines = [*_incomplete(conversion), inputs]
    runs = {layer.cell.scope: layer.run for layer in conversion.network.recurrent}
    for level, spec in zip(_levels(conversion), blueprint.specs, strict=True):
        lines += ["  |", f"{spec.name}: {spec.kind}({_arguments(spec.options)})"]
        width = max([18, *map(len, spec.sources)])
        transposed = {
            permutation.role: f", transposed {list(permutation.axes)}"
            for permutation in spec.permuted
        }
        lines += [
            f"  |   {role:<{width}} {name}{transposed.get(role, '')}"
            for role, name in spec.sources.items()
        ]
        if level is not None:
            lines.append(f"  |   {_run_kind(runs[level.cells[0].cell.scope])}{spec.operation}")
        if spec.residual:
            lines.append("  |   its input is added to its output")
        if blueprint.last_step_only(spec):
            lines += ["  |", "the outputs of the last step"]
    if blueprint.optimizer is not None:
        optimizer = blueprint.optimizer
        lines += ["", f"optimizer: {optimizer.kind}({_arguments(optimizer.arguments)})"]
        slots = ", ".join(optimizer.sources) or "none"
        lines += [f"  after {optimizer.iterations} steps; slots: {slots}"]
        if optimizer.loss is not None:
            lines += [f"  loss: {optimizer.loss.text}"]
        lines += [f"  {note}" for note in optimizer.notes]
    lines += ["", *conversion.notes]
    return [*lines, "not converted: " + (", ".join(blueprint.unused) or "nothing")]


def _incomplete(conversion):
    """The lines on what the model lacks, which come first; none if it is complete."""
    lines = conversion.left_out
    return (
        ["INCOMPLETE, the model does not have", *(f"  {line}" for line in lines), ""]
        if lines
        else []
    )


def _levels(conversion):
    """The level of every layer, None for one that is not recurrent."""
    blueprint = conversion.blueprint
    none = [None] * max(len(blueprint.before), len(blueprint.after))
    before, after = none[: len(blueprint.before)], none[: len(blueprint.after)]
    return [*before, *conversion.network.levels, *after]


def _run_kind(run):
    """A label of how a graph runs a cell over time."""
    if run is None:
        return ""
    if run.looped:
        return "a loop (dynamic_rnn), "
    return f"{len(run.steps)} unrolled steps, " if run.steps else "one op for all steps, "


def _arguments(options):
    return ", ".join(f"{name}={_plain(value)}" for name, value in options.items())


def _plain(value):
    """An argument of a constructor; a layer or a cell as text."""
    return value.text if isinstance(value, Call) else value
