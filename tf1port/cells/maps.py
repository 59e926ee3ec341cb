"""The weight maps of tf1port/cells/families.py, one pair of functions per family.

Every function takes arrays by role, which it does not change, and whether the map is linear, for
slots and gradients; it returns new arrays by the other side's roles. Shapes: F features, U units,
P outputs. The forget bias is not here: tf1port/cells/families.py adds it.
"""

import numpy as np

# rnn


def rnn_to_keras(tf1, *, features, linear):
    """Splits kernel [F + U, U]: the inputs' rows, then the state's."""
    weights = {**_split_rows(tf1["kernel"], features), "bias": tf1["bias"]}
    return {role: value.copy() for role, value in weights.items()}


def rnn_to_tf1(keras, *, features, linear):
    """The inverse of rnn_to_keras."""
    return {"kernel": _joined_rows(keras), "bias": keras["bias"].copy()}


def _split_rows(kernel, features):
    """Views of the rows: a kernel may be large, and is copied once, as its gates are reordered."""
    return {"kernel": kernel[:features], "recurrent_kernel": kernel[features:]}


def _joined_rows(keras):
    return np.concatenate((keras["kernel"], keras["recurrent_kernel"]))


# lstm

RENAMED = {
    "w_i_diag": "peephole_i",
    "w_f_diag": "peephole_f",
    "w_o_diag": "peephole_o",
    "projection/kernel": "projection",
}


def lstm_to_keras(tf1, *, features, linear):
    """Splits kernel [F + P, 4 U], reorders its gates and those of the bias, renames the rest."""
    gates = {**_split_rows(tf1["kernel"], features), "bias": tf1["bias"]}
    renamed = {new: tf1[old].copy() for old, new in RENAMED.items() if old in tf1}
    return {**{role: _f_and_j_exchanged(value) for role, value in gates.items()}, **renamed}


def lstm_to_tf1(keras, *, features, linear):
    """The inverse of lstm_to_keras."""
    gates = {"kernel": _joined_rows(keras), "bias": keras["bias"]}
    renamed = {old: keras[new].copy() for old, new in RENAMED.items() if new in keras}
    return {**{role: _f_and_j_exchanged(value) for role, value in gates.items()}, **renamed}


def _f_and_j_exchanged(array):
    """Gates i, j, f, o of the last axis as i, f, c, o, and vice versa."""
    first, second, third, fourth = np.split(array, 4, axis=-1)
    return np.concatenate((first, third, second, fourth), axis=-1)


# gru


def gru_to_keras(tf1, *, features, linear):
    """Concatenates gates [F + U, 2 U] and candidate [F + U, U], then splits their rows."""
    gates, candidate = (
        {**_split_rows(tf1[scope + "kernel"], features), "bias": tf1[scope + "bias"]}
        for scope in ("gates/", "candidate/")
    )
    return {role: _z_r_h(gates[role], candidate[role]) for role in gates}


def gru_to_tf1(keras, *, features, linear):
    """The inverse of gru_to_keras."""
    variables = {}
    for role, value in (("kernel", _joined_rows(keras)), ("bias", keras["bias"])):
        variables["gates/" + role], variables["candidate/" + role] = _gates_and_candidate(value)
    return variables


def _z_r_h(gates, candidate):
    r, u = np.split(gates, 2, axis=-1)
    return np.concatenate((u, r, candidate), axis=-1)


def _gates_and_candidate(array):
    z, r, h = np.split(array, 3, axis=-1)
    return np.concatenate((r, z), axis=-1), h.copy()


# cudnn_gru

INPUT, HIDDEN = "candidate/input_projection/", "candidate/hidden_projection/"


def cudnn_gru_to_keras(tf1, *, features, linear):
    """Keras has two biases per gate where TF1 has one, their sum (D18): it goes to the first.

    The gradient of either one is that of the sum, so slots and gradients are there twice.
    """
    candidate = np.concatenate((tf1[INPUT + "kernel"], tf1[HIDDEN + "kernel"]))
    gates = tf1["gates/bias"]
    second = gates if linear else np.zeros_like(gates)
    rows = _z_r_h(gates, tf1[INPUT + "bias"]), _z_r_h(second, tf1[HIDDEN + "bias"])
    kernel = _z_r_h(tf1["gates/kernel"], candidate)
    return {**_split_rows(kernel, features), "bias": np.stack(rows)}


def cudnn_gru_to_tf1(keras, *, features, linear):
    """The inverse of cudnn_gru_to_keras: two biases of weights are summed."""
    gates, candidate = _gates_and_candidate(_joined_rows(keras))
    (first, input_bias), (second, hidden_bias) = map(_gates_and_candidate, keras["bias"])
    return {
        "gates/kernel": gates,
        "gates/bias": first if linear else first + second,
        INPUT + "kernel": candidate[:features].copy(),
        INPUT + "bias": input_bias,
        HIDDEN + "kernel": candidate[features:].copy(),
        HIDDEN + "bias": hidden_bias,
    }


# layer_norm_lstm

_GATES = ("input", "forget", "transform", "output")  # in Keras' order
NORMS = frozenset(f"{gate}/{role}" for gate in (*_GATES, "state") for role in ("gamma", "beta"))


def layer_norm_to_keras(tf1, *, features, linear):
    """As an LSTM; the gains and shifts [U] of the gates are joined, [4 U]."""
    rows = _split_rows(tf1["kernel"], features)
    weights = {role: _f_and_j_exchanged(value) for role, value in rows.items()}
    if "bias" in tf1:
        return {**weights, "bias": _f_and_j_exchanged(tf1["bias"])}
    for role in ("gamma", "beta"):
        weights["gate_" + role] = np.concatenate([tf1[f"{gate}/{role}"] for gate in _GATES])
        weights["state_" + role] = tf1["state/" + role].copy()
    return weights


def layer_norm_to_tf1(keras, *, features, linear):
    """The inverse of layer_norm_to_keras."""
    variables = {"kernel": _f_and_j_exchanged(_joined_rows(keras))}
    if "bias" in keras:
        return {**variables, "bias": _f_and_j_exchanged(keras["bias"])}
    for role in ("gamma", "beta"):
        for gate, value in zip(_GATES, np.split(keras["gate_" + role], 4), strict=True):
            variables[f"{gate}/{role}"] = value.copy()
        variables["state/" + role] = keras["state_" + role].copy()
    return variables
