"""Compares a converted Keras model with the checkpoint's own graph.

The verdict depends on the unmodified graph, end to end (tf1port.conversion.end_to_end); runs of
single cells from the middle of the graph only locate a difference. Whatever could not be compared
makes the verdict "not proved".

A trained cell may be chaotic: a rounding grows a millionfold over a hundred steps, and two right
computations diverge. So whole sequences are compared in float64, with the graph upcast; in the
checkpoint's own dtype single steps are compared, each from the states of the graph's own run.
"""

from typing import NamedTuple

from tf1port.conversion import given as given_
from tf1port.conversion.end_to_end import end_to_end
from tf1port.conversion.given import NOTHING
from tf1port.conversion.plan import read
from tf1port.errors import UserError
from tf1port.keras_model.loading import check_map, is_translated, load
from tf1port.tf1.graph.optimizers import trains
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.verification import translated
from tf1port.verification.cell_by_cell import cast_all, cell_checks, weights_check
from tf1port.verification.groups import Groups
from tf1port.verification.layers import layers_checks
from tf1port.verification.optimizer import optimizer_checks
from tf1port.verification.references import references
from tf1port.verification.restored import check_restored
from tf1port.verification.training import training_checks


class Verification(NamedTuple):
    """The result of a comparison.

    checks: of Check, made one after the other. against: the reference that single cells are
    compared with. notes: lines on what was not compared and is not claimed. unproved: lines on
    what was not compared and is claimed: the outputs, and with steps the training. Both lists are
    complete once the checks are exhausted. claim: what a pass claims to be equal.
    """

    checks: Groups
    against: str
    notes: list[str]
    unproved: list[str]
    claim: str


def verify(path, keras_file, *, steps=0, seed=0, data=None, feed=None, **options):
    """Compares a checkpoint and its Keras model.

    Args:
        path: the TF1 checkpoint.
        keras_file: what tf1port.conversion.convert made of it.
        steps: how many both train on, from the checkpoint with its optimizer's state.
        seed: of the random inputs.
        data, feed: as for tf1port.conversion.given.read.
        options: those of tf1port.conversion.plan.read, and the outputs of a translated graph.

    Returns: Verification.

    Raises:
        UserError: either is missing or damaged, or the model has not the layers of this checkpoint,
            or the graph's Saver restores other values than those that are read.
    """
    check_restored(path)
    if is_translated(keras_file):
        options |= {"data": data, "feed": feed}
        return _translated(path, keras_file, steps=steps, seed=seed, **options)
    if options.pop("outputs", ()):
        raise UserError(f"{keras_file} was made without --outputs: leave it out")
    conversion = read(path, **options)
    conversion.checkpoint.check()
    check_map(keras_file, mapped=conversion.mapped)
    model, weights = load(keras_file, conversion.blueprint, trust=options.get("trust", False))
    differing = _differing_layers(conversion.blueprint, weights)
    if differing:
        check = weights_check(conversion.blueprint, weights)
        note = f"nothing more is compared: the model has other weights in {', '.join(differing)}"
        return Verification(
            Groups({"weights": iter([check])}, []), "the checkpoint", [note], [], "weights"
        )
    given = _given(conversion, data, feed)
    reference = references(conversion)
    missing = conversion.ends and conversion.left_out
    notes = [f"INCOMPLETE, the model does not have {line}" for line in missing or []]
    notes += given.notes
    unproved = _in_training(conversion)
    learned = unproved if steps and _learns(conversion) else notes
    groups = {
        "single cells": cell_checks(conversion, weights, notes, reference=reference, seed=seed),
        "outputs": end_to_end(conversion, model, weights, unproved, seed=seed, given=given),
        "layers": layers_checks(conversion.blueprint.specs, model),
        "training": _learning(
            conversion, model, weights, reference, learned, steps=steps, seed=seed, given=given
        ),
    }
    checks = Groups(groups, unproved)
    return Verification(checks, reference.against, notes, unproved, _claim(conversion, steps))


