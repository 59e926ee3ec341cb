"""Runs a network in NumPy with TF1's variables, where its own graph cannot run here."""

import numpy as np

from tf1port.cells import reference as numpy_cells
from tf1port.cells.sequences import reversed_sequence, with_residual
from tf1port.tf1.session.recurrent_subgraph import Outputs

_LIMITS = {"cell_clip": "cell_clip", "projection_clip": "proj_clip"}


class NumpyRun:
    """A tf1port.tf1.graph.network.Network on the cells of tf1port.cells.reference.

    Args:
        variables: {name: array} of the network, of one dtype.
    """

    def __init__(self, network, variables):
        self.network, self.variables = network, variables

    def __call__(self, inputs, states, *, lengths=None, head=True):
        """As GraphRun; the rows of a head over all steps are in batch-major order."""
        sequences: list[np.ndarray] = []
        finals: list[tuple[np.ndarray, ...]] = []
        steps: list[list[tuple[np.ndarray, ...]]] = []
        for level in self.network.levels:
            tops = []
            for direction in level:
                sequence = (
                    reversed_sequence(inputs, lengths) if direction is level.backward else inputs
                )
                for layer in direction:
                    unrolled = self._unrolled(layer, sequence, states[len(finals)], lengths)
                    sequence = _with_residual(layer, sequence, unrolled[0], lengths)
                    finals.append(unrolled[1])
                    steps.append(unrolled[2])
                    outputs = reversed_sequence(sequence, lengths) if layer.backward else sequence
                    sequences.append(outputs)
                if direction:
                    tops.append(outputs)
            inputs = np.concatenate(tops, axis=-1)
        if (
            not head
            or any(_is_unsupported(layer) for layer in self.network.after)
            or not self.network.after
        ):
            return Outputs(sequences, finals, steps, None, None)
        states = [finals[index][0] for index in self.network.top]
        sequence = self._head_inputs(inputs, np.concatenate(states, axis=-1))
        return Outputs(sequences, finals, steps, self._head(sequence), sequence)

    def _unrolled(self, layer, inputs, initial, lengths):
        """Outputs [B, T, U], final states, and the states of every step, h before c."""
        variables = {role: self.variables[n] for role, n in layer.cell.variables.items()}
        states, outputs, steps = initial[::-1], [], []  # NumPy's cells have c before h
        for t in range(inputs.shape[1]):
            active = None if lengths is None else np.minimum(1, np.maximum(0, lengths - t))
            output, states = numpy_cells.unroll(
                layer.cell.family,
                variables,
                inputs[:, t : t + 1],
                lengths=active,
                initial=states,
                **_constants(layer),
            )
            outputs.append(output)
            steps.append(tuple(states[::-1]))
        return np.concatenate(outputs, axis=1), steps[-1], steps

    def _head_inputs(self, sequence, state):
        rows = sequence.reshape(-1, sequence.shape[-1])
        return {"steps": rows, "last": sequence[:, -1], "state": state}[self.network.takes]

    def _head(self, rows):
        for layer in self.network.after:
            weights = {role: self.variables[name] for role, name in layer.variables.items()}
            rows = _LAYERS[layer.kind](rows, weights, layer.options)
            activation = layer.options.get("activation", "linear")
            rows = numpy_cells.ACTIVATIONS[activation](rows)
        return rows


def _is_unsupported(layer):
    """Whether a layer works on whole sequences, or is of a kind that is not implemented here."""
    return layer.last_only or layer.kind not in _LAYERS


def _normalized(rows, weights, options, *, mean, variance):
    scaled = (rows - mean) / np.sqrt(variance + rows.dtype.type(options["epsilon"]))
    return scaled * weights.get("gamma", 1) + weights.get("beta", 0)


def _by_moments(rows, weights, options):
    moments = rows.mean(axis=-1, keepdims=True), rows.var(axis=-1, keepdims=True)
    return _normalized(rows, weights, options, mean=moments[0], variance=moments[1])


def _by_averages(rows, weights, options):
    moments = weights["moving_mean"], weights["moving_variance"]
    return _normalized(rows, weights, options, mean=moments[0], variance=moments[1])


_LAYERS = {
    "dense": lambda rows, weights, options: rows @ weights["kernel"] + weights.get("bias", 0),
    "activation": lambda rows, weights, options: rows,
    "batch_normalization": _by_averages,
    "layer_normalization": _by_moments,
}


def _with_residual(layer, inputs, outputs, lengths):
    return with_residual(inputs, outputs, lengths) if layer.residual else outputs


def _constants(layer):
    """The keyword arguments of a NumPy cell."""
    constants = layer.constants
    arguments = {"activation": numpy_cells.ACTIVATIONS[constants.activation]}
    if constants.forget_bias is not None:
        arguments["forget_bias"] = constants.forget_bias
    for name, keyword in _LIMITS.items():
        if getattr(constants, name) is not None:
            arguments[keyword] = getattr(constants, name)
    return arguments
