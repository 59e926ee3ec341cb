"""Known mistakes in a user's own model: what the ladder would notice of them on these batches.

Each is made in the user's model. A mistake that no check notices could be in the port: give other
batches, or a trained model.
"""

import functools

import keras
import numpy as np

from tf1port.comparison.controls import wrong_models, wrong_sides, wrong_trainings
from tf1port.comparison.controls.control import Control
from tf1port.comparison.controls.runner import Bench, why_not_run
from tf1port.comparison.diagnosis.options import OPTIONS, same
from tf1port.comparison.ladder import checks
from tf1port.comparison.port.port import check
from tf1port.comparison.sides.keras import CLIPS
from tf1port.errors import UserError
from tf1port.pitfalls import catalogue
from tf1port.pitfalls.layers import changes
from tf1port.pitfalls.models import activations, layers_and_cells
from tf1port.pitfalls.states import RESUMED, without_count, without_slots
from tf1port.pitfalls.weights import gates_cause
from tf1port.progress import progress

# The wrong orders of gates that are tried: TF1's, and another library's.
_ORDERS = [gates_cause(order) for order in ((0, 2, 1, 3), (3, 1, 2, 0))]
_REPLACEMENTS = {"tanh": "relu", "sigmoid": "hard_sigmoid", "relu": "linear"}
_CLIP = 1e-3  # a norm that gradients nearly always exceed


def matrix(port):
    """Runs the ladder with every known mistake that can be made in the model.

    Returns rows as tf1port.comparison.ladder.entries.Control has them.

    Args:
        port: Port whose modern side is a KerasSide.

    A mistake whose own check the port does not offer is not tried; its row says why.

    Raises:
        UserError: the port itself fails.
    """
    dtype = port.dtypes[-1]
    bench = Bench(
        port.legacy,
        lambda dtype: port.modern_in(dtype)(dtype),
        port.batches,
        dtype=dtype,
        compare=check,
        later=True,  # the effect of a mistake on a first step depends on the model
        twin=port.twin(dtype),
    )
    results, failed, _, seen = bench.run(checks.number("resumed losses"), lambda side: side)
    if failed is not None:
        raise UserError(f"the port itself differs: {failed.quantity}; fix it before --controls")
    tried = of(bench.laboratory, port.modern_in(dtype)(dtype), port.batches[0])
    tried = [control for control in tried if control.check in port.checks]
    rows = []
    for control in progress(tried, "known mistakes", unit=""):
        why = why_not_run(control, results, seen)
        rows.append(bench.untried(control, why) if why else bench.row(control))
    return rows


def of(legacy, modern, batch):
    """The controls of a port.

    Args:
        legacy, modern: a CheckpointSide and a KerasSide before their first step.
        batch: inputs and labels.
    """
    controls = [*_weights(legacy, modern), *_inputs(legacy, batch), *_activations(modern)]
    if modern.compiled:
        controls += [*_loss(), *_options(legacy, modern), *_states(legacy, modern.state())]
    return controls


def _weights(legacy, modern):
    own = modern.weights()
    for change in changes(legacy.families, own, single_layers=False):
        unusual_order = change.cause.startswith("gates in") and change.cause not in _ORDERS
        changed = change.apply(own)
        unchanged = all(np.array_equal(changed[name], own[name]) for name in own)
        if not (unusual_order or unchanged):
            wrong = wrong_sides.mapped if change.moves else wrong_sides.computing_with
            yield _control(change, wrong, 2)


def _inputs(legacy, batch):
    inputs, _ = batch
    for change in legacy.input_changes:
        changed = change.apply(inputs)
        if any(not np.array_equal(changed[name], inputs[name]) for name in inputs):
            yield _control(change, wrong_sides.reading, 2)


def _control(change, wrong, check):
    make = functools.partial(wrong, change.apply)
    return Control(change.pitfall, make, check, change.words)


def _activations(modern):
    used = {f for layer in layers_and_cells(modern.model) for f in activations(layer).values()}
    for before, after in _REPLACEMENTS.items():
        if keras.activations.get(before) in used:
            make = functools.partial(wrong_models.activated, before, after)
            yield Control(catalogue.ACTIVATION, make, 2, f"{after} for {before}")


def _loss():
    yield Control(catalogue.SUMMED, wrong_sides.Summed, 3)
    yield Control(catalogue.AVERAGED_TWICE, wrong_sides.AveragedTwice, 4)


def _options(legacy, modern):
    right = legacy.config.options
    usual = type(modern.model.optimizer)().get_config()
    for name in sorted(right.keys() & usual.keys() - {*CLIPS}):
        if name == "learning_rate":
            yield _option(name, 2 * float(right[name]))
        elif isinstance(right[name], float) and not same(right[name], usual[name]):
            yield _option(name, usual[name])
    clips = [name for name in CLIPS if right.get(name)]
    for name in clips:
        yield _option(name, None)
    if not clips:
        yield _option("global_clipnorm", _CLIP)


def _option(name, value):
    make = functools.partial(wrong_trainings.with_option, name, value)
    pitfall = OPTIONS.get(name, catalogue.OTHER_OPTION)
    return Control(pitfall, make, 5, f"{name} is {value}")


def _states(legacy, state):
    adam = legacy.config.optimizer == "adam"
    if any(np.any(value) for value in state.slots.values()):
        yield _state(catalogue.SLOTS, wrong_trainings.begun, without_slots, 5)
    if adam and state.count:
        yield _state(catalogue.STEP_COUNT, wrong_trainings.begun, without_count, 5)
    for pitfall in (catalogue.SLOTS,) * bool(state.slots) + (catalogue.STEP_COUNT,) * adam:
        label = f"{pitfall.name} on resuming"
        yield _state(pitfall, wrong_trainings.resuming, RESUMED[pitfall], 7, label)


def _state(pitfall, wrong, change, check, label=""):
    return Control(pitfall, functools.partial(wrong, change), check, label)
