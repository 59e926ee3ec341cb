"""Holds a converted Keras model against the checkpoint's own graph.

A trained cell may be chaotic: a rounding grows a millionfold over a hundred steps, and two right
computations part. So whole sequences are compared in float64, the graph's float32 made wider; and
in the checkpoint's own dtype step by step, each from the states that the graph itself was in.
"""

import functools
import itertools
import os
from collections.abc import Iterator
from typing import NamedTuple

import keras
import numpy as np

import modern_tf2.cells  # noqa: F401  (a file may name them)
from porting import ladder
from porting.convert import read
from porting.graphs.graph_run import GraphRun, turned
from porting.graphs.probing import order, top
from porting.graphs.training_run import NoTraining
from porting.models import layer_weights
from porting.models.blueprint import to_variables
from porting.models.keras_run import KerasRun, from_cells, widened
from porting.sides import floatx
from porting.verification import cases as verify_cases
from porting.verification.learning import slots_rung, training_rungs
from porting.verification.numpy_run import NumpyRun
from shared.errors import UserError

SHORT = 5  # steps over which two float32 computations stay together, chaotic or not


class Verification(NamedTuple):
    """What a comparison found.

    rungs: a generator of porting.ladder.Rung. against: what the model is held against.
    notes: lines on what was not compared, complete once the rungs are.
    """

    rungs: Iterator[ladder.Rung]
    against: str
    notes: list[str]


def verify(path, keras_file, *, trust=False, forget_bias=None, activation=None, steps=0, seed=0):
    """Compares a checkpoint and its Keras model.

    Args:
        path: the TF1 checkpoint.
        keras_file: what porting.convert made of it.
        trust, forget_bias, activation: as for porting.convert.read.
        steps: how many both train on, from the checkpoint with its optimizer's state.
        seed: of the random inputs.

    Returns: Verification.

    Raises:
        UserError: either is missing or damaged, or the model has not the layers of this checkpoint.
    """
    conversion = read(path, trust=trust, forget_bias=forget_bias, activation=activation)
    model, weights = load(keras_file, conversion.blueprint)
    references = _references(conversion)
    notes: list[str] = []
    parts = [_rungs(conversion, model, weights, references=references, seed=seed)]
    parts += [_learning(conversion, model, weights, references, notes, steps=steps, seed=seed)]
    return Verification(itertools.chain(*parts), references.against, notes)


def _learning(conversion, model, weights, references, notes, *, steps, seed):
    """Slots, gradients and steps of training, where the graph has them."""
    blueprint = conversion.blueprint
    if blueprint.optimizer is not None and blueprint.optimizer.sources:
        yield slots_rung(conversion, model)
    dtype = "float64" if references.wide else blueprint.dtype
    cast = {name: _cast(arrays, dtype) for name, arrays in weights.items()}
    try:
        if not references.graph:
            raise NoTraining("there is no graph that runs here")
        yield from training_rungs(conversion, cast, dtype=dtype, steps=steps, seed=seed)
    except NoTraining as reason:
        notes.append(f"gradients and steps are not compared: {reason}")


class _References(NamedTuple):
    """Whether the graph runs here, whether made wider as well, and what the model is held to."""

    graph: bool
    wide: bool
    against: str


def _references(conversion):
    reason = None
    if conversion.graph is None:
        reason = "there is no .meta beside the checkpoint"
    elif conversion.network.recurrent[0].run is None:
        reason = "cuDNN's op runs on a GPU alone"
    reason = reason or _fault(conversion, widened=False)
    if reason:
        return _References(False, False, f"cells in NumPy, as {reason}")
    if conversion.blueprint.dtype == "float32" and _fault(conversion, widened=True):
        against = "the graph of the checkpoint in float32, and cells in NumPy in float64"
        return _References(True, False, f"{against}, which its ops do not know")
    return _References(True, True, "the graph of the checkpoint")


def _fault(conversion, *, widened):
    """Why the graph of a checkpoint does not run here; None: it does."""
    held = {name: conversion.checkpoint.read(name) for name in conversion.network.variables}
    batch, steps = verify_cases.sizes(conversion)[0]
    case = verify_cases.case(conversion, np.random.default_rng(0), batch, steps)
    try:
        run = GraphRun(conversion.graph, conversion.network, held, widened=widened)
        case = case.cast(run.dtype)
        run(case.inputs, case.states, lengths=case.lengths)
    except UserError as error:
        return str(error)
    return None


