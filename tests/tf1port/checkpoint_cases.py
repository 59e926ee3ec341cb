"""Checkpoints of TF1's naming eras for the tests: names and shapes, and the cells they hold."""

from functools import partial

import numpy as np
import tensorflow as tf

F, U, P = 5, 4, 3

# Scopes and words of each era, as programs of the time wrote them into their checkpoints.
OLD = {"stack": "RNN/MultiRNNCell/Cell{}", "kernel": "Linear/Matrix", "bias": "Linear/Bias"}
OLD |= {"rnn": "BasicRNNCell", "lstm": "BasicLSTMCell", "gru": "GRUCell"}
OLD |= {"gates": "Gates", "candidate": "Candidate"}
MIDDLE = {"stack": "rnn/multi_rnn_cell/cell_{}", "kernel": "weights", "bias": "biases"}
MIDDLE |= {"rnn": "basic_rnn_cell", "lstm": "basic_lstm_cell", "gru": "gru_cell"}
MIDDLE |= {"gates": "gates", "candidate": "candidate"}
NEW = {**MIDDLE, "kernel": "kernel", "bias": "bias"}
ERAS = {"up to 1.0": OLD, "1.1": MIDDLE, "from 1.2": NEW}


def plain(scope, *, gates=4, features=F, units=U, era=NEW):
    """A kernel and a bias: of an LSTM, with gates=1 of an RNN."""
    return {
        "kernel": (f"{scope}/{era['kernel']}", (features + units, gates * units)),
        "bias": (f"{scope}/{era['bias']}", (gates * units,)),
    }


def gru(scope, *, features=F, units=U, era=NEW):
    parts = {"gates": 2, "candidate": 1}
    return {
        f"{part}/{role}": variable
        for part, gates in parts.items()
        for role, variable in _gate(f"{scope}/{era[part]}", gates, features, units, era).items()
    }


def _gate(scope, gates, features, units, era):
    kernel, bias = (f"{scope}/{era[role]}" for role in ("kernel", "bias"))
    return {"kernel": (kernel, (features + units, gates * units)), "bias": (bias, (gates * units,))}


def cudnn_gru(scope):
    cell = {role: value for role, value in gru(scope).items() if role.startswith("gates")}
    for part, rows in (("input_projection", F), ("hidden_projection", U)):
        cell[f"candidate/{part}/kernel"] = (f"{scope}/candidate/{part}/kernel", (rows, U))
        cell[f"candidate/{part}/bias"] = (f"{scope}/candidate/{part}/bias", (U,))
    return cell


def extended(scope, spelling=str):
    """LSTMCell with peepholes and a projection, of any era."""
    peepholes = {
        f"w_{gate}_diag": (f"{scope}/" + spelling(f"W_{gate.upper()}_diag"), (U,)) for gate in "ifo"
    }
    return {
        "kernel": (f"{scope}/kernel", (F + P, 4 * U)),
        "bias": (f"{scope}/bias", (4 * U,)),
        "projection/kernel": (f"{scope}/projection/kernel", (U, P)),
        **peepholes,
    }


def renamed(cell, **names):
    """The cell with other last words: role → word (`/` in a role is written `_`)."""
    scope = cell["kernel" if "kernel" in cell else "gates/kernel"][0].rsplit("/", 1)[0]
    scope = scope.removesuffix("/gates")
    words = {
        role: names.get(role.replace("/", "_"), name[len(scope) + 1 :])
        for role, (name, _) in cell.items()
    }
    return {role: (f"{scope}/{words[role]}", shape) for role, (_, shape) in cell.items()}


def layer_norm(scope):
    gates = ("input", "transform", "forget", "output", "state")
    norms = {
        f"{gate}/{part}": (f"{scope}/{gate}/{part}", (U,))
        for gate in gates
        for part in ("gamma", "beta")
    }
    return {"kernel": (f"{scope}/kernel", (F + U, 4 * U)), **norms}


def stacked(make, era, kind):
    """Two layers of a kind in an era's MultiRNNCell: (family, layer, direction, variables)."""
    scopes = [f"{era['stack'].format(layer)}/{era[kind]}" for layer in (0, 1)]
    sizes = [{"features": F}, {"features": U}]
    return [(kind, layer, None, make(scopes[layer], era=era, **sizes[layer])) for layer in (0, 1)]


def pair(family, make, pattern, *, layer=None):
    """A forward and a backward cell."""
    words = ("FW", "BW") if "{D}" in pattern else ("fw", "bw")
    scopes = [pattern.replace("{D}", word).replace("{d}", word) for word in words]
    return [
        (family, layer, way, make(scope)) for way, scope in zip(("fw", "bw"), scopes, strict=True)
    ]


def alone(family, cell, *, layer=None, direction=None):
    return [(family, layer, direction, cell)]


def nested():
    """Two stacks of two layers within a stack: positions 0 to 3."""
    scope = "stack_bidirectional_rnn/cell_{}/bidirectional_rnn/fw/multi_rnn_cell/cell_{}/lstm_cell"
    places = [(outer, inner) for outer in (0, 1) for inner in (0, 1)]
    return [
        ("lstm", layer, "fw", plain(scope.format(*place))) for layer, place in enumerate(places)
    ]


