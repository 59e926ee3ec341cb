"""What a Keras 2 file holds, in the form of tf1port.conversion.inspect_report."""

from __future__ import annotations

import math
from typing import Any

from tf1port.conversion.keras2.hdf5 import Keras2File, read
from tf1port.errors import UserError

_CELLS = {
    "SimpleRNN": "rnn",
    "LSTM": "lstm",
    "CuDNNLSTM": "lstm",
    "GRU": "gru",
    "CuDNNGRU": "cudnn_gru",
}


def report(path: str) -> dict[str, Any]:
    """The fields of tf1port.results.Inspection. Raises UserError as `read`."""
    from tf1port.conversion.keras2.convert import of_file

    file = read(path)
    conversion = fault = None
    try:
        conversion = of_file(file)
    except UserError as error:
        fault = str(error)
    arrays = [value for group in file.weights.values() for _, value in group]
    by_name = {layer.name: layer for layer in conversion.network.layers} if conversion else {}
    cells, layers = [], []
    for name, group in file.weights.items():
        variables = _variables(group)
        config = by_name[name].config if name in by_name else {}
        inner = config.get("layer") or {"config": config}
        kind = by_name[name].class_name if name in by_name else "not known"
        inner_kind = str(inner.get("class_name", kind))
        entry = {"kind": kind, "scope": name, "variables": variables}
        if name in by_name and _is_cell(inner_kind, inner["config"], group):
            cells.append(_cell(inner_kind, name, group, inner["config"], by_name[name], variables))
        elif group:
            layers.append(entry)
    return {
        "checkpoint": path,
        "format": f"Keras 2 HDF5, of Keras {file.keras_version}",
        "graph": "its own model_config",
        "graph_fault": fault,
        "placeholders": _inputs(conversion) if conversion else [],
        "outputs": [tensor.layer for tensor in conversion.network.outputs] if conversion else [],
        "losses": [],
        "train_ops": [],
        "variables": len(arrays),
        "numbers": sum(math.prod(value.shape) for value in arrays),
        "cells": cells,
        "layers": layers,
        "optimizer": _optimizer(file),
        "averages": {},
        "others": [],
        "unexplained": [],
    }


def _is_cell(kind, config, group) -> bool:
    """Whether a layer is a cell whose sizes the file has."""
    sized = isinstance(config, dict) and isinstance(config.get("units"), int)
    return kind in _CELLS and sized and bool(group) and group[0][1].ndim == 2


def _cell(kind, name, group, config, layer, variables) -> dict[str, Any]:
    both = layer.class_name == "Bidirectional"
    return {
        "family": _CELLS[kind],
        "scope": name,
        "layer": None,
        "direction": "both" if both else ("backward" if config.get("go_backwards") else None),
        "features": int(group[0][1].shape[0]),
        "units": int(config["units"]),
        "outputs": int(config["units"]),
        "keras": layer.call.function.removeprefix("keras.layers.") + f"({config['units']})",
        "variables": variables,
    }


def _variables(group) -> dict[str, dict[str, Any]]:
    result: dict[str, dict[str, Any]] = {}
    for name, value in group:
        role = name.rpartition("/")[2].partition(":")[0]
        role = f"backward {role}" if role in result else role
        result[role] = {"name": name, "shape": list(value.shape), "dtype": str(value.dtype)}
    return result


def _inputs(conversion) -> list[dict[str, Any]]:
    return [
        {
            "name": one.name,
            "dtype": one.dtype,
            "shape": list(one.batch_shape),
            "default": False,
            "leads_to": "outputs",
        }
        for one in conversion.network.inputs
    ]


def _optimizer(file: Keras2File) -> dict[str, Any]:
    training = file.training if isinstance(file.training, dict) else {}
    config = training.get("optimizer_config")
    name = config.get("class_name", "") if isinstance(config, dict) else ""
    guess = str(name).removeprefix("Custom>") or None
    counters = {}
    if file.optimizer:
        name, value = file.optimizer[0]
        if value.dtype.kind in "iu" and value.shape == ():
            counters = {"global_step": {"name": name, "value": int(value)}}
    return {"guess": guess, "slots": {}, "counters": counters}
