"""Wrong ports of a user's own model: what the ladder would notice of them on these batches.

Each is the user's model with one known mistake in it. What no rung notices, a mistake of that kind
could hide in: give other batches, or a model that was trained.
"""

import functools

import keras
import numpy as np

from tf1port.comparison.controls import wrong_keras as wrong_sides
from tf1port.comparison.controls.control import Control
from tf1port.comparison.controls.runner import Bench, why_not_run
from tf1port.comparison.diagnosis.keras_models import same
from tf1port.comparison.ladder import rungs
from tf1port.comparison.port.port import rung
from tf1port.comparison.sides.keras import CLIPS
from tf1port.errors import UserError
from tf1port.pitfalls.layers import changes
from tf1port.pitfalls.models import activations, parts
from tf1port.pitfalls.states import RESUMED, without_count, without_slots
from tf1port.pitfalls.weights import gates_cause
from tf1port.progress import progress

# Of all orders of the gates: TF1's, and one of another library's.
_ORDERS = [gates_cause(order) for order in ((0, 2, 1, 3), (3, 1, 2, 0))]
_OTHER = {"tanh": "relu", "sigmoid": "hard_sigmoid", "relu": "linear"}
_CLIP = 1e-3  # a norm that gradients are hardly ever below


def matrix(port):
    """Climbs with every wrong port that can be made of the model: rows as
    equivalence.controls.matrix has.

    Args:
        port: Port whose modern side is a KerasSide.

    A mistake whose own check the port does not offer is not tried; its row says why.

    Raises:
        UserError: the port itself fails.
    """
    dtype = port.dtypes[-1]
    bench = Bench(
        port.legacy,
        lambda control, dtype: control.make(port.modern_in(dtype)(dtype)),
        port.batches,
        dtype=dtype,
        compare=rung,
        later=True,  # how much a mistake does to a first step depends on the model
        twin=port.twin(dtype),
    )
    found, failed, _, seen = bench.climb(
        _control("right", "no mistake", lambda side: side, 7, None)
    )
    if failed is not None:
        raise UserError(f"the port itself differs: {failed.quantity}; fix it before --controls")
    tried = of(bench.laboratory, port.modern_in(dtype)(dtype), port.batches[0])
    tried = [control for control in tried if control.rung in port.checks]
    rows = []
    for control in progress(tried, "wrong ports", unit=""):
        why = why_not_run(control, found, seen)
        rows.append(_not_tried(control, found, why) if why else bench.row(control))
    return rows


def of(legacy, modern, batch):
    """The controls of a port: `make` takes a modern side and gives it the mistake.

    Args:
        legacy, modern: a CheckpointSide and a KerasSide before their first step.
        batch: inputs and labels.
    """
    found = [*_weights(legacy, modern), *_inputs(legacy, batch), *_activations(modern)]
    if modern.compiled:
        found += [*_loss(), *_options(legacy, modern), *_states(legacy, modern.state())]
    return found


def _not_tried(control, found, why):
    """The row of a control whose own check was not compared with the right port either."""
    return {
        "name": control.name,
        "what": control.what,
        "rung": rungs.name(control.rung),
        "found": dict.fromkeys(found, "not reached"),
        "caught": False,
        "not_run": why,
        "diagnosis": None,
    }


def _control(name, what, make, rung, cause):
    return Control(name, what, (), make, rung, cause)


def _weights(legacy, modern):
    held = modern.weights()
    for change in changes(legacy.families, each=False):
        other_order = change.cause.startswith("gates in") and change.cause not in _ORDERS
        changed = change.apply(held)
        unchanged = all(np.array_equal(changed[name], held[name]) for name in held)
        if not (other_order or unchanged):
            make = functools.partial(
                wrong_sides.mapped if change.moves else wrong_sides.holding, change.apply
            )
            yield _control(change.cause, "weights carried wrongly", make, 2, change.cause)


def _inputs(legacy, batch):
    inputs, _ = batch
    for cause, change in legacy.input_changes.items():
        changed = change(inputs)
        if any(not np.array_equal(changed[name], inputs[name]) for name in inputs):
            make = functools.partial(wrong_sides.reading, change)
            yield _control(cause, "the model is fed something else", make, 2, cause)


def _activations(modern):
    used = {f for part in parts(modern.model) for f in activations(part).values()}
    for before, after in _OTHER.items():
        if keras.activations.get(before) in used:
            make = functools.partial(wrong_sides.activated, before, after)
            cause = f"{after} for {before}"
            yield _control(cause, "another activation function", make, 2, cause)


def _loss():
    cause = "loss summed over the batch"
    what = "the sum over the batch for its mean"
    yield _control("summed loss", what, wrong_sides.summed, 3, cause)
    cause = "gradients divided by the size of the batch once more"
    yield _control("averaged twice", cause, wrong_sides.averaged_twice, 4, cause)


def _options(legacy, modern):
    right = legacy.config.options
    usual = type(modern.model.optimizer)().get_config()
    for name in sorted(right.keys() & usual.keys() - {*CLIPS}):
        if name == "learning_rate":
            yield _option("learning rate doubled", name, 2 * float(right[name]))
        elif isinstance(right[name], float) and not same(right[name], usual[name]):
            yield _option(f"Keras' own {name}", name, usual[name])
    clips = [name for name in CLIPS if right.get(name)]
    for name in clips:
        yield _option("gradients not clipped", name, None)
    if not clips:
        yield _option("gradients clipped", "global_clipnorm", _CLIP)


def _option(label, name, value):
    make = functools.partial(wrong_sides.optimized, name, value)
    return _control(label, f"{name} of the optimizer is {value}", make, 5, f"{name} is {value}")


def _states(legacy, state):
    adam = legacy.config.optimizer == "adam"
    if any(np.any(value) for value in state.slots.values()):
        begun = functools.partial(wrong_sides.begun, without_slots)
        what = "zeros for the checkpoint's slots"
        yield _control("slots left behind", what, begun, 5, "slots not taken over")
    if adam and state.count:
        begun = functools.partial(wrong_sides.begun, without_count)
        what = "Adam corrects its moments anew"
        yield _control("step count left behind", what, begun, 5, "step count not taken over")
    causes = ["slots not taken over"] if state.slots else []
    for cause in [*causes, *(["step count not taken over"] if adam else [])]:
        resumed = functools.partial(wrong_sides.resumed, RESUMED[cause])
        yield _control(f"{cause} on resuming", "a part of the state is lost", resumed, 7, cause)
