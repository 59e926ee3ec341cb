"""L2 penalties of a graph's loss as regularizers of Keras' layers."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tf1port.keras_model.blueprint import Spec
from tf1port.keras_model.expressions import Call

# The options that a layer of Keras has for its weights by role.
_OPTIONS = {
    "kernel": "kernel_regularizer",
    "bias": "bias_regularizer",
    "embeddings": "embeddings_regularizer",
    "gamma": "gamma_regularizer",
    "beta": "beta_regularizer",
}
_PLAIN = {"Dense", "Embedding", "Conv1D", "Conv2D", "BatchNormalization", "LayerNormalization"}
_RECURRENT = {"SimpleRNN", "LSTM", "GRU"}


def add_penalties(specs: Sequence[Spec], factors: Mapping[str, float]) -> set[str]:
    """Adds regularizers to the calls of layers, in place: a layer may be called at many places.

    Args:
        factors: of a variable's sum of squares, by its name.

    Returns: the variables whose penalty the layers have.
    """
    added: set[str] = set()
    for spec in specs:
        own = {role: factors.get(name, 0.0) for role, name in spec.sources.items()}
        options = _recurrent(spec, own) if spec.cells else _plain(spec, own)
        carried = {name for role, name in spec.sources.items() if own[role] and _has(role, options)}
        if carried:
            call = spec.call.arguments.get("layer", spec.call)
            _extend(call if isinstance(call, Call) else spec.call, options)
            added |= carried
    return added


def _has(role: str, options: Mapping[str, Any]) -> bool:
    """Whether options have a penalty for a TF1 role."""
    leaf = role.rpartition("/")[2]
    kind = next((name for name in _OPTIONS if leaf.endswith(name)), "")
    return _OPTIONS.get(kind) in options


def _plain(spec: Spec, factors: Mapping[str, float]) -> dict[str, Any]:
    if spec.kind not in _PLAIN:
        return {}
    known = {role: factor for role, factor in factors.items() if factor and role in _OPTIONS}
    return {_OPTIONS[role]: _l2(factor) for role, factor in known.items()}


def _recurrent(spec: Spec, factors: Mapping[str, float]) -> dict[str, Any]:
    """Of kernels that all have one factor: TF1 has what Keras splits, or splits what it has."""
    inner = spec.call.arguments.get("layer", spec.call)
    if not isinstance(inner, Call) or inner.function.rpartition(".")[2] not in _RECURRENT:
        return {}
    kernels = {factor for role, factor in factors.items() if role.endswith("kernel")}
    biases = {factor for role, factor in factors.items() if role.endswith("bias")}
    options = {}
    if len(kernels) == 1 and (factor := kernels.pop()):
        options = {"kernel_regularizer": _l2(factor), "recurrent_regularizer": _l2(factor)}
    # Keras' bias holds the forget bias as well, and one of reset_after is two.
    same = all(cell.forget_bias == 0 and cell.family != "cudnn_gru" for cell in spec.cells)
    if same and len(biases) == 1 and (factor := biases.pop()):
        options["bias_regularizer"] = _l2(factor)
    return options


def _extend(call: Call, options: Mapping[str, Any]) -> None:
    """Adds options to a call before its dtype and name."""
    own = call.arguments
    last: dict[str, Any] = {n: own.pop(n) for n in ("dtype", "name") if n in own}
    own.update(options)
    own.update(last)


def _l2(factor: float) -> Call:
    short = float(str(np.float32(factor)))
    exact = np.float32(factor) == factor
    return Call("keras.regularizers.L2", {"l2": short if exact else factor})