_CUDNN_BI = "cudnn_{0}/stack_bidirectional_rnn/cell_{1}/bidirectional_rnn/{{d}}/" + (
    "cudnn_compatible_{0}_cell"
)
_CUDNN = "cudnn_{0}/rnn/multi_rnn_cell/cell_0/cudnn_compatible_{0}_cell"
_IN_STACK = "rnn/multi_rnn_cell/cell_0"
_CUDNN_RNN = "cudnn_rnn_tanh/rnn/multi_rnn_cell/cell_0/basic_rnn_cell"
_STACKED_BI = "stack_bidirectional_rnn/cell_{}/bidirectional_rnn/{{d}}/gru_cell"
_FIRST_LSTM = dict(kernel="W_0", bias="B", projection_kernel="W_P_0")
_SECOND_LSTM = dict(kernel="weights", bias="biases", projection_kernel="projection/weights")
_GRU_BLOCK = dict(
    gates_kernel="w_ru", gates_bias="b_ru", candidate_kernel="w_c", candidate_bias="b_c"
)
_EXTENDED = extended("rnn/lstm_cell", str.lower)

# By case the cells in it: (family, layer, direction, {role: (name, shape)}).
CASES = {
    **{f"lstm, {name}": stacked(plain, era, "lstm") for name, era in ERAS.items()},
    **{f"gru, {name}": stacked(gru, era, "gru") for name, era in ERAS.items()},
    **{f"rnn, {name}": stacked(partial(plain, gates=1), era, "rnn") for name, era in ERAS.items()},
    "LSTMCell": alone("lstm", _EXTENDED),
    "LSTMCell, first era": alone("lstm", renamed(extended("RNN/LSTMCell"), **_FIRST_LSTM)),
    "LSTMCell, 1.1": alone("lstm", renamed(_EXTENDED, **_SECOND_LSTM)),
    "LSTMBlockCell, 1.1": alone("lstm", renamed(plain("rnn/lstm_cell"), kernel="W", bias="b")),
    "LSTMBlockFusedCell": alone("lstm", plain("lstm_fused_cell")),
    "GRUBlockCell": alone("gru", renamed(gru("rnn/gru_cell"), **_GRU_BLOCK)),
    "layer norm": alone("layer_norm_lstm", layer_norm("rnn/layer_norm_basic_lstm_cell")),
    "layer norm off": alone("layer_norm_lstm", plain("rnn/layer_norm_basic_lstm_cell")),
    "bidirectional": pair("lstm", plain, "bidirectional_rnn/{d}/lstm_cell"),
    "bidirectional, old": pair("lstm", partial(plain, era=OLD), "BiRNN/{D}/BasicLSTMCell"),
    "bidirectional, oldest": pair("gru", partial(gru, era=OLD), "BiRNN_{D}/GRUCell"),
    "stack of bidirectional": [
        *pair("gru", gru, _STACKED_BI.format(0), layer=0),
        *pair("gru", gru, _STACKED_BI.format(1), layer=1),
    ],
    "forward and backward": [
        *alone("lstm", plain("forward/my_lstm"), direction="fw"),
        *alone("lstm", plain("backward/my_lstm"), direction="bw"),
    ],
    "forward alone": alone("lstm", plain("forward/my_lstm")),
    "CudnnLSTM": alone("lstm", plain(_CUDNN.format("lstm")), layer=0),
    "CudnnLSTM, both ways": pair("lstm", plain, _CUDNN_BI.format("lstm", 1), layer=1),
    "CudnnGRU": alone("cudnn_gru", cudnn_gru(_CUDNN.format("gru")), layer=0),
    "CudnnGRU, both ways": pair("cudnn_gru", cudnn_gru, _CUDNN_BI.format("gru", 0), layer=0),
    "CudnnRNNTanh": alone("rnn", plain(_CUDNN_RNN, gates=1), layer=0),
    "opaque": alone("opaque", {"opaque_kernel": ("cudnn_lstm/opaque_kernel", (77,))}),
    "opaque, own name": alone("opaque", {"opaque_kernel": ("cudnn/params", (77,))}),
    "eleven layers": [
        ("lstm", layer, None, plain(f"rnn/multi_rnn_cell/cell_{layer}/lstm_cell"))
        for layer in range(11)
    ],
    "stacks in a stack": nested(),
    "custom lstm": alone("lstm", plain("encoder/my_lstm")),
    "custom lstm, wide inputs": alone("lstm", plain("char_lstm_2", features=40)),
    "custom scope around": alone("lstm", plain("lstm1/rnn/cell_3")),
    "custom gru": alone("gru", gru("tower/GRU_7")),
    "custom rnn": alone("rnn", plain("vanilla_rnn", gates=1, units=7)),
    "no scope in a stack": alone("gru", gru(_IN_STACK, features=3), layer=0),
    "custom in a stack": alone("gru", gru(_IN_STACK + "/mine"), layer=0),
}


def shapes(cells):
    return {name: shape for cell in cells for name, shape in cell[3].values()}


def arrays(shapes, *, dtype="float32"):
    stream = np.random.RandomState(0)
    return {name: np.asarray(stream.normal(size=shape), dtype) for name, shape in shapes.items()}


def save(prefix, values, *, version="V2"):
    """Writes arrays by name as a checkpoint of either format; returns the prefix as a string."""
    names, tensors = list(values), [tf.constant(value) for value in values.values()]
    if version == "V1":
        tf.raw_ops.Save(filename=str(prefix), tensor_names=names, data=tensors)
    else:
        blank = [""] * len(names)
        tf.raw_ops.SaveV2(
            prefix=str(prefix), tensor_names=names, shape_and_slices=blank, tensors=tensors
        )
    return str(prefix)
