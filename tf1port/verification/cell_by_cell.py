"""Runs from the middle of a graph, cell by cell: they locate a difference, and prove nothing."""

import functools

import numpy as np

from tf1port.conversion import cases as verify_cases
from tf1port.errors import UserError
from tf1port.keras_model.blueprint import to_variables
from tf1port.numerics import comparison
from tf1port.numerics.differences import difference
from tf1port.numerics.precision import floatx
from tf1port.tf1.session.probing import order, top
from tf1port.verification.before import before_checks
from tf1port.verification.pairs import Pair, check_at
from tf1port.verification.single_steps import single_steps

SHORT = 5  # steps over which two float32 computations stay together, chaotic or not


def cell_checks(conversion, weights, notes, *, reference, seed):
    """Runs of single cells from the middle of the graph: they locate a difference, and prove
    nothing."""
    try:
        yield from _checks(conversion, weights, notes, reference=reference, seed=seed)
    except UserError as reason:
        notes.append(f"single cells are not compared further: {reason}")


def _checks(conversion, weights, notes, *, reference, seed):
    blueprint = conversion.blueprint
    yield weights_check(blueprint, weights)
    upcast = {name: cast_all(arrays, "float64") for name, arrays in weights.items()}
    read = conversion.checkpoint.read
    variables = {name: read(name) for name in conversion.network.variables}
    # The graph takes the variables as the model has them, with its rounding of the forget bias.
    model_variables = to_variables(upcast, blueprint)
    sides = _relative(variables, variables), _relative(model_variables, variables)
    yield comparison.check("weights with forget bias", *sides, dtype=blueprint.dtype)
    upcast_pair = Pair(conversion, upcast, model_variables, dtype="float64", graph=reference.upcast)
    native_pair = Pair(conversion, weights, variables, dtype=blueprint.dtype, graph=reference.graph)
    stream = np.random.default_rng(seed)
    if reference.graph:
        yield from before_checks(upcast_pair if reference.upcast else native_pair, notes, seed=seed)
    for sizes in verify_cases.sizes(conversion):
        case = verify_cases.case(conversion, stream, *sizes)
        with floatx("float64"):
            yield from _sequence_checks(upcast_pair, case)
        if blueprint.dtype == "float32":
            yield from single_steps(native_pair, case.cast("float32"))
            if reference.graph and not reference.upcast and sizes[1] <= SHORT:
                yield from _sequence_checks(
                    native_pair, case.cast("float32"), kind="short sequence"
                )


def weights_check(blueprint, weights):
    """The Check of all weights of a model with those of its blueprint."""
    expected = {spec.name: spec.weights for spec in blueprint.specs}
    return comparison.check("weights", _flat(expected), _flat(weights), dtype=blueprint.dtype)


def _sequence_checks(pair, case, *, kind="sequence"):
    """Whole sequences: every cell's outputs and final states, then the logits."""
    expected = pair.run(case.inputs, case.states, lengths=case.lengths)
    sequences, states = pair.keras(case.inputs, case.states, lengths=case.lengths)
    check = functools.partial(check_at, dtype=pair.dtype, label=case.where)
    for index, name in enumerate(pair.blueprint.cell_names):
        if expected.sequences[index] is not None:
            yield check(
                f"cell outputs of a {kind}", name, expected.sequences[index], sequences[index]
            )
        for letter, expected_state, actual_state in zip(
            "hc", expected.states[index], states[index], strict=False
        ):
            yield check(
                f"cell states of a {kind}", f"{name}/{letter}", expected_state, actual_state
            )
    if expected.head is not None:
        actual = expected._replace(sequences=sequences, states=states)
        sequence, state = top(pair.network, actual)
        head_inputs = {"steps": sequence, "last": sequence[:, -1], "state": state}[
            pair.network.takes
        ]
        count = pair.network.compared
        logits = pair.keras.head(head_inputs, count=count)
        name = pair.blueprint.after[count - 1].name
        yield check(f"logits of a {kind}", name, *_rows(pair, expected, logits))


def _rows(pair, expected, outputs):
    """The rows of the reference's head and of a model's output, in the same order."""
    head = expected.head.reshape(-1, expected.head.shape[-1])
    if pair.network.takes != "steps" or outputs.ndim < 3:
        return head, outputs
    if pair.network.after[0].inputs:
        return head, _ordered(pair, expected)(outputs, outputs)
    # A map does not tell whether time or the batch comes first: the closer layout is taken.
    orders = [layout.reshape(-1, layout.shape[-1]) for layout in (outputs, outputs.swapaxes(0, 1))]
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
    return {
        f"{name}/{role}": value for name, arrays in layers.items() for role, value in arrays.items()
    }


def _relative(arrays, sizes):
    """Arrays in float64, those of values over one relative to the largest of `sizes`."""
    scales = {name: max(1.0, np.abs(value).max()) for name, value in sizes.items()}
    return {name: arrays[name].astype("float64") / scale for name, scale in scales.items()}


def cast_all(arrays, dtype):
    """The arrays by name in another dtype."""
    return {name: value.astype(dtype) for name, value in arrays.items()}
