"""Converts a Keras 2 HDF5 file: FILE.keras, its source FILE.py, its map FILE.json."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import keras

from tf1port.conversion.keras2.hdf5 import Keras2File, read
from tf1port.conversion.keras2.layers import HARD_SIGMOID
from tf1port.conversion.keras2.network import Layer, Network, network
from tf1port.conversion.keras2.optimizer import Compiled, compiled
from tf1port.conversion.keras2.source import source
from tf1port.conversion.keras2.weights import Weight, assign, weights
from tf1port.errors import UserError
from tf1port.keras_model import program_build, sizes
from tf1port.keras_model.layer_weights import layers_of

_CUDNN = ("CuDNNLSTM", "CuDNNGRU")


@dataclass(frozen=True)
class Keras2Conversion:
    """A Keras 2 file with all that its Keras 3 model is made of.

    weights: of each layer by its name, in Keras 3's order. source: the Python file.
    notes: what else is to be known, a line each.
    left_out: what of the file is not in the model, a line each.
    """

    file: Keras2File
    network: Network
    weights: Mapping[str, Sequence[Weight]]
    compiled: Compiled | None
    source: str
    notes: list[str] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    @property
    def cudnn(self) -> list[Layer]:
        """The layers that are, or hold, one of cuDNN's."""
        return [layer for layer in self.network.layers if kind(layer) in _CUDNN]

    def model(self) -> keras.Model:
        """The model of the source, with the weights and the state of the optimizer.

        Raises:
            UserError: Keras does not build it, or the weights are not those of its layers.
        """
        # A state is no array of the file, and Keras makes it of a value at once.
        text = source(self.network, None, name="").replace("stateful=True", "stateful=False")
        with sizes.without_values():
            plain = self._built(text)
        self._check_size(plain)
        model = self._built(self.source)
        _check_steps(model, self.file.path)
        for layer, found in zip(self.network.layers, self._layers(model), strict=True):
            assign(found, self.weights[layer.name])
        if self.compiled is not None:
            self.compiled.restore(model, self.trainable(model))
        return model

    def _built(self, text: str) -> keras.Model:
        """The model of a source."""
        try:
            with without_mask_warnings():
                return program_build.load_source(text).build_model()
        except Exception as error:  # any layer of Keras may raise
            line = " ".join(str(error).split())[:200]
            raise UserError(
                f"Keras 3 does not build the model of {self.file.path} "
                f"({type(error).__name__}: {line})"
            ) from error

    def _check_size(self, model: keras.Model) -> None:
        """Raises UserError where the layers are larger than the arrays of the file."""
        own, read = (
            sizes.numbers(model),
            sum(weight.value.size for group in self.weights.values() for weight in group),
        )
        if own > read:
            raise UserError(
                f"the layers of {self.file.path} have weights of {own:.4g} numbers, its arrays "
                f"{read}: they are not of the same model"
            )
        sizes.check_outputs(model, self.file.path)

    def trainable(self, model: keras.Model) -> list[keras.Variable]:
        """The trainable variables in the order of the file's layers."""
        layers = self._layers(model)
        return [variable for layer in layers for variable in layer.trainable_variables]

    def _layers(self, model: keras.Model) -> list[keras.Layer]:
        names = [keras_name(layer) for layer in self.network.layers]
        return [*layers_of(model, names).values()]


