"""What a checkpoint holds, as data for `--json` and as lines of text."""

import math

from tf1port.conversion.interface import Interface, shape_text
from tf1port.tables import table
from tf1port.tf1.checkpoint.cell_names import sizes

NOT_KNOWN = "-"
_ENDS = {"outputs": "output", "losses": "loss", "train_ops": "train"}
_SHOWN = 6  # candidates of a kind that the text has; JSON has all


def report(checkpoint, inventory, interface=None, fault=None):
    """A dict of plain numbers and strings.

    Args:
        checkpoint: tf1port.tf1.checkpoint.reader.Checkpoint.
        inventory: its tf1port.tf1.checkpoint.reader.Inventory.
        interface: the tf1port.conversion.interface.Interface of its graph; None: it is not known.
        fault: why the graph beside it cannot be read; None: it can.
    """
    return {
        "checkpoint": checkpoint.prefix,
        "format": checkpoint.format,
        "graph": checkpoint.meta,
        "graph_fault": fault,
        **(interface or Interface()).to_json(),
        "variables": len(checkpoint.shapes),
        "numbers": sum(math.prod(shape) for shape in checkpoint.shapes.values()),
        "cells": [_cell(cell, checkpoint) for cell in inventory.cells],
        "layers": [_layer(layer, checkpoint) for layer in inventory.layers],
        "optimizer": {
            "guess": inventory.optimizer,
            "slots": inventory.slots,
            "counters": {
                kind: {"name": name, "value": _number(checkpoint.read(name))}
                for kind, name in inventory.counters.items()
            },
        },
        "averages": inventory.averages,
        "others": [_noted(name, checkpoint, inventory) for name in inventory.others],
        "unexplained": [_noted(name, checkpoint, inventory) for name in inventory.unexplained],
    }


def lines(report):
    """The text of a report, without a newline at the end of each line."""
    graph = report["graph"] or "none beside it: forget bias, activation and wiring are not known"
    fault = f", which cannot be read: {report['graph_fault']}" if report["graph_fault"] else ""
    yield f"{report['checkpoint']} ({report['format']})"
    yield f"graph: {graph}{fault}"
    yield f"{report['variables']} variables, {report['numbers']:,} numbers"
    yield from _section("placeholders", _placeholder_rows(report["placeholders"]))
    yield from _section("outputs, losses and train operations", _end_rows(report))
    yield from _section("cells", _cell_rows(report["cells"]))
    yield from _section("layers", _layer_rows(report["layers"]))
    entries = report["cells"] + report["layers"]
    yield from _section("variables of cells and layers", _variable_rows(entries))
    yield from _section(
        "optimizer, by its slots", _optimizer_rows(report["optimizer"]), always=True
    )
    averages = [(shadow, variable) for variable, shadow in report["averages"].items()]
    yield from _section("moving averages", [("name", "of"), *averages])
    yield from _section("others, by what they could be", _noted_rows(report["others"]))
    yield from _section("unexplained", _noted_rows(report["unexplained"]), always=True)


def _cell(cell, checkpoint):
    shapes = {role: checkpoint.shapes[name] for role, name in cell.variables.items()}
    size = sizes(cell.family, shapes)
    return {
        "family": cell.family,
        "scope": cell.scope,
        "layer": cell.layer,
        "direction": cell.direction,
        "features": size and size.features,
        "units": size and size.units,
        "outputs": size and size.outputs,
        "keras": _keras_layer(cell, size),
        "variables": _variables(cell, checkpoint),
    }


def _keras_layer(cell, size):
    """The Keras layer that a cell becomes, as one would write it."""
    if size is None:
        return "as many as its graph says"
    if cell.family == "lstm" and len(cell.variables) > 2:
        return f"RNN(ExtendedLSTMCell({size.units}))"
    return {
        "rnn": "SimpleRNN({})",
        "lstm": "LSTM({})",
        "gru": "GRU({}, reset_after=False)",
        "cudnn_gru": "GRU({}, reset_after=True)",
        "layer_norm_lstm": "RNN(LayerNormLSTMCell({}))",
    }[cell.family].format(size.units)


def _layer(layer, checkpoint):
    return {
        "kind": layer.kind,
        "scope": layer.scope,
        "variables": _variables(layer, checkpoint),
    }


def _variables(entry, checkpoint):
    return {
        role: {"name": name, **_type(name, checkpoint)}
        for role, name in sorted(entry.variables.items())
    }


def _noted(name, checkpoint, inventory):
    return {"name": name, **_type(name, checkpoint), "note": inventory.notes[name]}


def _type(name, checkpoint):
    return {"shape": list(checkpoint.shapes[name]), "dtype": str(checkpoint.dtypes[name])}


def _number(array):
    """A Python number; a string where JSON has no such number."""
    value = array.item()
    return value if math.isfinite(value) else str(value)


def _section(title, rows, *, always=False):
    """A titled table whose first row is its header; nothing where it has no other row."""
    rows = [[NOT_KNOWN if cell is None else str(cell) for cell in row] for row in rows]
    if len(rows) < 2:
        yield from ["", f"{title}: none"] if always else []
        return
    yield from ("", title)
    yield from ("  " + line for line in table(rows, "<" * len(rows[0])))


def _placeholder_rows(placeholders):
    yield "placeholder", "shape", "dtype", "leads to"
    for one in placeholders:
        needed = f"{one['leads_to']}, has a default" if one["default"] else one["leads_to"]
        yield one["name"], shape_text(one["shape"]), one["dtype"], needed


def _end_rows(report):
    yield "kind", "name"
    for kind in ("outputs", "losses", "train_ops"):
        names = report[kind]
        yield from ((_ENDS[kind], name) for name in names[:_SHOWN])
        if len(names) > _SHOWN:
            yield _ENDS[kind], f"and {len(names) - _SHOWN} more"


def _cell_rows(cells):
    yield "family", "layer", "direction", "F", "U", "becomes in Keras", "TF1 scope"
    for cell in cells:
        columns = (cell["layer"], cell["direction"], cell["features"], cell["units"])
        yield cell["family"], *columns, cell["keras"], cell["scope"]


def _layer_rows(layers):
    yield "kind", "TF1 scope"
    for layer in layers:
        yield layer["kind"], layer["scope"] or "(none)"


def _variable_rows(entries):
    yield "TF1 variable", "role", "shape", "dtype"
    for entry in entries:
        for role, variable in entry["variables"].items():
            yield variable["name"], role, variable["shape"], variable["dtype"]


def _optimizer_rows(optimizer):
    slots = sorted({slot for slots in optimizer["slots"].values() for slot in slots})
    unknown = "not known" if slots else "none, or one without slots, such as gradient descent"
    yield "kind", optimizer["guess"] or unknown
    if slots:
        yield "slots", f"{', '.join(slots)} of {len(optimizer['slots'])} variables"
    for kind, counter in optimizer["counters"].items():
        name = "" if counter["name"] == kind else f" ({counter['name']})"
        value = counter["value"]
        yield kind, (f"{value:.6g}" if isinstance(value, float) else f"{value}") + name


def _noted_rows(variables):
    yield "TF1 variable", "shape", "dtype", "note"
    for variable in variables:
        yield variable["name"], variable["shape"], variable["dtype"], variable["note"]
