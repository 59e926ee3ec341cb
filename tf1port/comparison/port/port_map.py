"""The map of a port: a TOML file that names corresponding layers and tensors of both sides.

[layers]                          # Keras layer, or a cell within one = scope of TF1's variables
lstm = "rnn/lstm_cell"
"encoder/forward" = "bidirectional_rnn/fw/gru_cell"
logits = { kernel = "w_out", bias = "b_out" }
conv = { kernel = { variable = "filters", transpose = [2, 1, 0] } }
upper = { cell = "lstm", scope = "my/scope" }                  # a cell that is not recognised
lower = { cell = "lstm", gates = "ifou", kernel = "wx", recurrent_kernel = "wh", bias = "b" }
gru = { cell = "gru", gates = "zrh", kernel = ["wz", "wr", "wh"], bias = ["bz", "br", "bh"] }

[inputs]                          # input of the Keras model = placeholder, or any other tensor
readings = "x"
mask = { lengths = "n" }          # a mask [..., T] of the sequence lengths [...], or lengths [B]
h = { placeholder = "states", index = [0, 1] }       # of [layers, 2, B, U]
c = { placeholder = "state", columns = [0, 128] }    # of [B, 256]

[graph]                           # the labels, and tensors that are not found automatically
labels = "y"                      # also { one_hot = "y" }, { sparse = "y", padding = -1 }
logits = "scores/BiasAdd"
loss = "loss"
train = "Adam"

[outputs]                         # more layers, or states of cells, to compare = tensor
hidden = "hidden/Relu"
"decoder/h" = "decoder/while/Exit_4"

[feed]                            # further placeholders, and their values in training
is_training = false
[feed_training]
is_training = true
keep_prob = 0.9

[data]                            # without it: random numbers
file = "batches.npz"              # beside the map: arrays [N, ...] by Keras input, and `labels`
batch_size = 8

[accuracies]                      # final ones of independent trainings, if there were any
legacy = [0.941, 0.937, 0.943]
modern = [0.939, 0.944, 0.940]
margin = 0.01
"""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tf1port.cells.families import FAMILIES
from tf1port.comparison.sides import gates as gates_
from tf1port.comparison.sides.sources import Source
from tf1port.comparison.sides.weight_map import CellEntry
from tf1port.errors import UserError
from tf1port.reading import read_toml


@dataclass(frozen=True)
class PortMap:
    """The sections of the file. A layer is a scope, a cell, or Sources by role of its weights."""

    layers: dict[str, str | CellEntry | dict[str, Source]]
    inputs: dict[str, Source]
    graph: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, Source] = field(default_factory=dict)
    feed: dict[str, Any] = field(default_factory=dict)
    feed_training: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    accuracies: dict[str, Any] = field(default_factory=dict)

    @property
    def labels(self):
        """The Source of the labels; None where the map names none."""
        return self.graph.get("labels")


_SECTIONS: dict[str, set[str]] = {  # the keys that each may have; empty: any names
    "layers": set(),
    "inputs": set(),
    "outputs": set(),
    "feed": set(),
    "feed_training": set(),
    "graph": {"labels", "logits", "loss", "train"},
    "data": {"file", "batch_size", "time"},
    "accuracies": {"legacy", "modern", "margin"},
}


def load_map(path):
    """Reads a map. Raises UserError where the file is missing, no TOML or no such map."""
    sections = read_toml(path)
    try:
        port_map = parse_map(sections)
    except ValueError as error:
        raise UserError(f"{path}: {error}") from None
    if "file" in port_map.data:
        port_map.data["file"] = os.path.join(os.path.dirname(path), port_map.data["file"])
    return port_map


def parse_map(sections):
    """The PortMap of a file's sections. Raises ValueError, which names the fault."""
    for section, entries in sections.items():
        if section not in _SECTIONS:
            raise ValueError(f"[{section}] is no section: there are {', '.join(_SECTIONS)}")
        if not isinstance(entries, dict):
            raise ValueError(f"{section} is a value, not a section [{section}]")
        allowed = _SECTIONS[section]
        for key in sorted(entries.keys() - allowed) if allowed else ():
            raise ValueError(f"[{section}] has no {key}: there are {', '.join(sorted(allowed))}")
    for section in ("layers", "inputs"):
        if not sections.get(section):
            raise ValueError(f"it has no [{section}]")
    graph = sections.get("graph", {}).items()
    return PortMap(
        layers={name: _layer(name, entry) for name, entry in sections["layers"].items()},
        inputs=_sources(sections, "inputs"),
        graph={key: _source(value, f"[graph] {key}") for key, value in graph},
        outputs=_sources(sections, "outputs"),
        feed=sections.get("feed", {}),
        feed_training=sections.get("feed_training", {}),
        data=_data(sections.get("data", {})),
        accuracies=_accuracies(sections.get("accuracies", {})),
    )


def _layer(name, entry):
    if isinstance(entry, str):
        return entry
    if not isinstance(entry, dict):
        raise ValueError(f"[layers] {name} is {entry!r}: give a scope or variables by role")
    if "cell" in entry:
        return _cell(name, entry)
    return {role: _source(value, f"[layers] {name} {role}") for role, value in entry.items()}