def _rungs(conversion, model, weights, *, references, seed):
    blueprint = conversion.blueprint
    expected = {spec.name: spec.weights for spec in blueprint.specs}
    yield ladder.rung("weights", _flat(expected), _flat(weights), dtype=blueprint.dtype)

    wide = {name: _cast(arrays, "float64") for name, arrays in weights.items()}
    held = {name: conversion.checkpoint.read(name) for name in conversion.network.variables}
    # The graph takes the variables as the model has them, with its rounding of the forget bias.
    back = to_variables(wide, blueprint)
    sides = _relative(held, held), _relative(back, held)
    yield ladder.rung("weights with forget bias", *sides, dtype=blueprint.dtype)
    whole = _Pair(conversion, wide, back, dtype="float64", graph=references.wide)
    narrow = _Pair(conversion, weights, held, dtype=blueprint.dtype, graph=references.graph)
    model = from_cells(widened(model, wide), blueprint)
    stream = np.random.default_rng(seed)
    for sizes in verify_cases.sizes(conversion):
        case = verify_cases.case(conversion, stream, *sizes)
        with floatx("float64"):
            yield from _whole(whole, case)
            yield from _model(whole, model, case)
        if blueprint.dtype == "float32":
            yield from _stepwise(narrow, case.cast("float32"))
            if references.graph and not references.wide and sizes[1] <= SHORT:
                yield from _whole(narrow, case.cast("float32"), kind="short sequence")


class _Pair:
    """The reference and Keras' layers, both in one dtype, and what both were made from."""

    def __init__(self, conversion, weights, variables, *, dtype, graph):
        self.blueprint, self.dtype = conversion.blueprint, dtype
        self.graph, self.network = conversion.graph if graph else None, conversion.network
        self.run: GraphRun | NumpyRun = NumpyRun(self.network, variables)
        if self.graph is not None:
            widened = dtype != self.blueprint.dtype
            self.run = GraphRun(self.graph, self.network, variables, widened=widened)
        self.keras = KerasRun(self.blueprint, weights, dtype=dtype)


def load(path, blueprint):
    """A `.keras` file that has the layers of a Blueprint: the model, its weights by layer and role.

    Raises:
        UserError: it has not, or it cannot be read.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no {path}: make it with python -m porting convert")
    try:
        model = keras.models.load_model(path)
        found = {s.name: layer_weights.weights(model.get_layer(s.name)) for s in blueprint.specs}
    except (ValueError, OSError, KeyError, TypeError) as error:
        line = str(error).strip().splitlines()[0]
        raise UserError(f"{path} is damaged or not of this checkpoint: {line}") from None
    for spec in blueprint.specs:
        expected = {role: value.shape for role, value in spec.weights.items()}
        if expected != {role: value.shape for role, value in found[spec.name].items()}:
            raise UserError(f"{path} is not of this checkpoint: {spec.name} has other weights")
    return model, found


def _whole(pair, case, *, kind="sequence"):
    """Whole sequences: every cell's outputs and final states, then the logits."""
    expected = pair.run(case.inputs, case.states, lengths=case.lengths)
    sequences, states = pair.keras(case.inputs, case.states, lengths=case.lengths)
    rung = functools.partial(_rung, dtype=pair.dtype, where=case.where)
    for index, name in enumerate(pair.blueprint.cell_names):
        if expected.sequences[index] is not None:
            yield rung(
                f"cell outputs of a {kind}", name, expected.sequences[index], sequences[index]
            )
        for part, one, other in zip("hc", expected.states[index], states[index], strict=False):
            yield rung(f"cell states of a {kind}", f"{name}/{part}", one, other)
    if expected.head is not None:
        found = expected._replace(sequences=sequences, states=states)
        logits = pair.keras.head(_ordered(pair, expected)(*top(pair.network, found)))
        head = expected.head.reshape(-1, expected.head.shape[-1])
        yield rung(f"logits of a {kind}", pair.blueprint.after[-1].name, head, logits)


def _model(pair, model, case):
    """The model as it stands, in float64, from initial states of zeros."""
    zeros = [tuple(np.zeros_like(value) for value in state) for state in case.states]
    expected = pair.run(case.inputs, zeros, lengths=case.lengths)
    inputs = case.inputs if case.ids is None else case.ids
    if pair.blueprint.masked:
        inputs = [inputs, np.arange(case.inputs.shape[1]) < case.lengths[:, None]]
    found = np.array(model(inputs))
    rung = functools.partial(_rung, dtype="float64", where=f"the whole model, {case.where}")
    if expected.head is None:
        made, _ = top(pair.network, expected)
        yield rung("cell outputs of a sequence", "outputs", made, found)
        return
    head = expected.head.reshape(-1, expected.head.shape[-1])
    rows = _ordered(pair, expected)(found, found) if pair.blueprint.takes == "steps" else found
    yield rung("logits of a sequence", pair.blueprint.after[-1].name, head, rows)


