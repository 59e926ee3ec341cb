"""Holds a converted Keras model against the checkpoint's own graph.

A trained cell may be chaotic: a rounding grows a millionfold over a hundred steps, and two right
computations part. So whole sequences are compared in float64, the graph's float32 made wider; and
in the checkpoint's own dtype step by step, each from the states that the graph itself was in.
"""

import functools
import os
from typing import NamedTuple

import keras
import numpy as np

from porting import ladder
from porting.cells import FAMILIES
from porting.convert import read
from porting.graph_run import GraphRun, static_sizes
from porting.probing import order
from porting.sides import floatx
from shared.errors import UserError

BATCHES, STEPS = (3, 1, 8), (5, 1, 12)  # where the graph leaves them open


class Case(NamedTuple):
    """Random inputs [B, T, F] of the first cell, initial states, lengths [B] or None."""

    inputs: np.ndarray
    states: list[tuple[np.ndarray, ...]]
    lengths: np.ndarray | None

    def cast(self, dtype):
        """The same case in another dtype."""
        states = [tuple(value.astype(dtype) for value in state) for state in self.states]
        return Case(self.inputs.astype(dtype), states, self.lengths)


def verify(path, keras_file, *, trust=False, seed=0):
    """Yields a porting.ladder.Rung per compared quantity and case.

    Args:
        path: the TF1 checkpoint, with its `.meta`.
        keras_file: what porting.convert made of it.
        trust: as for porting.convert.read.
        seed: of the random inputs.

    Raises:
        UserError: either is missing or damaged, the graph does not run here, or the model has not
            the layers of this checkpoint.
    """
    conversion = read(path, trust=trust)
    if conversion.graph is None:
        raise UserError(f"{path} has no .meta beside it: there is no graph to verify against")
    blueprint = conversion.blueprint
    weights = load(keras_file, blueprint)
    expected = {spec.name: spec.weights for spec in blueprint.specs}
    yield ladder.rung("weights", _flat(expected), _flat(weights), dtype=blueprint.dtype)

    wide = {name: _cast(arrays, "float64") for name, arrays in weights.items()}
    held = {name: conversion.checkpoint.read(name) for name in conversion.network.variables}
    # The graph takes the variables as the model has them, with its rounding of the forget bias.
    back = to_variables(wide, conversion)
    sides = _relative(held, held), _relative(back, held)
    yield ladder.rung("weights with forget bias", *sides, dtype=blueprint.dtype)
    whole = _Pair(conversion, wide, back, dtype="float64")
    steps = _Pair(conversion, weights, held, dtype=blueprint.dtype)
    stream = np.random.default_rng(seed)
    for sizes in _sizes(conversion):
        case = _case(conversion, stream, *sizes)
        with floatx("float64"):
            yield from _whole(whole, case)
        if blueprint.dtype == "float32":
            yield from _stepwise(steps, case.cast("float32"))


class _Pair:
    """The graph and Keras' layers, both in one dtype, and what both were made from."""

    def __init__(self, conversion, weights, variables, *, dtype):
        self.blueprint, self.weights = conversion.blueprint, weights
        self.graph, self.network = conversion.graph, conversion.network
        widened = dtype != self.blueprint.dtype
        self.run = GraphRun(conversion.graph, self.network, variables, widened=widened)
        with floatx(dtype):
            self.layers = _layers(self.blueprint, weights, dtype=dtype)


