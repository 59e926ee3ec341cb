"""A layer's configuration in Keras 2 as the Call that builds the same layer in Keras 3.

Layers that run code (Lambda), that Keras 3 has not, or whose meaning changed are refused by name.
"""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import keras

from tf1port.errors import UserError
from tf1port.keras_model.expressions import Call

Config = Mapping[str, Any]

_RECURRENT = "SimpleRNN LSTM GRU RNN Bidirectional"
_CELLS = "SimpleRNNCell LSTMCell GRUCell StackedRNNCells"
_STOCK = f"""{_RECURRENT} {_CELLS} TimeDistributed Dense Embedding Masking Activation Dropout
SpatialDropout1D SpatialDropout2D GaussianNoise GaussianDropout AlphaDropout ActivityRegularization
Conv1D Conv2D SeparableConv1D DepthwiseConv2D Conv2DTranspose BatchNormalization LayerNormalization
MaxPooling1D AveragePooling1D MaxPooling2D AveragePooling2D GlobalMaxPooling1D Flatten Reshape
GlobalAveragePooling1D GlobalMaxPooling2D GlobalAveragePooling2D Permute RepeatVector LeakyReLU
ReLU ELU PReLU Softmax Add Subtract Multiply Average Maximum Minimum Concatenate Dot ZeroPadding1D
ZeroPadding2D Cropping1D Cropping2D UpSampling1D UpSampling2D""".split()
_RENAMED = {
    "CuDNNLSTM": "LSTM",
    "CuDNNGRU": "GRU",
    "BatchNormalizationV1": "BatchNormalization",
    "BatchNormalizationV2": "BatchNormalization",
    "LayerNormalizationV2": "LayerNormalization",
}
CLASSES = {**{name: name for name in _STOCK}, **_RENAMED}

# What such a layer always does, and its counterpart in Keras 3 does if told.
_FIXED: dict[str, dict[str, Any]] = {
    "CuDNNLSTM": {"activation": "tanh", "recurrent_activation": "sigmoid", "use_bias": True},
    "CuDNNGRU": {
        "activation": "tanh",
        "recurrent_activation": "sigmoid",
        "use_bias": True,
        "reset_after": True,
    },
}
# Options that a file from before them lacks, and what was done then.
_BEFORE_THEM = {"GRU": {"reset_after": False}, "GRUCell": {"reset_after": False}}
_OTHER_NAMES = {"LeakyReLU": {"alpha": "negative_slope"}}
# Options of Keras 2 that change nothing of what is computed, whatever their value.
_WITHOUT_EFFECT = {
    "implementation",  # the same products, joined or apart
    "unit_forget_bias",  # initial values: the file has the weights
    "input_length",
    "batch_input_shape",
    "build_input_shape",
    "input_dtype",
    "input_dim",  # of any layer but an embedding, as batch_input_shape
    "batch_size",
    "fused",
    "virtual_batch_size",
    "seed",
    "ragged",
    "sparse",
}
_ALWAYS_WRITTEN = {"activation", "recurrent_activation", "reset_after", "use_bias", "mask_value"}
# By **kwargs of their base class.
_FURTHER = {name: {"zero_output_for_mask": False} for name in ("SimpleRNN", "LSTM", "GRU")}

_ACTIVATIONS = {"swish": "silu"} | {
    name: name
    for name in [
        "linear",
        "relu",
        "tanh",
        "sigmoid",
        "softmax",
        "elu",
        "selu",
        "softplus",
        "softsign",
        "exponential",
        "gelu",
        "mish",
        "silu",
        "relu6",
    ]
}
HARD_SIGMOID = "hard_sigmoid"


# Layers that work on the last axis alone, and need no TimeDistributed: that of Keras 3.15 computes
# as many steps as there are rows where the number of steps is not fixed and the model is traced.
PER_STEP = ("Dense", "Activation", "LeakyReLU", "ReLU", "ELU")


