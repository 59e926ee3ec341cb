"""Holds a converted Keras model against the checkpoint's own graph.

A trained cell may be chaotic: a rounding grows a millionfold over a hundred steps, and two right
computations part. So whole sequences are compared in float64, the graph's float32 made wider; and
in the checkpoint's own dtype step by step, each from the states that the graph itself was in.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from porting import ladder
from porting.conversion import read
from porting.differences import difference
from porting.graphs.probing import order, top
from porting.graphs.training_run import NoTraining
from porting.models.blueprint import to_variables
from porting.models.keras_run import from_cells, widened
from porting.models.loading import check_map, load
from porting.sides import floatx
from porting.verification import cases as verify_cases
from porting.verification.before import before_rungs
from porting.verification.learning import slots_rung, training_rungs
from porting.verification.pairs import Pair, rung_at
from porting.verification.references import references
from porting.verification.single_steps import single_steps
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


def verify(path, keras_file, *, steps=0, seed=0, **options):
    """Compares a checkpoint and its Keras model.

    Args:
        path: the TF1 checkpoint.
        keras_file: what porting.convert made of it.
        steps: how many both train on, from the checkpoint with its optimizer's state.
        seed: of the random inputs.
        options: those of porting.conversion.read.

    Returns: Verification.

    Raises:
        UserError: either is missing or damaged, or the model has not the layers of this checkpoint.
    """
    conversion = read(path, **options)
    conversion.checkpoint.check()
    check_map(keras_file, mapped=conversion.mapped)
    model, weights = load(keras_file, conversion.blueprint)
    others = _of_other_shapes(conversion.blueprint, weights)
    if others:
        rung = _weights(conversion.blueprint, weights)
        note = f"nothing more is compared: the model has other weights in {', '.join(others)}"
        return Verification(iter([rung]), "the checkpoint", [note])
    held = references(conversion)
    notes: list[str] = []
    left = len(conversion.network.after) - conversion.network.compared * held.graph
    if left and conversion.mapped:
        why = "it names no output of theirs" if held.graph else "the graph does not run here"
        notes.append(f"the last {left} of the map's layers are not compared: {why}")
    parts = [_rungs(conversion, model, weights, notes, held=held, seed=seed)]
    parts += [_learning(conversion, model, weights, held, notes, steps=steps, seed=seed)]
    return Verification(itertools.chain(*parts), held.against, notes)


def _learning(conversion, model, weights, held, notes, *, steps, seed):
    """Slots, gradients and steps of training, where the graph has them."""
    blueprint = conversion.blueprint
    if blueprint.optimizer is not None and blueprint.optimizer.sources:
        if getattr(model, "optimizer", None) is None:
            notes.append("slots are not compared: the model has no optimizer")
        else:
            yield slots_rung(conversion, model)
    dtype = "float64" if held.wide else blueprint.dtype
    cast = {name: _cast(arrays, dtype) for name, arrays in weights.items()}
    try:
        if not held.graph:
            raise NoTraining("there is no graph that runs here")
        yield from training_rungs(conversion, cast, dtype=dtype, steps=steps, seed=seed)
    except NoTraining as reason:
        notes.append(f"gradients and steps are not compared: {reason}")


def _rungs(conversion, model, weights, notes, *, held, seed):
    blueprint = conversion.blueprint
    yield _weights(blueprint, weights)
    wide = {name: _cast(arrays, "float64") for name, arrays in weights.items()}
    read = conversion.checkpoint.read
    variables = {name: read(name) for name in conversion.network.variables}
    # The graph takes the variables as the model has them, with its rounding of the forget bias.
    back = to_variables(wide, blueprint)
    sides = _relative(variables, variables), _relative(back, variables)
    yield ladder.rung("weights with forget bias", *sides, dtype=blueprint.dtype)
    whole = Pair(conversion, wide, back, dtype="float64", graph=held.wide)
    narrow = Pair(conversion, weights, variables, dtype=blueprint.dtype, graph=held.graph)
    model = from_cells(widened(model, wide), blueprint)
    stream = np.random.default_rng(seed)
    if held.graph:
        yield from before_rungs(whole if held.wide else narrow, notes, seed=seed)
    for sizes in verify_cases.sizes(conversion):
        case = verify_cases.case(conversion, stream, *sizes)
        with floatx("float64"):
            yield from _whole(whole, case)
            yield from _model(whole, model, case)
        if blueprint.dtype == "float32":
            yield from single_steps(narrow, case.cast("float32"))
            if held.graph and not held.wide and sizes[1] <= SHORT:
                yield from _whole(narrow, case.cast("float32"), kind="short sequence")


def _weights(blueprint, weights):
    expected = {spec.name: spec.weights for spec in blueprint.specs}
    return ladder.rung("weights", _flat(expected), _flat(weights), dtype=blueprint.dtype)


def _of_other_shapes(blueprint, weights):
    """The layers whose weights differ in number or shape from those of the checkpoint."""
    return [
        spec.name
        for spec in blueprint.specs
        if {role: value.shape for role, value in spec.weights.items()}
        != {role: value.shape for role, value in weights[spec.name].items()}
    ]


def _whole(pair, case, *, kind="sequence"):
    """Whole sequences: every cell's outputs and final states, then the logits."""
    expected = pair.run(case.inputs, case.states, lengths=case.lengths)
    sequences, states = pair.keras(case.inputs, case.states, lengths=case.lengths)
    rung = functools.partial(rung_at, dtype=pair.dtype, where=case.where)
    for index, name in enumerate(pair.blueprint.cell_names):
        if expected.sequences[index] is not None:
            yield rung(
                f"cell outputs of a {kind}", name, expected.sequences[index], sequences[index]
            )
        for part, one, other in zip("hc", expected.states[index], states[index], strict=False):
            yield rung(f"cell states of a {kind}", f"{name}/{part}", one, other)
    if expected.head is not None:
        found = expected._replace(sequences=sequences, states=states)
        sequence, state = top(pair.network, found)
        taken = {"steps": sequence, "last": sequence[:, -1], "state": state}[pair.network.takes]
        count = pair.network.compared
        made = pair.keras.head(taken, count=count)
        name = pair.blueprint.after[count - 1].name
        yield rung(f"logits of a {kind}", name, *_rows(pair, expected, made))


