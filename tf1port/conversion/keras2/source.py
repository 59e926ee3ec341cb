"""A network of Keras 2 as Python source that builds the same model in Keras 3."""

from __future__ import annotations

import zlib
from collections import Counter
from typing import Any

from tf1port.conversion.keras2 import masks
from tf1port.conversion.keras2.layers import HARD_SIGMOID
from tf1port.conversion.keras2.network import Layer, Network, Node, Tensor
from tf1port.conversion.keras2.optimizer import Compiled
from tf1port.errors import UserError
from tf1port.keras_model import naming
from tf1port.keras_model.expressions import docstring

_HARD_SIGMOID = f'''
@keras.saving.register_keras_serializable("PACKAGE")
def {HARD_SIGMOID}(x):
    """Keras 2's: of slope 0.2, where Keras 3's has 1 / 6."""
    return ops.clip(0.2 * x + 0.5, 0.0, 1.0)
'''
_KEYWORDS = ("initial_state", "mask", "training")
_RECURRENT = ("SimpleRNN", "LSTM", "GRU", "RNN", "Bidirectional", "CuDNNLSTM", "CuDNNGRU")


def source(network: Network, compiled: Compiled | None, *, name: str) -> str:
    """The file's text, with a function `build_model`.

    Args:
        compiled: the arguments of model.compile; None: the model was not compiled.
        name: of the HDF5 file.

    Raises:
        UserError: a layer is called in a way that is not known.
    """
    lines = _Writer(network).lines(compiled)
    head = [docstring(f"The Keras model of the Keras 2 file {naming.plain(name)}."), ""]
    head += ["import keras"]
    custom = any(f"={HARD_SIGMOID}" in line for line in lines)
    if custom or any(" = ops." in line for line in lines):
        head += ["from keras import ops"]
    if custom:
        head += ["", _HARD_SIGMOID.rstrip("\n")]
    text = "\n".join([*head, "", "", *lines, ""])
    package = f"{naming.identifier(name)}_{zlib.crc32(text.encode()):08x}"
    return text.replace('"PACKAGE"', f'"{package}"')


class _Writer:
    """The lines of `build_model`; each tensor has a name of its own."""

    def __init__(self, network: Network) -> None:
        self.network = network
        self.names = naming.Names()
        self.tensors: dict[tuple[str, int], str] = {}
        self.shared: dict[str, str] = {}
        self.masks: dict[tuple[str, int], str] = {}
        self.calls = Counter(node.layer.name for node in network.nodes)

    def lines(self, compiled: Compiled | None) -> list[str]:
        lines = ["def build_model():", ""]
        for one in self.network.inputs:
            name = self.tensors[one.name, 0] = self.names.new(naming.identifier(one.name))
            fixed = one.batch_shape[0] is not None
            shape = f"batch_shape={one.batch_shape}" if fixed else f"{one.batch_shape[1:]}"
            label = f'dtype="{one.dtype}", name="{name}"'
            lines += [f"    {name} = keras.Input({shape}, {label})"]
        for node in self.network.nodes:
            lines += self._node(node)
        inputs = [self.tensors[one.name, 0] for one in self.network.inputs]
        outputs = [self._tensor(tensor) for tensor in self.network.outputs]
        about = f"From {', '.join(inputs)} to {', '.join(outputs)}."
        lines[1] = f"    {docstring(about)}"
        lines += [f'    model = keras.Model({_group(inputs)}, {_group(outputs)}, name="model")']
        if compiled is not None and compiled.optimizer is not None:
            lines += ["    model.compile(", *compiled.lines(indent=8), "    )"]
        return [*lines, "    return model"]

    def _node(self, node: Node) -> list[str]:
        before: list[str] = []
        layer, arguments = node.layer, self._arguments(node, before)
        base = naming.identifier(layer.name)
        if self.calls[layer.name] > 1 and layer.name not in self.shared:
            variable = self.shared[layer.name] = self.names.new(f"{base}_layer")
            before += layer.call.lines(indent=4, before=f"{variable} = ")
        name = self.tensors[layer.name, node.number] = self.names.new(base)
        target = f"{name}, *{name}_states = " if has_several_outputs(layer) else f"{name} = "
        if layer.name not in self.shared:
            return [*before, *layer.call.lines(indent=4, before=target, after=f"({arguments})")]
        return [*before, f"    {target}{self.shared[layer.name]}({arguments})"]

    def _mask(self, node: Node, before: list[str]) -> str | None:
        """The mask of a recurrent layer's sequence, computed where it is needed first."""
        source_node = masks.origin(self.network, node.tensors[0])
        if source_node is None:
            return None
        key = source_node.layer.name, source_node.number
        if key not in self.masks:
            base = f"mask_of_{naming.identifier(source_node.layer.name)}"
            name = self.masks[key] = self.names.new(base)
            text = masks.text(source_node, self._tensor(source_node.tensors[0]))
            before.append(f"    {name} = {text}")
        return self.masks[key]

    def _arguments(self, node: Node, before: list[str]) -> str:
        layer = node.layer
        unknown = sorted(node.keywords.keys() - {*_KEYWORDS})
        if unknown:
            raise UserError(f"{layer.name} is called with {unknown[0]}, which is not known")
        tensors = [self._tensor(tensor) for tensor in node.tensors]
        keywords = {key: self._text(value) for key, value in node.keywords.items()}
        if layer.class_name in _RECURRENT and len(tensors) > 1:
            tensors, keywords["initial_state"] = tensors[:1], f"[{', '.join(tensors[1:])}]"
        mask = self._mask(node, before) if "initial_state" in keywords else None
        keywords |= {"mask": mask} if mask else {}
        words = [f"{key}={text}" for key, text in keywords.items()]
        return ", ".join([_group(tensors), *words])

    def _text(self, value: Any) -> str:
        if isinstance(value, list):
            return f"[{', '.join(map(self._text, value))}]"
        return self._tensor(value) if isinstance(value, Tensor) else repr(value)

    def _tensor(self, tensor: Tensor) -> str:
        name = self.tensors.get((tensor.layer, tensor.node))
        if name is None:
            raise UserError(f"the model takes an output of {tensor.layer}, which it does not have")
        return f"{name}_states[{tensor.index - 1}]" if tensor.index else name


def has_several_outputs(layer: Layer) -> bool:
    """Whether a layer gives states, or two directions, beside its output."""
    config = layer.config
    inner = config.get("layer")
    nested = inner.get("config", {}) if isinstance(inner, dict) else {}
    both = layer.class_name == "Bidirectional" and config.get("merge_mode") is None
    return bool(config.get("return_state") or nested.get("return_state") or both)


def _group(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"[{', '.join(names)}]"