def load(path, blueprint):
    """The weights {layer: {role: array}} of a `.keras` file that has the layers of a Blueprint.

    Raises:
        UserError: it has not, or it cannot be read.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no {path}: make it with python -m porting convert")
    try:
        model = keras.models.load_model(path)
        found = {spec.name: _weights(model.get_layer(spec.name)) for spec in blueprint.specs}
    except (ValueError, OSError, KeyError, TypeError) as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(f"{path} is damaged or not of this checkpoint: {line}") from None
    for spec in blueprint.specs:
        expected = {role: value.shape for role, value in spec.weights.items()}
        if expected != {role: value.shape for role, value in found[spec.name].items()}:
            raise UserError(f"{path} is not of this checkpoint: {spec.name} has other weights")
    return found


def to_variables(weights, conversion):
    """TF1's variables of a model's weights, the way back, in the dtype of the weights."""
    variables = {}
    biases = {
        layer.cell.scope: layer.constants.forget_bias for layer in conversion.network.recurrent
    }
    scopes = [layer.cell.scope for layer in conversion.network.recurrent]
    for spec in conversion.blueprint.specs:
        arrays = weights[spec.name]
        if spec.family is not None:
            bias = biases[scopes.pop(0)] or 0.0
            arrays = FAMILIES[spec.family].to_tf1(arrays, forget_bias=bias)
        variables.update({name: arrays[role] for role, name in spec.sources.items()})
    return variables


def _whole(pair, case):
    """Whole sequences in float64: every layer's outputs and final states, then the logits."""
    expected = pair.run(case.inputs, case.states, lengths=case.lengths)
    sequences, states = _forward(pair, case)
    where = f"{case.inputs.shape[0]} rows, {case.inputs.shape[1]} steps"
    rung = functools.partial(_rung, dtype="float64", where=where)
    for index, spec in enumerate(pair.blueprint.recurrent):
        if expected.sequences[index] is not None:
            yield rung(
                "cell outputs of a sequence", spec.name, expected.sequences[index], sequences[index]
            )
        for part, one, other in zip("hc", expected.states[index], states[index], strict=False):
            yield rung("cell states of a sequence", f"{spec.name}/{part}", one, other)
    if expected.head is not None:
        logits = _logits(pair, expected, sequences, states)
        head = expected.head.reshape(-1, expected.head.shape[-1])
        yield rung("logits of a sequence", pair.blueprint.after[-1].name, head, logits)


def _stepwise(pair, case):
    """Single steps in float32, each from the states that the graph was in before it.

    What is compared is divided by the largest sum of a gate's terms, times the largest state: its
    rounding is in proportion to them.
    """
    if pair.network.recurrent[0].run.looped:  # what happens within a loop does not come out of it
        lengths = None if case.lengths is None else np.minimum(case.lengths, 1)
        case = Case(case.inputs[:, :1], case.states, lengths)
    found = pair.run(case.inputs, case.states, lengths=case.lengths)
    where = f"single steps, {case.inputs.shape[0]} rows"
    rung = functools.partial(_rung, dtype="float32", where=where)
    below = case.inputs
    for index, spec in enumerate(pair.blueprint.recurrent):
        single = Case(below, [case.states[index]], case.lengths)
        expected = list(found.states[index])
        if found.steps[index]:
            before = [case.states[index], *found.steps[index][:-1]]
            states = tuple(np.concatenate(parts) for parts in zip(*before, strict=True))
            single = Case(np.concatenate(below.swapaxes(0, 1))[:, None], [states], None)
            expected = [np.concatenate(parts) for parts in zip(*found.steps[index], strict=True)]
        _, (states,) = _forward(pair, single, only=spec)
        scale = _terms(pair.weights[spec.name], single) * max(1, np.abs(expected[-1]).max())
        for part, one, other in zip("hc", expected, states, strict=False):
            yield rung("cell states of a step", f"{spec.name}/{part}", one / scale, other / scale)
        below = found.sequences[index] if found.steps[index] else expected[0][:, None]


def _terms(weights, case):
    """The largest sum of the sizes of the terms that a gate is made of, at least one."""
    sums = np.abs(case.inputs[:, 0]) @ np.abs(weights["kernel"])
    sums += np.abs(case.states[0][0]) @ np.abs(weights["recurrent_kernel"])
    return max(np.float32(1), sums.max())


def _sizes(conversion):
    """Pairs of batch size and steps to try, as the graph leaves them open."""
    batch, steps = static_sizes(conversion.graph, conversion.network.recurrent[0].run)
    if batch is not None and steps is not None:
        return [(batch, steps)]
    return [(batch or b, steps or t) for b, t in zip(BATCHES, STEPS, strict=True)]


