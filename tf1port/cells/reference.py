"""Recurrent cells in plain NumPy, from the papers: the reference for the layers of both sides.

A cell is a function of TF1's variables by role (tf1port/cells/families.py), one step's inputs
[B, F] and a tuple of states; it returns the new states, of which the last one is the output. Calls
neither side.
Shapes: B batch, T steps, F features, U units, P outputs.
"""

from collections.abc import Callable

import numpy as np


def _selu(values):
    scale, alpha = 1.0507009873554805, 1.6732632423543772  # Klambauer et al. (2017)
    return scale * np.where(values > 0, values, alpha * np.expm1(np.minimum(values, 0)))


ACTIVATIONS: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "linear": lambda values: values,
    "tanh": np.tanh,
    "relu": lambda values: np.maximum(values, 0),
    "relu6": lambda values: np.clip(values, 0, 6),
    "sigmoid": lambda values: 1 / (1 + np.exp(-values)),
    "elu": lambda values: np.where(values > 0, values, np.expm1(np.minimum(values, 0))),
    "selu": _selu,
    "softsign": lambda values: values / (1 + np.abs(values)),
    "softplus": lambda values: np.logaddexp(values, 0),
    "leaky_relu": lambda values: np.where(values > 0, values, 0.2 * values),
}


def rnn(variables, x, states, *, activation=np.tanh):
    """Elman (Finding Structure in Time, 1990): h' = g([x; h] W + b)."""
    (h,) = states
    return (activation(_affine(variables, "", x, h)),)


def lstm(
    variables, x, states, *, forget_bias=0.0, activation=np.tanh, cell_clip=None, proj_clip=None
):
    """Hochreiter & Schmidhuber (1997), with forget gate and peepholes of Gers et al. (2000, 2002).

    The projection is Sak et al.'s (2014). States (c, h) as in TF1, h [B, P].
    """
    c, h = states
    i, j, f, o = np.split(_affine(variables, "", x, h), 4, axis=1)
    f = f + x.dtype.type(forget_bias) + _peephole(variables, "f", c)
    i = i + _peephole(variables, "i", c)
    c = _clip(_sigmoid(f) * c + _sigmoid(i) * activation(j), cell_clip)
    h = _sigmoid(o + _peephole(variables, "o", c)) * activation(c)
    if "projection/kernel" in variables:
        h = _clip(h @ variables["projection/kernel"], proj_clip)
    return c, h


def gru(variables, x, states, *, activation=np.tanh):
    """Cho et al. (2014), first version: the reset gate multiplies h before the candidate's W."""
    (h,) = states
    r, u = np.split(_sigmoid(_affine(variables, "gates/", x, h)), 2, axis=1)
    candidate = activation(_affine(variables, "candidate/", x, r * h))
    return (u * h + (1 - u) * candidate,)


def cudnn_gru(variables, x, states, *, activation=np.tanh):
    """The other version, cuDNN's: the reset gate multiplies h's product, its bias included."""
    (h,) = states
    r, u = np.split(_sigmoid(_affine(variables, "gates/", x, h)), 2, axis=1)
    input_term = _affine(variables, "candidate/input_projection/", x)
    hidden_term = _affine(variables, "candidate/hidden_projection/", h)
    return (u * h + (1 - u) * activation(input_term + r * hidden_term),)


def layer_norm_lstm(variables, x, states, *, forget_bias=0.0, activation=np.tanh):
    """Ba et al. (Layer Normalization, 2016), but with the new c normalized as the next state."""
    if "bias" in variables:
        return lstm(variables, x, states, forget_bias=forget_bias, activation=activation)
    c, h = states
    products = np.split(np.concatenate([x, h], axis=1) @ variables["kernel"], 4, axis=1)
    names = ("input", "transform", "forget", "output")
    i, j, f, o = (_normalized(variables, n, p) for n, p in zip(names, products, strict=True))
    f = f + x.dtype.type(forget_bias)
    c = _normalized(variables, "state", _sigmoid(f) * c + _sigmoid(i) * activation(j))
    return c, _sigmoid(o) * activation(c)


CELLS = {cell.__name__: cell for cell in (rnn, lstm, gru, cudnn_gru, layer_norm_lstm)}


def zero_states(family, variables, batch):
    """A cell's states before the first step: (c, h) of an LSTM, else (h,)."""
    if "lstm" in family:
        kernel = variables["kernel"]
        units = kernel.shape[1] // 4
        projection = variables.get("projection/kernel", np.empty((units, units)))
        return tuple(np.zeros((batch, size), kernel.dtype) for size in projection.shape)
    last = {"gru": "candidate/", "cudnn_gru": "candidate/hidden_projection/"}.get(family, "")
    bias = variables[last + "bias"]
    return (np.zeros((batch, len(bias)), bias.dtype),)


def unroll(family, variables, inputs, *, lengths=None, initial=None, **constants):
    """One cell over inputs [B, T, F], as dynamic_rnn does: (outputs [B, T, P], final states).

    Past an example's length outputs are zero and states stay. `initial` are zeros by default.
    """
    batch, steps = inputs.shape[:2]
    lengths = np.full(batch, steps) if lengths is None else np.asarray(lengths)
    states, outputs = initial or zero_states(family, variables, batch), []
    for step in range(steps):
        on = (step < lengths)[:, None]
        new = CELLS[family](variables, inputs[:, step], states, **constants)
        states = tuple(np.where(on, a, b) for a, b in zip(new, states, strict=True))
        outputs.append(np.where(on, new[-1], np.zeros_like(new[-1])))
    return np.stack(outputs, axis=1), states


def stack(family, layers, inputs, *, lengths=None, **constants):
    """Cells one above the other, as MultiRNNCell: (outputs of the last, final states per cell)."""
    states = []
    for variables in layers:
        inputs, state = unroll(family, variables, inputs, lengths=lengths, **constants)
        states.append(state)
    return inputs, states


def backwards(array, lengths=None):
    """[B, T, ...] with the first `lengths` steps of each example in reverse order."""
    lengths = [array.shape[1]] * len(array) if lengths is None else lengths
    result = array.copy()
    for row, length in enumerate(lengths):
        result[row, :length] = array[row, :length][::-1]
    return result


def _affine(variables, scope, *inputs):
    product = np.concatenate(inputs, axis=1) @ variables[scope + "kernel"]
    return product + variables[scope + "bias"]


def _peephole(variables, gate, c):
    weights = variables.get("w_%s_diag" % gate)
    return 0 if weights is None else weights * c


def _clip(values, limit):
    return values if limit is None else np.minimum(np.maximum(values, -limit), limit)


def _sigmoid(values):
    return 1 / (1 + np.exp(-values))


def _normalized(variables, name, values, epsilon=1e-12):
    centred = values - values.mean(axis=1, keepdims=True)
    scale = np.sqrt((centred**2).mean(axis=1, keepdims=True) + values.dtype.type(epsilon))
    return centred / scale * variables[name + "/gamma"] + variables[name + "/beta"]
