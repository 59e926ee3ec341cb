"""cuDNN's LSTM and GRU in NumPy, from the arrays of a Keras 2 file as they lie in memory.

By NVIDIA's cuDNN Developer Guide, cudnnRNNMode_t. A gate has a matrix W [U, F] for the input, R
[U, U] for the state and a bias for each. Shapes: B batch, T steps, F features, U units.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import keras
import numpy as np

from tf1port.numerics import comparison

_QUANTITY = "outputs"
_ROWS, _STEPS = 3, 7
Arrays = Sequence[tuple[str, np.ndarray]]


def checks(
    label: str, kind: str, layer: keras.Layer, arrays: Arrays, stream: np.random.Generator
) -> Iterator[comparison.Check]:
    """Compares a layer, or the two of a Bidirectional, in float64.

    Args:
        kind: CuDNNLSTM or CuDNNGRU. layer: of Keras 3, with its weights.
        arrays: kernel, recurrent kernel and bias, of both directions one after the other.
    """
    directions = [layer]
    if isinstance(layer, keras.layers.Bidirectional):
        directions = [layer.forward_layer, layer.backward_layer]
    run = {"CuDNNLSTM": lstm, "CuDNNGRU": gru}[kind]
    for number, one in enumerate(directions):
        weights = [value for _, value in arrays[3 * number : 3 * number + 3]]
        rows = one.input_spec[0].shape[0] if one.stateful and one.input_spec else None
        x = stream.normal(size=(rows or _ROWS, _STEPS, len(weights[0])))
        expected = run(weights, x[:, ::-1] if one.go_backwards else x)
        if not one.return_sequences:
            expected = expected[:, -1]
        actual = _output(one, x)
        label += ", cuDNN's equations" if not number else ""
        place = f"{label}/{one.name}" if len(directions) > 1 else label
        yield comparison.check(_QUANTITY, {place: expected}, {place: actual}, dtype="float64")


def lstm(weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Outputs [B, T, U] of x [B, T, F]; gates lie in the order i, f, c, o.

    The two biases of a gate are summed in the file's dtype: one rounding.
    """
    gates, units = _gates(weights, 4), len(weights[1])
    h = c = np.zeros((len(x), units))
    outputs = []
    for step in x.transpose(1, 0, 2):
        i, f, new, o = (step @ w.T + h @ r.T + (bw + br) for w, r, bw, br in gates)
        c = _sigmoid(f) * c + _sigmoid(i) * np.tanh(new)
        h = _sigmoid(o) * np.tanh(c)
        outputs.append(h)
    return np.stack(outputs, axis=1)


def gru(weights: Sequence[np.ndarray], x: np.ndarray) -> np.ndarray:
    """Outputs [B, T, U] of x [B, T, F]; gates lie in the order z, r, h."""
    (wz, rz, bz, cz), (wr, rr, br, cr), (wh, rh, bh, ch) = _gates(weights, 3)
    h = np.zeros((len(x), len(weights[1])))
    outputs = []
    for step in x.transpose(1, 0, 2):
        z = _sigmoid(step @ wz.T + bz + h @ rz.T + cz)
        r = _sigmoid(step @ wr.T + br + h @ rr.T + cr)
        h = (1 - z) * np.tanh(step @ wh.T + bh + r * (h @ rh.T + ch)) + z * h
        outputs.append(h)
    return np.stack(outputs, axis=1)


def _gates(weights: Sequence[np.ndarray], count: int) -> list[tuple[np.ndarray, ...]]:
    """W, R and the two biases of each gate, which Keras reshapes and does not transpose."""
    kernel, recurrent, bias = weights
    features, units = kernel.shape[0], recurrent.shape[0]
    result: list[tuple[np.ndarray, ...]] = []
    for gate in range(count):
        columns = slice(gate * units, (gate + 1) * units)
        w = kernel[:, columns].ravel().reshape(units, features)
        r = recurrent[:, columns].ravel().reshape(units, units)
        first = bias[columns]
        second = bias[(count + gate) * units : (count + gate + 1) * units]
        result.append((w, r, first, second))
    return result


def _output(layer: Any, x: np.ndarray) -> np.ndarray:
    if layer.stateful:
        layer.reset_states()
    outputs = layer(x)
    return np.array(outputs[0] if isinstance(outputs, (list, tuple)) else outputs)


def _sigmoid(values: np.ndarray) -> np.ndarray:
    result: np.ndarray = 1 / (1 + np.exp(-values))
    return result