class Name:
    """A name that stands in the source as it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


def call(class_name: str, config: Config) -> Call:
    """The Call of the layer of Keras 3.

    Args:
        class_name: of the layer in Keras 2. config: its configuration.

    Raises:
        UserError: Keras 3 has no such layer, or it would do something else.
    """
    if class_name == "TimeDistributed":
        inner_class, inner = _parts(config.get("layer"), str(config.get("name")))
        if inner_class in PER_STEP:
            return call(inner_class, {**inner, "name": config.get("name", inner.get("name"))})
    target, label = counterpart(class_name, config), str(config.get("name", class_name))
    defaults = _defaults(target) | _FURTHER.get(target, {})
    known = {**_BEFORE_THEM.get(class_name, {}), **config, **_FIXED.get(class_name, {})}
    arguments: dict[str, object] = {}
    for key, value in known.items():
        key = _OTHER_NAMES.get(class_name, {}).get(key, key)
        if key == "name" or (key == "dtype" and value is None):
            continue
        if key == "dtype":
            arguments[key] = dtype_name(value, label)
            continue
        if key not in defaults:
            _check_without_effect(key, value, label)
            continue
        if key.endswith("_initializer") or key in _WITHOUT_EFFECT - {"input_dim"}:
            continue
        translated = _value(key, value, f"{label}/{key}")
        if key in _ALWAYS_WRITTEN or translated != defaults[key]:
            arguments[key] = translated
    if "axis" in arguments and target == "BatchNormalization":
        arguments["axis"] = _single_axis(arguments["axis"], label)
    order = [key for key in [*defaults, "dtype"] if key in arguments]
    ordered = {key: arguments[key] for key in sorted(set(order), key=order.index)}
    name = {"name": str(config["name"])} if "name" in config else {}
    return Call(f"keras.layers.{target}", {**ordered, **name})


def counterpart(class_name: str, config: Config) -> str:
    """The name of the class in Keras 3. Raises UserError where there is none."""
    if class_name in CLASSES:
        return CLASSES[class_name]
    label = config.get("name", class_name)
    if class_name in ("Lambda", "TFOpLambda", "TensorFlowOpLayer", "SlicingOpLambda"):
        raise UserError(
            f"{label} is a {class_name}, code within the file, which is never run: build the model "
            "without it, or convert the TF1 graph of a checkpoint"
        )
    raise UserError(f"{label} is a {class_name}, which convert has no counterpart for in Keras 3")


def dtype_name(value: Any, label: str) -> str:
    """The name of a dtype or of a policy of dtypes."""
    if isinstance(value, dict):
        value = value.get("config", {}).get("name")
    if not isinstance(value, str):
        raise UserError(f"{label}: its dtype is {value!r}: expected a name such as float32")
    return value


def _defaults(target: str) -> dict[str, Any]:
    parameters = inspect.signature(getattr(keras.layers, target).__init__).parameters
    pooling = {"data_format": None} if "Pooling" in target else {}
    named = {name: parameter.default for name, parameter in parameters.items()}
    return {**{key: v for key, v in named.items() if key != "dtype"}, **pooling, "trainable": True}


def _check_without_effect(key: str, value: Any, label: str) -> None:
    """Refuses an option that Keras 3 does not have, unless it is off."""
    if key not in _WITHOUT_EFFECT and value not in (None, False):
        raise UserError(f"{label}: Keras 3 has no {key}, which is {value!r} in the file")


def _single_axis(axis: Any, label: str) -> int:
    axes = axis if isinstance(axis, list) else [axis]
    if len(axes) != 1:
        raise UserError(f"{label}: BatchNormalization over {len(axes)} axes is not in Keras 3")
    return int(axes[0])


def _value(key: str, value: Any, label: str) -> Any:
    """An option's value: plain, or a Call."""
    if key in ("activation", "recurrent_activation"):
        return activation(value, label)
    if key in ("layer", "cell", "backward_layer"):
        return None if value is None else call(*_parts(value, label))
    if key == "cells":
        return [call(*_parts(cell, label)) for cell in value]
    if key.endswith(("_regularizer", "_constraint")):
        return _stock(value, key.rpartition("_")[2] + "s", label)
    if isinstance(value, dict):
        raise UserError(f"{label} is {value.get('class_name', value)}, which is not known")
    return tuple(value) if isinstance(value, list) and key != "axis" else value


def activation(value: Any, label: str) -> Any:
    """An activation by its name; Keras 2's hard_sigmoid is a function of the written source."""
    if isinstance(value, dict):
        value = value.get("config") if value.get("class_name") == "function" else value
    if value == HARD_SIGMOID:
        return Name(HARD_SIGMOID)
    if value is None:
        return None
    if not isinstance(value, str) or value not in _ACTIVATIONS:
        raise UserError(f"{label} is {value!r}, which convert has no counterpart for in Keras 3")
    return _ACTIVATIONS[value]


def _stock(value: Any, module: str, label: str) -> Call | None:
    """A regularizer or a constraint of Keras."""
    if value is None:
        return None
    name, config = _parts(value, label)
    found = getattr(getattr(keras, module), name, None)
    if not isinstance(found, type):
        raise UserError(f"{label} is {name}, which Keras 3 does not have")
    known = inspect.signature(found).parameters
    arguments = {key: item for key, item in config.items() if key in known}
    return Call(f"keras.{module}.{name}", arguments)


def _parts(value: Any, label: str) -> tuple[str, Config]:
    """The class and the configuration of what is within another one."""
    try:
        return str(value["class_name"]), dict(value["config"])
    except (KeyError, TypeError, ValueError):
        raise UserError(f"{label} is {value!r}: expected a class_name and its config") from None