def _stepwise(pair, case):
    """Single steps in float32, each from the states that the reference was in before it.

    What is compared is divided by the largest sum of a gate's terms, times the largest state: its
    rounding is in proportion to them. A normalization's is not, where its variance is small.
    """
    if any(layer.run is not None and layer.run.looped for layer in pair.network.recurrent):
        case = case.first_step()  # what happens within a loop does not come out of it
    else:
        case = case.full()
    found = pair.run(case.inputs, case.states, lengths=case.lengths)
    rung = functools.partial(_rung, dtype="float32", where=f"single steps, {len(case.inputs)} rows")
    for index, taken in enumerate(_taken(pair, case, found)):
        cell, steps = pair.blueprint.cells[index], found.steps[index]
        if "gate_gamma" in cell.weights:
            continue
        initial, expected = case.states[index], found.states[index]
        if steps:
            before = [initial, *steps[:-1]]
            initial = tuple(np.concatenate(parts) for parts in zip(*before, strict=True))
            expected = tuple(np.concatenate(parts) for parts in zip(*steps, strict=True))
            taken = np.concatenate(taken.swapaxes(0, 1))[:, None]
        lengths = None if steps else case.lengths
        _, states = pair.keras.single(index, taken, initial, lengths=lengths)
        scale = _terms(cell, taken, initial) * max(1, np.abs(expected[-1]).max())
        name = pair.blueprint.cell_names[index]
        for part, one, other in zip("hc", expected, states, strict=False):
            yield rung("cell states of a step", f"{name}/{part}", one / scale, other / scale)


def _taken(pair, case, found):
    """What every cell took [B, T, F], in the order in which it took it."""
    inputs, index = case.inputs, 0
    for level in pair.network.levels:
        ends = []
        for direction in level:
            taken = turned(inputs, case.lengths) if direction is level.backward else inputs
            for layer in direction:
                yield taken
                steps, final = found.steps[index], found.states[index]
                made = np.stack([h for h, *_ in steps], axis=1) if steps else final[0][:, None]
                taken = taken + made if layer.residual else made
                index += 1
            if direction:
                back = direction is level.backward
                ends.append(turned(taken, case.lengths) if back else taken)
        inputs = np.concatenate(ends, axis=-1)


def _terms(cell, inputs, states):
    """The largest sum of the sizes of the terms that a gate or an output is of, at least one."""
    sums = np.abs(inputs[:, 0]) @ np.abs(cell.weights["kernel"])
    sums += np.abs(states[0]) @ np.abs(cell.weights["recurrent_kernel"])
    projected = np.abs(cell.weights.get("projection", np.zeros((1, 1)))).sum(axis=0)
    return max(np.float32(1), sums.max()) * max(np.float32(1), projected.max())


def _ordered(pair, expected):
    """How the reference's head orders its rows."""
    if pair.graph is None:
        return _ROWS[pair.network.takes]
    ordered = order(pair.graph, pair.network, expected)
    if ordered is None:
        raise UserError("the graph changes the outputs before its dense layers")
    return ordered


_ROWS = {
    "steps": lambda sequence, state: sequence.reshape(-1, sequence.shape[-1]),
    "last": lambda sequence, state: sequence[:, -1],
    "state": lambda sequence, state: state,
}


def _rung(quantity, name, expected, found, *, dtype, where):
    rung = ladder.rung(quantity, {name: expected}, {name: found}, dtype=dtype)
    return rung._replace(place=f"{rung.place}, {where}")


def _flat(layers):
    return {f"{name}/{role}": value for name, of in layers.items() for role, value in of.items()}


def _relative(arrays, sizes):
    """Arrays in float64, those of values over one relative to the largest of `sizes`."""
    scales = {name: max(1.0, np.abs(value).max()) for name, value in sizes.items()}
    return {name: arrays[name].astype("float64") / scale for name, scale in scales.items()}


def _cast(arrays, dtype):
    return {name: value.astype(dtype) for name, value in arrays.items()}