def _case(conversion, stream, batch, steps):
    """A random case in float64; where the graph has lengths, a full row, a short and a middling."""
    blueprint = conversion.blueprint
    kernel = blueprint.recurrent[0].weights["kernel"]
    states = []
    for spec in blueprint.recurrent:
        units = len(spec.weights["recurrent_kernel"])
        kinds = 2 if spec.family == "lstm" else 1
        states.append(tuple(stream.normal(0, 0.5, (batch, units)) for _ in range(kinds)))
    lengths = None
    if conversion.network.recurrent[0].run.lengths is not None:
        # A head that gathers at the last step of each row cannot do so where there is none.
        shortest = 1 if blueprint.after and blueprint.takes != "steps" else 0
        some = [steps, shortest, (steps + 1) // 2] if blueprint.masked else [steps]
        lengths = np.resize(some, batch).astype("int64")
    inputs = stream.normal(size=(batch, steps, len(kernel)))
    if blueprint.before and blueprint.before[-1].kind == "Embedding":  # what the cell is used to
        rows = blueprint.before[-1].weights["embeddings"].astype("float64")
        inputs = rows[stream.integers(len(rows), size=(batch, steps))]
    return Case(inputs, states, lengths)


def _layers(blueprint, weights, *, dtype):
    """All layers by name, the recurrent ones with every output and their states."""
    found = {}
    for spec in blueprint.specs:
        options = dict(spec.options, dtype=dtype, name=spec.name)
        if spec in blueprint.recurrent:
            options |= {"return_sequences": True, "return_state": True}
            options["zero_output_for_mask"] = True
        layer = getattr(keras.layers, spec.kind)(**options)
        kernel = weights[spec.name].get("kernel")
        layer.build((None, None, 1 if kernel is None else len(kernel)))
        for variable in layer.weights:
            variable.assign(weights[spec.name][variable.path.rpartition("/")[2]])
        found[spec.name] = layer
    return found


def _forward(pair, case, *, only=None):
    """Outputs [B, T, U] of the recurrent layers, or of one alone, and final (h,) or (h, c)."""
    x, sequences, finals = case.inputs, [], []
    mask = None if case.lengths is None else np.arange(x.shape[1]) < case.lengths[:, None]
    specs = pair.blueprint.recurrent if only is None else [only]
    for spec, initial in zip(specs, case.states, strict=True):
        x, *final = pair.layers[spec.name](x, initial_state=list(initial), mask=mask)
        sequences.append(np.array(x))
        finals.append(tuple(np.array(value) for value in final))
    return sequences, finals


def _logits(pair, expected, sequences, states):
    """Keras' logits, in the order of the graph's rows."""
    ordered = order(pair.graph, pair.network, expected)
    if ordered is None:
        raise UserError("the graph changes the outputs before its dense layers: dropout?")
    rows = ordered(sequences[-1], states[-1][0])
    for spec in pair.blueprint.after:
        rows = pair.layers[spec.name](rows)
    return np.array(rows)


def _rung(quantity, name, expected, found, *, dtype, where):
    rung = ladder.rung(quantity, {name: expected}, {name: found}, dtype=dtype)
    return rung._replace(place=f"{rung.place}, {where}")


def _weights(layer):
    return {v.path.rpartition("/")[2]: np.array(v) for v in layer.weights}


def _flat(layers):
    return {f"{name}/{role}": value for name, of in layers.items() for role, value in of.items()}


def _relative(arrays, sizes):
    """Arrays in float64, those of values over one relative to the largest of `sizes`."""
    scales = {name: max(1.0, np.abs(value).max()) for name, value in sizes.items()}
    return {name: arrays[name].astype("float64") / scale for name, scale in scales.items()}


def _cast(arrays, dtype):
    return {name: value.astype(dtype) for name, value in arrays.items()}
