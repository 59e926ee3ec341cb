"""Compares the Keras 3 model of a Keras 2 file with what Keras 2 computes of the file itself.

The verdict depends on tf_keras, end to end; layers that are named after cuDNN are compared with
cuDNN's equations in NumPy as well, from the file's arrays as they lie in memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tf1port.conversion.keras2.checks import end_to_end, in_float64
from tf1port.conversion.keras2.convert import (
    Keras2Conversion,
    keras_name,
    kind,
    read_conversion,
)
from tf1port.conversion.keras2.hdf5 import check_options
from tf1port.conversion.keras2.layers import HARD_SIGMOID
from tf1port.conversion.keras2.original import Original
from tf1port.errors import UserError
from tf1port.keras_model import loading, program_build
from tf1port.numerics import comparison
from tf1port.numerics.tolerances import tolerance
from tf1port.verification import cudnn_numpy
from tf1port.verification.groups import Groups
from tf1port.verification.keras2_training import training_checks
from tf1port.verification.verify import Verification

AGAINST = "Keras 2 (tf_keras)"
_OPTIONS = "options of layers"
_SHOWN = 3  # of the options that differ
# Options that the two have under the same name: what they change shows in training alone, or at
# inputs that no random batch has.
_COMPARED = {
    *("units", "filters", "padding", "strides", "dilation_rate", "activation", "use_bias"),
    *("recurrent_activation", "reset_after", "return_sequences", "return_state", "go_backwards"),
    *("stateful", "merge_mode", "dropout", "recurrent_dropout", "rate", "mask_zero", "mask_value"),
    *("input_dim", "output_dim", "trainable", "momentum", "epsilon", "center", "scale"),
}
_OF_KERAS_2 = "hard_sigmoid of Keras 2"
_NAMES = {HARD_SIGMOID: _OF_KERAS_2, "swish": "silu"}  # of activations that go by another one
_PENALTIES = ("regularizer", "constraint")


def verify(
    path: str,
    keras_file: str,
    *,
    steps: int = 0,
    seed: int = 0,
    trust: bool = False,
    **options: Any,
) -> Verification:
    """Compares a Keras 2 file and its Keras 3 model.

    Args:
        path: the HDF5 file. keras_file: what tf1port.conversion.keras2 made of it.
        steps: how many both train on, from the file's optimizer. seed: of the random inputs.
        options: those of TF1 checkpoints, of which none may be given.

    Raises:
        UserError: either is missing or damaged, the model is of another file, or tf_keras is not
            installed.
    """
    check_options(path, options)
    conversion = read_conversion(path)
    Original(conversion.file, path, "float32")  # tf_keras has to be there
    program_build.load_source(conversion.source)
    model = loading.open_model(keras_file, trust=trust)
    notes = [f"INCOMPLETE: {line}" for line in conversion.left_out] + conversion.notes
    unproved = _repeated_steps(conversion)
    checks = _checks(conversion, model, unproved, steps=steps, seed=seed)
    names = ", ".join(tensor.layer for tensor in conversion.network.outputs)
    claim = f"outputs {names}" + (f" and {steps} steps of training" if steps else "")
    return Verification(checks, AGAINST, notes, unproved, claim)


def _checks(
    conversion: Keras2Conversion, model: keras.Model, unproved: list[str], *, steps: int, seed: int
) -> Groups:
    groups = {
        "weights": _weights_check(conversion, model),
        _OPTIONS: _options_check(conversion, model),
        "outputs": end_to_end(conversion, model, unproved, seed=seed),
        "cuDNN's equations": _cudnn_checks(conversion, model, seed=seed),
        "training": training_checks(conversion, model, unproved, steps=steps, seed=seed),
    }
    return Groups(groups, unproved)


def _weights_check(conversion: Keras2Conversion, model: keras.Model) -> Iterator[comparison.Check]:
    expected = _weights(conversion.model(), conversion)
    yield comparison.check("weights", expected, _weights(model, conversion), dtype="float32")


def _weights(model: keras.Model, conversion: Keras2Conversion) -> dict[str, np.ndarray]:
    """The weights by layer, place and role."""
    result = {}
    own = {layer.name: layer for layer in model.layers}
    for layer in conversion.network.layers:
        if keras_name(layer) not in own:
            raise UserError(
                f"the model has no layer {layer.name}: it is of another file than "
                f"{conversion.file.path}"
            )
        for number, variable in enumerate(own[keras_name(layer)].weights):
            role = variable.path.rpartition("/")[2]
            result[f"{layer.name}/{number}/{role}"] = np.array(variable)
    return result


def _options_check(conversion: Keras2Conversion, model: keras.Model) -> Iterator[comparison.Check]:
    """The options of all layers as data: tf_keras' reading of the file against the model's."""
    original = Original(conversion.file, conversion.file.path, "float32").options()
    lines: list[str] = []
    own = {layer.name: layer for layer in model.layers}
    for layer in conversion.network.layers:
        found, expected = own[keras_name(layer)].get_config(), original[layer.name]
        if "layer" in expected and "layer" not in found:  # it works on the last axis alone
            expected = expected["layer"]["config"]
        lines += _differences(expected, found, layer.name)
    names = {keras_name(layer) for layer in conversion.network.layers}
    # Ops that compute a mask are none of keras.layers.
    further = [layer for name, layer in own.items() if name not in names and _is_layer(layer)]
    lines += [f"{layer.name}, which is not in the file" for layer in further]
    allowed = tolerance(_OPTIONS, "float32")
    place = "; ".join(lines[:_SHOWN]) or f"{len(names)} layers"
    gap = np.inf if lines else 0.0
    yield comparison.Check(_OPTIONS, "float32", gap, place, allowed.bound, allowed.reason)


def _is_layer(layer: Any) -> bool:
    """Whether a layer of a model computes something: no input, and no op that computes a mask."""
    return isinstance(layer, keras.Layer) and not isinstance(layer, keras.layers.InputLayer)


def _differences(expected: Any, actual: Any, place: str) -> Iterator[str]:
    """A line for each option that both have and that differs."""
    for key in sorted(expected.keys() & actual.keys()):
        left, right = expected[key], actual[key]
        if key in ("layer", "cell", "backward_layer") and isinstance(left, dict) and right:
            yield from _differences(left["config"], right["config"], f"{place}/{key}")
        elif key.endswith(_PENALTIES):
            if _numbers(left) != _numbers(right):
                yield f"{place}/{key}: {left} in the file, {right} in the model"
        elif key in _COMPARED:
            left, right = _plain(left), _plain(right)
            if _NAMES.get(str(left), left) != right:
                yield f"{place}/{key}: {left!r} in the file, {right!r} in the model"


def _numbers(value: Any) -> Any:
    """The class and the numbers of a penalty or constraint; L1L2 with one of them is that one."""
    if not isinstance(value, dict):
        return value
    config = {key: number for key, number in value["config"].items() if number}
    name = str(value["class_name"])
    return ("L" if name in ("L1", "L2", "L1L2") else name), {
        key: round(number, 9) if isinstance(number, float) else number
        for key, number in config.items()
    }


def _plain(value: Any) -> Any:
    """An option in one spelling: tuples as lists, an activation by its name."""
    if isinstance(value, dict):
        value = value["config"] if isinstance(value.get("config"), str) else value["class_name"]
    if isinstance(value, (list, tuple)):
        return [int(item) if isinstance(item, (int, np.integer)) else item for item in value]
    if isinstance(value, str) and value.endswith(f">{HARD_SIGMOID}"):  # of FILE.py
        return _OF_KERAS_2
    return value


def _cudnn_checks(
    conversion: Keras2Conversion, model: keras.Model, *, seed: int
) -> Iterator[comparison.Check]:
    if not conversion.cudnn:
        return
    upcast, stream = in_float64(model), np.random.default_rng(seed)
    for layer in conversion.cudnn:
        arrays = conversion.file.weights[layer.name]
        found = upcast.get_layer(keras_name(layer))
        yield from cudnn_numpy.checks(layer.name, kind(layer), found, arrays, stream)


def _repeated_steps(conversion: Keras2Conversion) -> list[str]:
    """A line where Keras outside of TensorFlow computed something else than tf_keras does.

    Its Bidirectional gave the last output again at the steps that a mask leaves out, tf_keras' has
    zeros there.
    """
    file, network = conversion.file, conversion.network
    masked = any(
        layer.class_name == "Masking" or layer.config.get("mask_zero") for layer in network.layers
    )
    both = [
        layer.name
        for layer in network.layers
        if layer.class_name == "Bidirectional"
        and layer.config["layer"]["config"].get("return_sequences")
    ]
    if not file.is_standalone or not masked or not both:
        return []
    return [
        f"{both[0]}: Keras {file.keras_version}, which is none of TensorFlow's, repeats the last "
        "output at steps that are left out by a mask, Keras 3 gives zeros"
    ]