@contextlib.contextmanager
def without_mask_warnings() -> Iterator[None]:
    """Without Keras 3's warnings of a mask that ends at a layer: it ends there in Keras 2 too."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", ".*was passed an input with a mask attached to it")
        yield


def read_conversion(path: str) -> Keras2Conversion:
    """Reads a file and plans its model. Raises UserError as `read` and `of_file`."""
    return of_file(read(path))


def of_file(file: Keras2File) -> Keras2Conversion:
    """Plans the model of a file. Raises UserError where Keras 3 has no counterpart of a part."""
    path = file.path
    try:
        found = network(file)
        converted = {
            layer.name: weights(layer.class_name, layer.config, file.weights.get(layer.name, []))
            for layer in found.layers
        }
        shapes = _trainable_shapes(found, converted)
        has_cudnn = any(kind(layer) in _CUDNN for layer in found.layers)
        embedded = any(layer.class_name == "Embedding" for layer in found.layers)
        training = compiled(file, shapes, cudnn=has_cudnn, embedded=embedded)
        text = source(found, training, name=os.path.basename(path))
    except UserError:
        raise
    except Exception as error:  # whatever a configuration of other types leads to
        line = " ".join(str(error).split())[:100] or type(error).__name__
        raise UserError(f"{path} has a model_config that is not known: {line}") from error
    left_out = list(training.notes) if training is not None else []
    return Keras2Conversion(file, found, converted, training, text, _notes(file, text), left_out)


def kind(layer: Layer) -> str:
    """The class of a layer, or of the one that a Bidirectional or TimeDistributed holds."""
    inner = layer.config.get("layer")
    return str(inner["class_name"]) if isinstance(inner, dict) else layer.class_name


def report(conversion: Keras2Conversion) -> dict[str, Any]:
    """The map, for JSON: where each array of the file went, and what was done to it."""
    file, found = conversion.file, conversion.network
    return {
        "checkpoint": os.path.basename(file.path),
        "keras_version": file.keras_version,
        "complete": not conversion.left_out,
        "left_out": conversion.left_out,
        "inputs": {one.name: {"shape": list(one.batch_shape)} for one in found.inputs},
        "outputs": [tensor.layer for tensor in found.outputs],
        "layers": [
            {"name": layer.name, "kind": layer.class_name, "call": layer.call.text}
            for layer in found.layers
        ],
        "variables": [
            {
                "variable": weight.name,
                "shape": list(weight.value.shape),
                "layer": layer.name,
                "role": weight.role,
                "operation": weight.operation,
            }
            for layer in found.layers
            for weight in conversion.weights[layer.name]
        ],
        "notes": conversion.notes,
    }


def diagram(conversion: Keras2Conversion) -> list[str]:
    """The layers with their arrays, as lines of text."""
    lines = []
    if conversion.left_out:
        lines = ["INCOMPLETE, the model does not have", *conversion.left_out, ""]
    for one in conversion.network.inputs:
        sizes = ", ".join("?" if size is None else str(size) for size in one.batch_shape)
        lines += [f"{one.name}: {one.dtype} [{sizes}]"]
    for node in conversion.network.nodes:
        layer = node.layer
        taken = ", ".join(dict.fromkeys(tensor.layer for tensor in node.tensors))
        lines += ["", f"{layer.name}: {layer.call.text.removeprefix('keras.layers.')}({taken})"]
        for weight in conversion.weights[layer.name] if node.number == 0 else ():
            operation = f", {weight.operation}" if weight.operation else ""
            lines += [f"  {weight.role:<18} {weight.name}{operation}"]
    training = conversion.compiled
    if training is not None and training.optimizer is not None:
        lines += ["", f"optimizer: {training.optimizer.text.removeprefix('keras.optimizers.')}"]
        lines += [f"  after {training.iterations} steps"]
    return [*lines, *(["", *conversion.notes] if conversion.notes else [])]


def keras_name(layer: Layer) -> str:
    """The name of a layer in Keras 3."""
    return str(layer.call.arguments["name"])


def _check_steps(model: keras.Model, path: str) -> None:
    """Refuses a TimeDistributed over any number of steps, which Keras 3.15 computes wrongly."""
    for layer in model.layers:
        if isinstance(layer, keras.layers.TimeDistributed) and layer.input.shape[1] is None:
            raise UserError(
                f"{path}: Keras 3's TimeDistributed ({layer.name}) needs a fixed number of steps: "
                "save the model with one in its input shape"
            )


def _trainable_shapes(
    found: Network, converted: Mapping[str, Sequence[Weight]]
) -> list[tuple[int, ...]]:
    """The shapes of the trainable variables in Keras 2's order."""
    return [
        weight.value.shape
        for layer in found.layers
        if layer.config.get("trainable", True)
        for weight in converted[layer.name]
        if not weight.role.startswith("moving_")
    ]


def _notes(file: Keras2File, text: str) -> list[str]:
    notes = []
    if f"def {HARD_SIGMOID}" in text:
        notes.append(
            f"{HARD_SIGMOID} is Keras 2's, of slope 0.2: import FILE.py before keras.models."
            "load_model"
        )
    if file.is_standalone:
        notes.append(f"the file is of Keras {file.keras_version}, which is none of TensorFlow's")
    return notes
