"""Whether a GPU runs a recurrent layer on cuDNN or in a loop over the steps, and why.

Keras decides at each call and reports nothing (D14). The decision is repeated here from the
layers' settings, so it needs no GPU. The conditions are those of Keras 3.15 on TensorFlow 2.21;
they hold for float16, bfloat16, float32 and float64 alike, stateful or not, forwards or backwards,
with or without input dropout.
"""

import json
import zipfile
from concurrent import futures
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from modern_tf2 import training
from modern_tf2.row_lstm import FusedLSTM
from shared.errors import UserError
from shared.tables import table

_LONGEST = 100_000_000  # bytes of a model's configuration

# Keras compares functions by identity: another tanh of the same values does not count.
_TANH = (keras.activations.tanh, keras.ops.tanh, tf.tanh)
_SIGMOID = (keras.activations.sigmoid, keras.ops.sigmoid, tf.sigmoid)

# The conditions that keep an LSTM or GRU from cuDNN, by argument: a test of the layer and its cell,
# and the reason as text.
_CONDITIONS = {
    "activation": (
        lambda layer, cell: cell.activation not in _TANH,
        "activation is {activation}, not Keras' tanh",
    ),
    "recurrent_activation": (
        lambda layer, cell: cell.recurrent_activation not in _SIGMOID,
        "recurrent_activation is {recurrent_activation}, not Keras' sigmoid",
    ),
    "recurrent_dropout": (
        lambda layer, cell: cell.recurrent_dropout > 0,
        "recurrent_dropout is {recurrent_dropout:g}, not 0 (also when not training)",
    ),
    "unroll": (lambda layer, cell: layer.unroll, "unroll is True"),
    "use_bias": (lambda layer, cell: not cell.use_bias, "use_bias is False"),
    "reset_after": (
        lambda layer, cell: not getattr(cell, "reset_after", True),  # a GRU's only
        "reset_after is False",
    ),
    "use_cudnn": (
        lambda layer, cell: not getattr(layer, "use_cudnn", "auto"),
        "use_cudnn is False",
    ),
}


class Decision(NamedTuple):
    """How a GPU would run one recurrent layer."""

    layer: str  # its path through the models and wrappers around it: "encoder/lstm"
    kind: str  # "LSTM", "RNN(LSTMCell)", ...
    cudnn: bool  # whether a GPU would run it on cuDNN
    reasons: list[str]  # every reason against it; empty where cudnn is True
    notes: list[str]  # further consequences for the model


def decisions(model, *, mask=None, jit_compile=None):
    """Whether a GPU would run each recurrent layer of a model on cuDNN, and if not, every reason.

    Includes nested models, wrappers and layers within layers. A model loaded from a `.keras`
    file may decide otherwise than the one saved: Keras does not write `use_cudnn` to it.

    XLA is no reason. It has no kernel for cuDNN's op, so Keras turns `jit_compile` off for a model
    with such a layer. In a `tf.function(jit_compile=True)` of one's own, though, a GPU would raise.

    Args:
        model: a Keras model or layer.
        mask: bool [B, T], the one that reaches the layers; None: none, or a right-padded one.
        jit_compile: the argument of `compile`, for the notes; None: no note on it.

    Returns:
        A list of Decision, one per layer, in the order of the model.

    Raises:
        UserError: the mask is not of two dimensions.
    """
    faults = [] if mask is None else _mask_faults(np.asarray(mask, bool))
    return [
        _decision(path, layer, faults=faults, jit_compile=jit_compile)
        for path, layer in _recurrent_layers(model, "", set())
    ]


def report(config, *, path=None):
    """The decisions for the model of a config, or of a `.keras` file, as a table in lines of text.

    Raises:
        UserError: the file cannot be loaded.
    """
    model = _load(path) if path else training.MODELS[config.model].build_model(config)
    decided = decisions(model, jit_compile="auto")
    rows = [("layer", "kind", "cuDNN", "reasons")]
    for layer, kind, cudnn, reasons, notes in decided:
        first, *rest = [*reasons, *(f"note: {note}" for note in notes)] or ["-"]
        rows.append((layer, kind, "yes" if cudnn else "no", first))
        rows += [("", "", "", reason) for reason in rest]
    lines = table(rows, "<<<<") if decided else ["no recurrent layer"]
    return [*lines, "This needs no GPU: it follows from the layers. Nothing was run on a GPU."]


