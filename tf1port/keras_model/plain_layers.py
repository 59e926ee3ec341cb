"""Layers around the cells as calls of Keras: one table of all kinds of layers."""

import re
from collections import Counter

from tf1port.keras_model.expressions import Call


def _embedding(weights):
    ids, width = weights["embeddings"].shape
    return {"input_dim": ids, "output_dim": width}


def _dense(weights):
    return {"units": weights["kernel"].shape[1], "use_bias": "bias" in weights}


def _conv1d(weights):
    return {"filters": weights["kernel"].shape[-1], "use_bias": "bias" in weights}


def _nothing(weights):
    return {}


# By kind: Keras' class, its options by the shapes of the weights, its name.
KINDS = {
    "embedding": ("Embedding", _embedding, "embedding"),
    "dense": ("Dense", _dense, "hidden"),
    "conv1d": ("Conv1D", _conv1d, "convolution"),
    "activation": ("Activation", _nothing, "activation"),
    "batch_normalization": ("BatchNormalization", _nothing, "normalization"),
    "layer_normalization": ("LayerNormalization", _nothing, "normalization"),
}
CLASSES = {kind for kind, _, _ in KINDS.values()}
_DENSE = "hidden"


def layer_call(layer, weights, *, dtype, name):
    """The Call of a tf1port.tf1.graph.layer.Layer with arrays by Keras' role."""
    kind, options_of, _ = KINDS.get(layer.kind, (layer.kind, _nothing, None))
    explicit = {key: value for key, value in layer.options.items() if value is not None}
    options = {**options_of(weights), **explicit}
    return Call(f"keras.layers.{kind}", {**options, "dtype": dtype, "name": name})


def with_names(before, after):
    """The layers before and after the cells, each with a name of its own.

    The last dense layer before the cells is named "features", the last one after them "logits".
    """
    counts: Counter[str] = Counter()
    base_names = [*_base_names(before, "features"), *_base_names(after, "logits")]
    several = Counter(base_names)
    names = []
    for name in base_names:
        counts[name] += 1
        numbered = several[name] > 1 or name == _DENSE
        names.append(f"{name}_{counts[name]}" if numbered else name)
    pairs = list(zip([*before, *after], names, strict=True))
    return pairs[: len(before)], pairs[len(before) :]


def _base_names(layers, last):
    names = [_name(layer) for layer in layers]
    if _DENSE in names:
        names[len(names) - 1 - names[::-1].index(_DENSE)] = last
    return names


def _name(layer):
    """A map's layer has a name of its own, or one after its class."""
    if layer.kind in KINDS:
        return KINDS[layer.kind][2]
    return layer.name or re.sub("(?<=[a-z0-9])(?=[A-Z])", "_", layer.kind).lower()
