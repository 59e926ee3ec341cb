"""Where the mask of a tensor comes from in a network of Keras 2.

Keras 3 hands a mask on by itself only to a layer that is called on a single tensor: one that is
also given states needs it as an argument.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tf1port.conversion.keras2.network import Network, Node, Tensor
from tf1port.errors import UserError

# Layers whose output has the mask of their input; of recurrent ones, that of all steps.
_HANDED_ON = [
    "SimpleRNN",
    "LSTM",
    "GRU",
    "RNN",
    "Bidirectional",
    "TimeDistributed",
    "Dense",
    "Dropout",
    "SpatialDropout1D",
    "GaussianNoise",
    "GaussianDropout",
    "AlphaDropout",
    "Activation",
    "LeakyReLU",
    "ReLU",
    "ELU",
    "PReLU",
    "Softmax",
    "BatchNormalization",
    "LayerNormalization",
    "ActivityRegularization",
]
_RECURRENT = _HANDED_ON[:5]
_MERGES = ["Add", "Subtract", "Multiply", "Average", "Maximum", "Minimum", "Concatenate"]


def origin(network: Network, tensor: Tensor) -> Node | None:
    """The call of the Embedding or Masking that a tensor's mask comes from; None: it has none.

    Raises:
        UserError: it has a mask of several.
    """
    by_output = {(node.layer.name, node.number): node for node in network.nodes}
    node = by_output.get((tensor.layer, tensor.node))
    if node is None or tensor.index:
        return None
    name, config = node.layer.class_name, node.layer.config
    if name == "Masking" or (name == "Embedding" and config.get("mask_zero")):
        return node
    if name in _RECURRENT and not _returns_steps(config):
        return None
    if name in _HANDED_ON:
        return origin(network, node.tensors[0])
    if name in _MERGES:
        found = [origin(network, one) for one in node.tensors]
        if any(one is not found[0] for one in found):
            raise UserError(
                f"{node.layer.name} has inputs of different masks, and its output goes to a layer "
                "that is given states: convert does not know their mask"
            )
        return found[0]
    return None


def _returns_steps(config: Mapping[str, Any]) -> bool:
    """Whether a recurrent layer, or the one within a Bidirectional, gives the outputs of all."""
    inner = config.get("layer")
    own = inner["config"] if isinstance(inner, dict) else config
    return bool(own.get("return_sequences"))


def text(node: Node, tensor: str) -> str:
    """The mask that an Embedding or a Masking computes, as source, from the text of its input."""
    if node.layer.class_name == "Embedding":
        return f"ops.not_equal({tensor}, 0)"
    value = node.layer.config.get("mask_value", 0.0)
    return f"ops.any(ops.not_equal({tensor}, {value!r}), axis=-1)"