def _decision(path, layer, *, faults, jit_compile):
    if not isinstance(layer, keras.layers.LSTM | keras.layers.GRU):
        return Decision(path, _kind(layer), False, list(_other_reasons(layer)), [])
    against = _against(layer, layer.cell)
    reasons = [*against.values(), *faults]
    notes = []
    if jit_compile and against.keys() <= {"recurrent_dropout"}:  # Keras forgets that condition here
        notes.append(f"jit_compile={jit_compile!r} becomes False for the model: XLA has no cuDNN")
    if layer.use_cudnn is True:
        notes.append(f"use_cudnn=True: a call raises{'' if against else ' without a GPU'}")
    return Decision(path, _kind(layer), not reasons, reasons, notes)


def _other_reasons(layer):
    """Why a layer that is neither LSTM nor GRU does not run on cuDNN."""
    if isinstance(layer, FusedLSTM):
        yield "FusedLSTM runs TensorFlow's BlockLSTMV2 op"
    elif type(layer) is not keras.layers.RNN:
        yield f"Keras has no cuDNN path for {type(layer).__name__}"
    else:
        yield "RNN steps through its cell: only the layers LSTM and GRU ask for cuDNN"
        # With these the layer would not run on cuDNN either.
        if isinstance(layer.cell, keras.layers.LSTMCell | keras.layers.GRUCell):
            yield from _against(layer, layer.cell).values()


def _against(layer, cell):
    """The conditions that a layer fails: reasons by argument."""
    failed = {name: text for name, (fails, text) in _CONDITIONS.items() if fails(layer, cell)}
    values = {
        "activation": _name(cell.activation),
        "recurrent_activation": _name(cell.recurrent_activation),
        "recurrent_dropout": cell.recurrent_dropout,
    }
    return {name: text.format(**values) for name, text in failed.items()}


def _mask_faults(mask):
    """The rows of a mask [B, T] that cuDNN does not accept; Keras' decision ignores them."""
    if mask.ndim != 2:
        raise UserError(f"the mask has the shape {mask.shape}: give one row of steps per example")
    wrong = {
        "not right-padded": (mask[:, 1:] & ~mask[:, :-1]).any(axis=1),  # a step after a padded one
        "empty": ~mask.any(axis=1),
    }
    return [
        f"mask row {rows.argmax()}{_more(rows.sum() - 1)} is {fault}: on cuDNN, "
        "a GPU would raise in a tf.function such as fit's"
        for fault, rows in wrong.items()
        if rows.any()
    ]


def _recurrent_layers(layer, path, seen):
    """Pairs of path and layer, each layer once; cells are no layers here."""
    if id(layer) in seen:
        return
    seen.add(id(layer))
    if isinstance(layer, keras.layers.RNN | FusedLSTM):
        yield path or layer.name, layer
        return
    for child in _children(layer):
        yield from _recurrent_layers(child, f"{path}/{child.name}".lstrip("/"), seen)


def _children(layer):
    """The layers within a model, a wrapper or any other layer."""
    if isinstance(layer, keras.Model):
        return layer.layers
    values = [v for v in vars(layer).values() if isinstance(v, keras.Layer | list | tuple | dict)]
    return [value for value in keras.tree.flatten(values) if isinstance(value, keras.Layer)]


def _load(path):
    """The model of a `.keras` file, by its configuration alone: its variables have no values."""
    try:
        with zipfile.ZipFile(path) as archive:
            if archive.getinfo("config.json").file_size > _LONGEST:
                raise ValueError("it is no configuration of a model")
            config = json.loads(archive.read("config.json"))
        config.pop("compile_config", None)
        # Keras gives them values after the next model of this thread.
        with futures.ThreadPoolExecutor(1) as thread:
            return thread.submit(_without_values, config).result()
    except Exception:  # Keras and what it reads with raise nearly anything at a damaged file
        raise UserError(
            f"{path} cannot be loaded: give an intact .keras file without custom layers"
        ) from None


def _without_values(config):
    with keras.StatelessScope(initialize_variables=False):
        return keras.saving.deserialize_keras_object(config)


def _kind(layer):
    kind = type(layer).__name__
    return f"RNN({type(layer.cell).__name__})" if type(layer) is keras.layers.RNN else kind


def _name(function):
    return getattr(function, "__name__", type(function).__name__)


def _more(count):
    return f" (and {count} more)" if count else ""