def _in_training(conversion):
    """A line for each part of a graph that is always in training: its outputs differ from those."""
    if conversion.graph is None or conversion.graph.inference is None:
        return []
    names = {name for spec in conversion.blueprint.specs for name in spec.sources.values()}
    mode = conversion.graph.inference
    return [
        f"outputs by the moments of each batch, which {scope} always uses: moving averages were "
        "in their place"
        for scope in mode.always_by_batch(names)
    ] + [
        f"outputs where {flag.removesuffix(':0')} is false, which draw random numbers: it was true"
        for flag in mode.drawing
    ]


def _given(conversion, data, feed):
    """The Given of a user; the model's own inputs must be among its arrays."""
    if conversion.graph is None:
        if data or feed:
            raise UserError("there is no .meta beside the checkpoint: leave out --data and --feed")
        return NOTHING
    given = given_.read(data, feed or {}, conversion.graph)
    needed = [source["tensor"] for source in conversion.inputs.values() if "tensor" in source]
    zeros = getattr(conversion, "zero_states", ())
    needed = [name for name in needed if name not in zeros]
    for name in needed if data else ():
        if name not in {*given.arrays, *given.constants}:
            known = ", ".join(sorted(given.arrays)).replace(":0", "")
            short = name.removesuffix(":0")
            raise UserError(f"{data} has no array {short}: it has {known}; or --feed {short}=VALUE")
    return given


def _translated(path, keras_file, *, steps, seed, data, feed, trust=False, outputs=(), **options):
    """The Verification of a model that was translated op by op."""
    rejected = [name for name, value in options.items() if value]
    if rejected:
        raise UserError(
            f"{keras_file} was made without {rejected[0].replace('_', '-')}: leave it out"
        )
    conversion, model, weights = translated.read_converted(
        path, keras_file, trust=trust, outputs=outputs
    )
    given = _given(conversion, data, feed)
    notes = [f"INCOMPLETE, the model does not have {line}" for line in conversion.left_out]
    notes += given.notes
    unproved = translated.source_changed(conversion, str(keras_file))
    unproved += _in_training(conversion)
    learned = unproved if steps and _learns(conversion) else notes
    groups = translated.checks(
        conversion, model, weights, unproved, learned, notes, steps=steps, seed=seed, given=given
    )
    checks = Groups(groups, unproved)
    return Verification(checks, translated.AGAINST, notes, unproved, _claim(conversion, steps))


def _learns(conversion):
    """Whether there is a training to compare: not where a graph is for prediction alone."""
    return conversion.graph is None or trains(conversion.graph.graph_def)


def _claim(conversion, steps):
    """What is claimed to be equal: outputs, or outputs and training, and which."""
    outputs = ", ".join(conversion.outputs.values())
    named = [f"outputs {outputs}".strip()]
    states = getattr(conversion.blueprint, "states", [])
    named += [f"states handed on from call to call ({', '.join(states)})"] if states else []
    if not _learns(conversion):
        return "; ".join([*named, "the graph trains nothing"])
    return " and ".join([*named, f"{steps} steps of training"] if steps else named)


def _learning(conversion, model, weights, reference, notes, *, steps, seed, given):
    """The optimizer, gradients and steps of training, where the graph has them."""
    yield from optimizer_checks(conversion, model, notes)
    dtype = "float64" if reference.upcast else conversion.blueprint.dtype
    cast = {name: cast_all(arrays, dtype) for name, arrays in weights.items()}
    try:
        if not reference.graph:
            raise NoTraining("there is no graph that runs here")
        options = {"model": model, "dtype": dtype, "steps": steps, "seed": seed, "given": given}
        yield from training_checks(conversion, cast, **options)
    except NoTraining as reason:
        notes.append(f"gradients and steps are not compared: {reason}")


def _differing_layers(blueprint, weights):
    """The layers whose weights differ in number or shape from those of the checkpoint."""
    return [
        spec.name
        for spec in blueprint.specs
        if {role: value.shape for role, value in spec.weights.items()}
        != {role: value.shape for role, value in weights[spec.name].items()}
    ]
