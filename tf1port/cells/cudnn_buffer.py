"""cuDNN's buffer of parameters, which CudnnLSTM, CudnnGRU and CudnnRNNTanh keep as one variable.

It is one vector: every matrix of every layer, then every bias. Layers come one after the other, of
each the forward direction, then the backward one; of each the matrices [U, F] that the inputs go
through, gate by gate, then the matrices [U, U] of the state. An LSTM's gates are i, f, c, o here, a
GRU's r, u, h. All gates have two biases. Where a TF1 Saver writes the parameters as variables of
cells it has the biases summed, but for a GRU's candidate.
"""

import numpy as np

# How often each family's arrays have U columns, for the inputs and again for the state.
_GATES = {"rnn": 1, "lstm": 4, "cudnn_gru": 3}
_LSTM = [0, 2, 1, 3]  # between i, f, c, o and TF1's i, j, f, o


def canonical_from_opaque(buffer, *, family, layers, features, units, bidirectional=False):
    """The buffer as TF1 variables of cells, as a Saver would have written them.

    Args:
        buffer: a vector, of linear input mode and without projection.
        family: "lstm", "cudnn_gru" or "rnn".

    Returns:
        Arrays by role by pair of layer and direction; the direction is None, or "fw" or "bw".

    Raises:
        ValueError: another family, or the buffer is not as long as these sizes make it.
    """
    if family not in _GATES:
        raise ValueError(f"cuDNN has no {family!r}: only {', '.join(_GATES)}")
    gates, directions = _GATES[family], ("fw", "bw") if bidirectional else (None,)
    cells = [(layer, direction) for layer in range(layers) for direction in directions]
    inputs = {cell: units * len(directions) if cell[0] else features for cell in cells}
    biases = len(cells) * 2 * gates * units
    length = sum(gates * units * (inputs[cell] + units) for cell in cells) + biases
    if np.shape(buffer) != (length,):
        raise ValueError(f"the buffer is {np.shape(buffer)}, not {(length,)} as the sizes make it")
    start, variables = 0, {}
    all_biases = np.reshape(buffer[length - biases :], (len(cells), 2, gates, units))
    for cell, cell_biases in zip(cells, all_biases, strict=True):
        matrices = []
        for width in (inputs[cell], units):
            end = start + gates * units * width
            matrices.append(np.reshape(buffer[start:end], (gates, units, width)))
            start = end
        variables[cell] = _canonical(family, np.concatenate(matrices, axis=2), cell_biases)
    return variables


def opaque_from_canonical(cells, *, family):
    """The inverse: the buffer of cells by layer and direction, each sum of biases in two halves.

    Raises:
        ValueError: the cells are not those of layers 0, 1, … in one or in both directions.
    """
    order = sorted(cells, key=lambda cell: (cell[0], cell[1] == "bw"))
    directions = {direction for _, direction in cells}
    layers = range(len(cells) // max(1, len(directions)))
    expected = {(layer, direction) for layer in layers for direction in directions}
    if set(cells) != expected or directions not in ({None}, {"fw", "bw"}):
        raise ValueError(f"{order} are not the cells of all layers in one or both directions")
    matrices, biases = [], []
    for cell in order:
        joint, bias = _cudnn(family, cells[cell])
        units = joint.shape[1]
        matrices += [joint[:, :, :-units].ravel(), joint[:, :, -units:].ravel()]
        biases.append(bias.ravel())
    return np.concatenate(matrices + biases)


def _canonical(family, matrices, biases):
    """matrices [gates, U, F + U] and biases [2, gates, U] of one cell as TF1 variables by role."""
    if family == "cudnn_gru":
        units = matrices.shape[1]
        candidate = matrices[2].T
        return {
            "gates/kernel": _columns(matrices[:2]),
            "gates/bias": (biases[0, :2] + biases[1, :2]).ravel(),
            "candidate/input_projection/kernel": candidate[:-units].copy(),
            "candidate/input_projection/bias": biases[0, 2].copy(),
            "candidate/hidden_projection/kernel": candidate[-units:].copy(),
            "candidate/hidden_projection/bias": biases[1, 2].copy(),
        }
    order = _LSTM if family == "lstm" else [0]
    return {"kernel": _columns(matrices[order]), "bias": (biases[0] + biases[1])[order].ravel()}


def _cudnn(family, arrays):
    """The inverse of _canonical."""
    if family != "cudnn_gru":
        order = _LSTM if family == "lstm" else [0]
        bias = arrays["bias"].reshape(len(order), -1)[order]
        return _gates(arrays["kernel"], len(order))[order], np.stack([bias / 2, bias / 2])
    scopes = ("candidate/input_projection/", "candidate/hidden_projection/")
    candidate = np.concatenate([arrays[scope + "kernel"] for scope in scopes])
    half = arrays["gates/bias"].reshape(2, -1) / 2
    biases = [np.concatenate((half, arrays[scope + "bias"][None])) for scope in scopes]
    return np.concatenate((_gates(arrays["gates/kernel"], 2), candidate.T[None])), np.stack(biases)


def _columns(matrices):
    """[gates, U, rows] as [rows, gates U]."""
    gates, units, rows = matrices.shape
    return matrices.transpose(2, 0, 1).reshape(rows, gates * units)


def _gates(kernel, count):
    """[rows, gates U] as [gates, U, rows]."""
    return kernel.reshape(len(kernel), count, -1).transpose(1, 2, 0)
