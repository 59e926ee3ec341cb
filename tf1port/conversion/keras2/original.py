"""The model of a Keras 2 file as Keras 2 itself computes it: tf_keras, its last version.

It reads the configuration and the arrays of the file by its own code; of what convert read there is
nothing in it. The layers that need a GPU are its LSTM and GRU, into which it loads their weights.
"""

from __future__ import annotations

import contextlib
import copy
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tf1port.conversion.keras2.hdf5 import Keras2File
from tf1port.errors import UserError

_ON_CPU = {"CuDNNLSTM": "LSTM", "CuDNNGRU": "GRU"}
_LEGACY = {"GRU": {"reset_after": False}}  # of files from before the option
_WITHOUT = ("module", "registered_name", "build_config", "compile_config")


class Original:
    """The model in one dtype.

    Args:
        file: as it was read. path: of the file with the weights, or of a copy with others.
        dtype: "float32": as the file has it. "float64": all layers, and the weights upcast.

    Raises:
        UserError: tf_keras is not installed, or does not load the file.
    """

    def __init__(self, file: Keras2File, path: str, dtype: str) -> None:
        self.dtype = dtype
        self.keras = _tf_keras()
        config = _configuration(file.model, dtype)
        with self._floatx(), self._one_kernel(), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                build = getattr(self.keras, _class(config)).from_config
                self.model = build(config["config"])
                if not self.model.built:
                    self.model.build(config["config"]["build_input_shape"])
                self.model.load_weights(path)
            except Exception as error:  # a layer of Keras may raise anything
                line = " ".join(str(error).split())[:150]
                raise UserError(f"tf_keras does not load {file.path}: {line}") from None

    def __call__(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        """The outputs in their order, outside of training."""
        with self._floatx():
            outputs = self.model(inputs if len(inputs) > 1 else inputs[0], training=False)
        listed = outputs if isinstance(outputs, (list, tuple)) else [outputs]
        return [np.array(value) for value in listed]

    def reset(self) -> None:
        """Sets the states that the model keeps between calls to zero."""
        self.model.reset_states()

    def compile(self, optimizer: Any, loss: Any, loss_weights: Any, arrays: list[Any]) -> Any:
        """Compiles the model; the optimizer with its state, as Keras 2 restores it.

        Args:
            optimizer, loss, loss_weights: of the file's training_config.
            arrays: of the optimizer, in the file's order.
        """
        name, config = optimizer["class_name"], _prepared(optimizer["config"], "float32")
        is_new = name.startswith("Custom>") or "is_legacy_optimizer" in config
        optimizers = self.keras.optimizers if is_new else self.keras.optimizers.legacy
        kind = getattr(optimizers, name.removeprefix("Custom>"))
        with self._floatx():
            made = kind.from_config(config)
            made_loss = _mapped(self.keras.losses.get, _prepared(loss, "float32"))
            self.model.compile(made, loss=made_loss, loss_weights=loss_weights)
            variables = self.model.trainable_variables
            made.build(variables) if is_new else made._create_all_weights(variables)
            if arrays:
                made.set_weights(arrays)
        return made

    def train(self, x: Any, y: Any) -> Any:
        """The loss of a step of training on a batch, before it."""
        with self._floatx():
            return self.model.train_on_batch(x, y)

    def options(self) -> dict[str, Mapping[str, Any]]:
        """The configuration of each layer by its name, as Keras 2 understood it."""
        return {layer.name: layer.get_config() for layer in self.model.layers}

    def _one_kernel(self) -> contextlib.AbstractContextManager[Any]:
        """Has an LSTM or GRU with the default activations run step by step.

        tf_keras traces these for cuDNN as well, wherever they are called, which takes most of the
        time of a small model; it does so by the identity of their tanh.
        """

        def tanh(x: Any) -> Any:
            return self.keras.activations.tanh(x)

        scope: contextlib.AbstractContextManager[Any]
        scope = self.keras.utils.custom_object_scope({"tanh": tanh})
        return scope

    @contextlib.contextmanager
    def _floatx(self) -> Iterator[None]:
        before = self.keras.backend.floatx()
        self.keras.backend.set_floatx(self.dtype)
        try:
            yield
        finally:
            self.keras.backend.set_floatx(before)


def is_installed() -> bool:
    """Whether tf_keras is there."""
    try:
        _tf_keras()
    except UserError:
        return False
    return True


def _tf_keras() -> Any:
    try:
        import tf_keras
    except ImportError:
        raise UserError(
            "a Keras 2 file is compared with what Keras 2 computes: pip install tf_keras"
        ) from None
    return tf_keras


def _class(config: Mapping[str, Any]) -> str:
    return "Sequential" if config["class_name"] == "Sequential" else "Model"


def _configuration(model: Mapping[str, Any], dtype: str) -> dict[str, Any]:
    """A model's configuration for tf_keras: no names of modules, one dtype, layers for a CPU."""
    config = copy.deepcopy(dict(model))
    if isinstance(config["config"], list):  # of Keras 2.1 and before
        config["config"] = {"name": "model", "layers": config["config"]}
    result: dict[str, Any] = _prepared(config, dtype)
    return result


def _mapped(function: Any, value: Any) -> Any:
    """A function of a loss, or of each of a list or dict of them."""
    if isinstance(value, list):
        return [_mapped(function, item) for item in value]
    if isinstance(value, dict) and "class_name" not in value:
        return {key: _mapped(function, item) for key, item in value.items()}
    return function(value)


def _prepared(value: Any, dtype: str) -> Any:
    if isinstance(value, list):
        return [_prepared(item, dtype) for item in value]
    if not isinstance(value, dict):
        return value
    result = {
        key: _prepared(item, dtype)
        for key, item in value.items()
        if key not in _WITHOUT and not key.endswith("_initializer")
    }
    if "dtype" in result and dtype != "float32" and "int" not in str(result["dtype"]):
        result["dtype"] = dtype
    name = result.get("class_name")
    if name in _LEGACY and isinstance(result.get("config"), dict):
        result["config"] = {**_LEGACY[name], **result["config"]}
    if name in _ON_CPU:
        result["class_name"] = _ON_CPU[name]
    return result
