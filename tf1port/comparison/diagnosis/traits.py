"""The features of two sides, by which the catalogue selects the mistakes that they can have."""

import keras
import numpy as np

from tf1port.pitfalls.models import layers_and_cells
from tf1port.pitfalls.states import statistics

_ADAMS = {"Adam", "AdamW", "Adamax", "Nadam"}
_POOLS = ("MaxPooling", "AveragePooling")


def traits(evidence):
    """The keys of tf1port.pitfalls.catalogue.TRAITS that apply to either side."""
    weights, inputs = evidence.weights, evidence.images
    names = _of_weights(weights) | _of_families(evidence) | _of_optimizer(evidence)
    names |= {_kind(layer) for layer in _layers(evidence.live)} - {None}
    if isinstance(inputs, dict):
        masks = [name for name, value in inputs.items() if value.dtype.kind == "b"]
        names |= {"lengths"} if masks else set()
        names |= {"streams"} if len(inputs) - len(masks) > 1 else set()
    if not hasattr(evidence.legacy, "input_changes"):  # a model of equivalence
        names |= {"images"} | ({"lengths"} if "recurrent" in names else set())
    if np.asarray(evidence.labels).dtype.kind in "iu":
        names.add("classes")
    return names


def _of_weights(weights):
    """The traits that follow from the names and shapes of weights."""
    roles = {name: name.rpartition("/")[2] for name in weights}
    recurrent = [name for name, role in roles.items() if role == "recurrent_kernel"]
    kernels = {name: weights[name].ndim for name, role in roles.items() if role == "kernel"}
    own = [name.replace("recurrent_kernel", "kernel") for name in recurrent]
    dimensions = {size for name, size in kernels.items() if name not in own}
    return {
        trait
        for trait, there in {
            "recurrent": recurrent or "rnn/write/kernel" in weights,
            "layers": len(recurrent) > 1,
            "dense": 2 in dimensions,
            "convolution": dimensions & {3, 4, 5},
            "normalization": statistics(weights),
            "embedding": "embeddings" in roles.values(),
            "bias": any("bias" in role for role in roles.values()),
            "memory": "rnn/write/kernel" in weights,
        }.items()
        if there
    }


def _of_families(evidence):
    families = getattr(evidence.legacy, "families", None)
    if families is None:  # a model of equivalence
        return {"lstm"} if "lstm/kernel" in evidence.weights else set()
    kinds = {"lstm": "lstm", "layer_norm_lstm": "lstm", "gru": "gru", "cudnn_gru": "gru"}
    return {kinds[family] for family in families.values() if family in kinds}


def _of_optimizer(evidence):
    names = {"adam", "slots"} if evidence.config.optimizer == "adam" else set()
    if evidence.start.slots:
        names.add("slots")
    kind = getattr(evidence.live, "optimizer_kind", None)
    return names | ({"adam", "slots"} if kind in _ADAMS else {"slots"} if kind else set())


def _layers(side):
    model = getattr(side, "model", None)
    return layers_and_cells(model) if isinstance(model, keras.Model) else []


def _kind(layer):
    """The trait of a Keras layer; None where it has none."""
    if isinstance(layer, keras.layers.LSTM | keras.layers.LSTMCell):
        return "lstm"
    if isinstance(layer, keras.layers.GRU | keras.layers.GRUCell):
        return "gru"
    if isinstance(layer, keras.layers.Masking) or getattr(layer, "mask_zero", False):
        return "lengths"
    return "pooling" if type(layer).__name__.startswith(_POOLS) else None