def _model(pair, model, case):
    """The model as it stands, in float64, from initial states of zeros."""
    zeros = [tuple(np.zeros_like(value) for value in state) for state in case.states]
    expected = pair.run(case.inputs, zeros, lengths=case.lengths)
    inputs = case.inputs if case.ids is None else case.ids
    if pair.blueprint.masked:
        inputs = [inputs, np.arange(case.inputs.shape[1]) < case.lengths[:, None]]
    found = np.array(model(inputs))
    rung = functools.partial(rung_at, dtype="float64", where=f"the whole model, {case.where}")
    after = pair.blueprint.after
    if not after:
        made, _ = top(pair.network, expected)
        yield rung("cell outputs of a sequence", "outputs", made, found)
    elif expected.head is not None and pair.network.compared == len(after):
        yield rung("logits of a sequence", after[-1].name, *_rows(pair, expected, found))


def _rows(pair, expected, made):
    """The rows of the reference's head, and those of what a model made, in the same order."""
    head = expected.head.reshape(-1, expected.head.shape[-1])
    if pair.network.takes != "steps" or made.ndim < 3:
        return head, made
    if pair.network.after[0].inputs:
        return head, _ordered(pair, expected)(made, made)
    # A map does not say whether time or the rows come first: the one that is nearer.
    orders = [one.reshape(-1, one.shape[-1]) for one in (made, made.swapaxes(0, 1))]
    return head, min(orders, key=lambda rows: difference({"": head}, {"": rows}).max_abs)


def _ordered(pair, expected):
    """How the reference's head orders its rows."""
    if pair.graph is None:
        return lambda sequence, state: sequence.reshape(-1, sequence.shape[-1])
    ordered = order(pair.graph, pair.network, expected)
    if ordered is None:
        raise UserError("the graph changes the outputs before the layers behind its cells")
    return ordered


def _flat(layers):
    return {f"{name}/{role}": value for name, of in layers.items() for role, value in of.items()}


def _relative(arrays, sizes):
    """Arrays in float64, those of values over one relative to the largest of `sizes`."""
    scales = {name: max(1.0, np.abs(value).max()) for name, value in sizes.items()}
    return {name: arrays[name].astype("float64") / scale for name, scale in scales.items()}


def _cast(arrays, dtype):
    return {name: value.astype(dtype) for name, value in arrays.items()}
