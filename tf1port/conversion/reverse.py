"""A converted `.keras` model back as a TF1 checkpoint.

The map that `convert` wrote beside the model says which TF1 variable each weight came from. A TF1
program restores the result with the Saver of its own graph: its further variables, such as a
learning rate, are copied from an older checkpoint.
"""

import os
import shutil
import tempfile
from typing import Any

import numpy as np
import tensorflow as tf

from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.layer_weights import CellMapping, Permutation
from tf1port.keras_model.loading import open_model
from tf1port.reading import read_json
from tf1port.tf1.checkpoint.partitions import split
from tf1port.tf1.checkpoint.reader import open_checkpoint

# What a map of another model, or one that was changed, leads to.
_MISFIT = (
    ArithmeticError, AttributeError, LookupError, MemoryError, TypeError, ValueError,
)  # fmt: skip
_PRODUCTS = 1_000_000  # that are computed at a time: a file may say any number of steps


def reverse(keras_file, prefix, *, rest=None, trust=False):
    """Writes `prefix`.index and its data file; returns the names of the variables, sorted.

    Args:
        keras_file: a `.keras` file with the `.json` map beside it that convert wrote.
        prefix: path of the checkpoint.
        rest: an older checkpoint, whose further variables are copied.
        trust: the model's layers may run code and read files.

    Raises:
        UserError: either file is missing, damaged or of another model, or nothing can be written.
    """
    variables = read(keras_file, rest=rest, trust=trust)
    _save(variables, prefix)
    return sorted(variables)


def read(keras_file, *, rest=None, trust=False):
    """The variables by the name under which they are stored; as `reverse`."""
    model_map = _map(keras_file)
    model = open_model(keras_file, trust=trust)
    older = None if rest is None else open_checkpoint(rest)
    try:
        with np.errstate(all="ignore"):  # a map may say any number
            variables = _variables(model_map, model)
        parts = model_map.get("parts", {})
        if older is None:
            return _as_stored(variables, parts)
        parts = {**older.partitions, **parts}
        stored = _as_stored(variables, parts)
        renamed = {name for name, of in parts.items() if len(of) == 1 and name not in of}
        further = older.shapes.keys() - (variables.keys() - renamed) - stored.keys()
        rest_values = {name: older.read(name) for name in further}
        return {**_as_stored(rest_values, older.partitions), **stored}
    except _MISFIT as error:
        raise UserError(f"{keras_file} is not the model of its map: {error}") from None


def _map(keras_file):
    path = os.path.splitext(keras_file)[0] + ".json"
    try:
        model_map = read_json(path)
        model_map["variables"], model_map["layers"]
    except OSError:
        raise UserError(f"there is no {path}: convert writes it beside the model") from None
    except (ValueError, KeyError, TypeError):
        raise UserError(f"{path} is damaged: convert the checkpoint again") from None
    return model_map


def _variables(model_map, model):
    """TF1's variables by name: the weights, the optimizer's slots and counters."""
    variables: dict[str, Any] = {}
    roles_of: dict[str, dict[str, str]] = {}
    for row in model_map["variables"]:
        roles_of.setdefault(row["layer"], {})[row["role"]] = row["variable"]
    slots = model_map.get("optimizer", {}).get("slots", {})
    by_slot = {slot: layer_weights.slots_by_variable(model, slot) for slot in slots}
    keras_layers = layer_weights.layers_of(model, [layer["name"] for layer in model_map["layers"]])
    for layer in model_map["layers"]:
        roles = roles_of.get(layer["name"], {})
        keras_layer, mappings = keras_layers[layer["name"]], _mappings(layer)
        variables.update(
            _by_name(layer_weights.to_tf1(mappings, layer_weights.weights(keras_layer)), roles)
        )
        for slot, layers in slots.items():
            if layer["name"] in layers:
                values = _slot(model, keras_layer, by_slot[slot], model_map)
                names = layers[layer["name"]]
                variables.update(
                    _by_name(layer_weights.to_tf1(mappings, values, linear=True), names)
                )
    if "optimizer" in model_map:
        variables.update(_counters(model_map["optimizer"], model.optimizer))
    return variables


def _as_stored(variables, slices):
    """The variables by stored name; partitioned ones are split: {name: {stored name: shape}}."""
    stored_values: dict[str, np.ndarray] = {}
    for name, value in variables.items():
        stored = slices.get(name, {name: value.shape})
        stored_values.update(zip(stored, split(value, list(stored.values())), strict=True))
    return stored_values


def _mappings(layer):
    """The CellMappings or Permutations of a layer of the map."""
    permutations = [Permutation(**mapping) for mapping in layer.get("turned", [])]
    return permutations or [CellMapping(**mapping) for mapping in layer["cells"]]


def _by_name(arrays, roles):
    """TF1's arrays of a layer by the names of the variables."""
    return {name: arrays[role] for role, name in roles.items()}


def _slot(model, layer, by_id, model_map):
    """One slot of every weight of a layer, by role.

    Keras' momentum is the last step, TF1's the sum of gradients that the step is computed from.
    """
    slots = layer_weights.slots(layer, by_id).items()
    values = {role: np.array(variable) for role, variable in slots}
    if model_map["optimizer"]["kind"] != "SGD":
        return values
    rate = model_map["optimizer"]["options"]["learning_rate"]
    if "schedule" in model_map["optimizer"]:  # the rate of the model's own step
        rate = float(model.optimizer.learning_rate)
    return {role: -value / value.dtype.type(rate) for role, value in values.items()}


def _counters(optimizer_map, optimizer):
    """The global step and the powers of beta, which TF1 multiplies up in float32 (D8)."""
    steps, counters = int(optimizer.iterations), {}
    for key, counter in optimizer_map["counters"].items():
        name, dtype = counter["variable"], counter["dtype"]
        if key == "global_step":
            counters[name] = np.array(steps, dtype)
        elif key in ("beta1_power", "beta2_power"):
            beta = optimizer_map["options"]["beta_1" if key == "beta1_power" else "beta_2"]
            counters[name] = _power(beta, steps + 1).astype(dtype)
    return counters


def _power(beta, count):
    """Beta multiplied up in float32, one product after the other, until they change no more.

    Raises:
        ValueError: beta is none.
    """
    if not 0 <= beta <= 1:
        raise ValueError(f"beta is {beta}: expected a value from 0 to 1")
    beta, power, before = np.float32(beta), np.float32(1), None
    for start in range(0, count, _PRODUCTS):
        if power == before:
            break
        factors = np.full(1 + min(_PRODUCTS, count - start), beta)
        factors[0], before = power, power
        power = np.multiply.accumulate(factors)[-1]
    return power


def _save(variables, prefix):
    """Writes a checkpoint beside and moves it into place, the index last."""
    folder = os.path.dirname(prefix) or "."
    names = sorted(variables)
    try:
        temporary = tempfile.mkdtemp(prefix=f".part-{os.getpid()}-", dir=folder)
        try:
            tf.raw_ops.SaveV2(
                prefix=os.path.join(temporary, "model"),
                tensor_names=names,
                shape_and_slices=[""] * len(names),
                tensors=[variables[name] for name in names],
            )
            for ending in (".data-00000-of-00001", ".index"):
                os.replace(os.path.join(temporary, "model" + ending), prefix + ending)
        finally:
            shutil.rmtree(temporary)
    except OSError as error:
        raise UserError(f"cannot write {prefix}: {error.strerror}") from None
