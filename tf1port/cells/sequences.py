"""Split off from tf1port/tf1/session/recurrent_part.py."""

import numpy as np


def reversed_sequence(sequence, lengths=None):
    """[B, T, …] with the first `lengths` steps of each row in reverse order, all by default."""
    result = sequence[:, ::-1].copy()
    for row, length in enumerate([] if lengths is None else lengths):
        result[row] = sequence[row]
        result[row, :length] = sequence[row, :length][::-1]
    return result


def with_residual(inputs, outputs, lengths=None):
    """The sum of sequences [B, T, U], zero past the `lengths`."""
    if lengths is None:
        return inputs + outputs
    on = (np.arange(inputs.shape[1]) < lengths[:, None])[:, :, None]
    return np.where(on, inputs + outputs, np.zeros_like(outputs))
