"""Compares a converted Keras model with the checkpoint's own graph.

The verdict depends on the unmodified graph, end to end (tf1port.conversion.end_to_end); runs of
single cells from the middle of the graph only locate a difference. Whatever could not be compared
makes the verdict "not proved".

A trained cell may be chaotic: a rounding grows a millionfold over a hundred steps, and two right
computations diverge. So whole sequences are compared in float64, with the graph upcast; in the
checkpoint's own dtype single steps are compared, each from the states of the graph's own run.
"""

import functools
import itertools
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from tf1port.conversion import cases as verify_cases
from tf1port.conversion.end_to_end import QUANTITY as END_TO_END
from tf1port.conversion.end_to_end import end_to_end
from tf1port.conversion.plan import read
from tf1port.errors import UserError
from tf1port.keras_model.blueprint import to_variables
from tf1port.keras_model.loading import check_map, is_translated, load
from tf1port.numerics import comparison
from tf1port.numerics.differences import difference
from tf1port.numerics.outcome import DIFFERENT, EQUAL, NOT_PROVED
from tf1port.numerics.precision import floatx
from tf1port.tf1.graph.optimizers import trains
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.tf1.session.probing import order, top
from tf1port.verification import translated
from tf1port.verification.before import before_checks
from tf1port.verification.layers import layers_checks
from tf1port.verification.optimizer import optimizer_checks
from tf1port.verification.pairs import Pair, check_at
from tf1port.verification.references import references
from tf1port.verification.single_steps import single_steps
from tf1port.verification.training import training_checks

_PARTIAL = ("cell ", "logits of ", "layers before ")  # prefixes of the quantities of partial runs
SHORT = 5  # steps over which two float32 computations stay together, chaotic or not


class Verification(NamedTuple):
    """The result of a comparison.

    checks: a generator of Check. against: the reference that single cells are compared with.
    notes: lines on what was not compared and is not claimed. unproved: lines on what was not
    compared and is claimed: the outputs, and with steps the training. Both lists are complete once
    the checks are exhausted. claim: what a pass claims to be equal.
    """

    checks: Iterator[comparison.Check]
    against: str
    notes: list[str]
    unproved: list[str]
    claim: str


def verify(path, keras_file, *, steps=0, seed=0, **options):
    """Compares a checkpoint and its Keras model.

    Args:
        path: the TF1 checkpoint.
        keras_file: what tf1port.conversion.convert made of it.
        steps: how many both train on, from the checkpoint with its optimizer's state.
        seed: of the random inputs.
        options: those of tf1port.conversion.plan.read, and the outputs of a translated graph.

    Returns: Verification.

    Raises:
        UserError: either is missing or damaged, or the model has not the layers of this checkpoint.
    """
    if is_translated(keras_file):
        return _translated(path, keras_file, steps=steps, seed=seed, **options)
    if options.pop("outputs", ()):
        raise UserError(f"{keras_file} was made without --outputs: leave it out")
    conversion = read(path, **options)
    conversion.checkpoint.check()
    check_map(keras_file, mapped=conversion.mapped)
    model, weights = load(keras_file, conversion.blueprint, trust=options.get("trust", False))
    differing = _differing_layers(conversion.blueprint, weights)
    if differing:
        check = _weights(conversion.blueprint, weights)
        note = f"nothing more is compared: the model has other weights in {', '.join(differing)}"
        return Verification(iter([check]), "the checkpoint", [note], [], "the weights")
    reference = references(conversion)
    missing = conversion.ends and conversion.left_out
    notes = [f"INCOMPLETE, the model does not have {line}" for line in missing or []]
    unproved: list[str] = []
    learned = unproved if steps and _learns(conversion) else notes
    groups = {
        "single cells": _cell_by_cell(conversion, weights, notes, reference=reference, seed=seed),
        "outputs": end_to_end(conversion, model, weights, unproved, seed=seed),
        "layers": layers_checks(conversion.blueprint.specs, model),
        "training": _learning(
            conversion, model, weights, reference, learned, steps=steps, seed=seed
        ),
    }
    guarded = (
        _guarded(checks_of_group, name, unproved) for name, checks_of_group in groups.items()
    )
    checks = itertools.chain.from_iterable(guarded)
    return Verification(checks, reference.against, notes, unproved, _claim(conversion, steps))