_CELL = {"cell": str, "scope": str, "gates": str, "rows": str, "forget_bias": int | float}


def _cell(name, entry):
    """The CellEntry of a table with `cell`."""
    place, family = f"[layers] {name}", entry["cell"]
    for key in sorted(_CELL.keys() & entry.keys()):
        if not isinstance(entry[key], _CELL[key]):
            kind = "a text" if _CELL[key] is str else "a number"
            raise ValueError(f"{place} has {key} = {entry[key]!r}: give {kind}")
    variables = {
        role: tuple(_source(item, f"{place} {role}") for item in _listed(value))
        for role, value in entry.items()
        if role not in _CELL
    }
    cell = CellEntry(
        family, variables=variables, **{k: entry[k] for k in _CELL if k in entry and k != "cell"}
    )
    if family not in FAMILIES:
        raise ValueError(f"{place} has cell = {family!r}: there are {', '.join(FAMILIES)}")
    if bool(variables) == (cell.scope is not None):
        raise ValueError(f"{place}: give a scope, or variables by role, and not both")
    if cell.gates is not None:
        _check_gates(place, cell)
    elif any(len(many) > 1 for many in variables.values()):
        raise ValueError(f"{place} joins variables: give the order of their gates, as gates")
    return cell


def _check_gates(place, entry):
    order = gates_.ORDERS.get(entry.family)
    if order is None:
        raise ValueError(f"{place} has gates: of {', '.join(gates_.ORDERS)} alone")
    letters = str(entry.gates)
    if sorted(gates_.standard(entry.family, letters)) != sorted(order):
        raise ValueError(f"{place} has gates = {letters!r}: give each of {order} once, in order")
    if entry.rows not in gates_.ROWS:
        raise ValueError(f"{place} has rows = {entry.rows!r}: there are {', '.join(gates_.ROWS)}")
    if "kernel" not in entry.variables:
        raise ValueError(f"{place} has no kernel: name its variable, or one for each gate")


def _listed(value):
    return value if isinstance(value, list) else [value]


def _sources(sections, section):
    entries = sections.get(section, {}).items()
    return {name: _source(value, f"[{section}] {name}") for name, value in entries}


MARGIN = 0.01  # within which accuracies are equivalent, unless the map has its own

_NAMES = {"variable", "placeholder", "tensor", "lengths", "one_hot", "sparse"}
_OPTIONS = {
    "transpose": "each axis from 0 once",
    "index": "numbers from 0, one for each of the first axes",
    "columns": "the first and the one after the last",
    "padding": "a whole number",
}
_OPTIONS_FIT: dict[str, Callable[[Any], bool]] = {
    "transpose": lambda axes: _are_numbers(axes) and sorted(axes) == list(range(len(axes))),
    "index": lambda index: _are_numbers(index) and all(0 <= number < _MOST for number in index),
    "columns": lambda two: _are_numbers(two) and len(two) == 2 and 0 <= two[0] < two[1] < _MOST,
    "padding": lambda padding: type(padding) is int and abs(padding) < _MOST,
}
_MOST = 2**31


def _source(value, place):
    if isinstance(value, str):
        return Source(value)
    names = _NAMES & value.keys() if isinstance(value, dict) else set()
    if (
        len(names) != 1
        or value.keys() - names - _OPTIONS.keys()
        or not isinstance(value[min(names)], str)
    ):
        raise ValueError(f"{place} is {value!r}: give a name, or a table with it and transpose")
    (key,) = names
    for option in _OPTIONS.keys() & value.keys():
        if not _OPTIONS_FIT[option](value[option]):
            raise ValueError(f"{place} has {option} = {value[option]!r}: give {_OPTIONS[option]}")
    axes, columns = value.get("transpose"), value.get("columns")
    return Source(
        value[key],
        None if axes is None else tuple(axes),
        tuple(value.get("index", ())),
        None if columns is None else tuple(columns),
        padding=value.get("padding", -1),
        **{key: True for key in ("lengths", "one_hot", "sparse") if key in value},
    )


def _data(options):
    if not isinstance(options.get("file", ""), str) or "\0" in options.get("file", ""):
        raise ValueError(f"[data] file is {options['file']!r}: give a path")
    for key in options.keys() - {"file"}:
        if type(options[key]) is not int or not 0 < options[key] < _MOST:
            raise ValueError(f"[data] {key} is {options[key]!r}: give a number above 0")
    return dict(options)


def _accuracies(options):
    if not options:
        return {}
    for side in ("legacy", "modern"):
        values = options.get(side)
        if not isinstance(values, list) or len(values) < 2 or not all(map(_is_share, values)):
            raise ValueError(f"[accuracies] {side} is {values!r}: give two and more of 0 to 1")
    margin = options.get("margin", MARGIN)
    if not _is_share(margin) or margin == 0:
        raise ValueError(f"[accuracies] margin is {margin!r}: give a number above 0, such as 0.01")
    return {**options, "margin": margin}


def _are_numbers(value):
    return isinstance(value, list) and all(type(item) is int for item in value)


def _is_share(value):
    return isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1