def _translated(path, keras_file, *, steps, seed, trust=False, outputs=(), **options):
    """The Verification of a model that was translated op by op."""
    rejected = [name for name, value in options.items() if value]
    if rejected:
        raise UserError(
            f"{keras_file} was made without {rejected[0].replace('_', '-')}: leave it out"
        )
    conversion, model, weights = translated.read_converted(
        path, keras_file, trust=trust, outputs=outputs
    )
    notes = [f"INCOMPLETE, the model does not have {line}" for line in conversion.left_out]
    unproved = translated.source_changed(conversion, str(keras_file))
    learned = unproved if steps and _learns(conversion) else notes
    groups = translated.checks(
        conversion, model, weights, unproved, learned, steps=steps, seed=seed
    )
    guarded = (
        _guarded(checks_of_group, name, unproved) for name, checks_of_group in groups.items()
    )
    checks = itertools.chain.from_iterable(guarded)
    return Verification(checks, translated.AGAINST, notes, unproved, _claim(conversion, steps))


def _learns(conversion):
    """Whether there is a training to compare: not where a graph is for prediction alone."""
    return conversion.graph is None or trains(conversion.graph.graph_def)


def _claim(conversion, steps):
    """What is claimed to be equal."""
    outputs = ", ".join(conversion.outputs.values()) or "the outputs"
    if not _learns(conversion):
        return f"{outputs}; the graph trains nothing"
    return f"{outputs} and {steps} steps of training" if steps else outputs


def _guarded(checks, name, unproved):
    """Checks up to an unexpected error, which is reported and does not stop the other groups."""
    try:
        yield from checks
    except UserError:
        raise
    except Exception as error:
        line = str(error).strip().partition("\n")[0]
        unproved.append(f"{name}: raised {type(error).__name__}: {line}")


def counted(checks):
    """The Checks that count for the verdict: no partial runs where the end-to-end checks passed.

    Partial runs start in the middle of the graph and locate a difference; one that does not reach
    the outputs is not part of the claim.
    """
    end_to_end_checks = [check for check in checks if check.quantity == END_TO_END]
    if not end_to_end_checks or not all(check.passed for check in end_to_end_checks):
        return checks
    return [check for check in checks if check.passed or not check.quantity.startswith(_PARTIAL)]


def outcome(checks, unproved):
    """EQUAL, DIFFERENT or NOT_PROVED of tf1port.numerics.outcome."""
    if not all(check.passed for check in checks):
        return DIFFERENT
    return NOT_PROVED if unproved or not checks else EQUAL


def verdict(checks, unproved, claim):
    """The outcome of a verification in a sentence."""
    result = outcome(checks, unproved)
    if result == DIFFERENT:
        first = next(check for check in checks if not check.passed)
        gap = f"{first.max_abs:.2g} > {first.bound:.2g}"
        return f"FAIL: {first.quantity} differ at {first.place} ({first.dtype}): {gap}"
    count, all_ = len(checks), len(checks) + len(unproved)
    if result == EQUAL:
        summary = f"PASS: the model matches the graph on {count} of {all_} checks"
        return f"{summary} (claim: {claim})"
    return f"NOT PROVED: {count} of {all_} compared; not compared: {'; '.join(unproved)}"


def _learning(conversion, model, weights, reference, notes, *, steps, seed):
    """The optimizer, gradients and steps of training, where the graph has them."""
    yield from optimizer_checks(conversion, model, notes)
    dtype = "float64" if reference.upcast else conversion.blueprint.dtype
    cast = {name: _cast(arrays, dtype) for name, arrays in weights.items()}
    try:
        if not reference.graph:
            raise NoTraining("there is no graph that runs here")
        options = {"model": model, "dtype": dtype, "steps": steps, "seed": seed}
        yield from training_checks(conversion, cast, **options)
    except NoTraining as reason:
        notes.append(f"gradients and steps are not compared: {reason}")


def _cell_by_cell(conversion, weights, notes, *, reference, seed):
    """Runs of single cells from the middle of the graph: they locate a difference, and prove
    nothing."""
    try:
        yield from _checks(conversion, weights, notes, reference=reference, seed=seed)
    except UserError as reason:
        notes.append(f"single cells are not compared further: {reason}")


def _checks(conversion, weights, notes, *, reference, seed):
    blueprint = conversion.blueprint
    yield _weights(blueprint, weights)
    upcast = {name: _cast(arrays, "float64") for name, arrays in weights.items()}
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


def _weights(blueprint, weights):
    expected = {spec.name: spec.weights for spec in blueprint.specs}
    return comparison.check("weights", _flat(expected), _flat(weights), dtype=blueprint.dtype)


def _differing_layers(blueprint, weights):
    """The layers whose weights differ in number or shape from those of the checkpoint."""
    return [
        spec.name
        for spec in blueprint.specs
        if {role: value.shape for role, value in spec.weights.items()}
        != {role: value.shape for role, value in weights[spec.name].items()}
    ]


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


def _cast(arrays, dtype):
    return {name: value.astype(dtype) for name, value in arrays.items()}
