"""Wrong ports of a user's own model: what the ladder would notice of them on these batches.

Each is the user's model with one known mistake in it. What no rung notices, a mistake of that kind
could hide in: give other batches, or a model that was trained.
"""

import functools

import keras
import numpy as np

from porting.comparison import rungs
from porting.comparison.progress import progress
from porting.controls.bench import Bench
from porting.controls.control import Control
from porting.diagnosis.keras_models import same
from porting.mistakes.layers import changes
from porting.mistakes.models import activations, parts, replace_activations
from porting.mistakes.states import RESUMED, without_count, without_slots
from porting.mistakes.weights import gates_cause, undone
from porting.ports.keras_side import CLIPS
from porting.ports.port import climb_options, modern_of, rung
from shared.errors import UserError

# Of all orders of the gates: TF1's, and one of another library's.
_ORDERS = [gates_cause(order) for order in ((0, 2, 1, 3), (3, 1, 2, 0))]
_OTHER = {"tanh": "relu", "sigmoid": "hard_sigmoid", "relu": "linear"}
_CLIP = 1e-3  # a norm that gradients are hardly ever below


def matrix(port):
    """Climbs with every wrong port that can be made of the model: rows as porting.controls has.

    Args:
        port: porting.ports.port.Port whose modern side is a porting.ports.keras_side.KerasSide.

    Raises:
        UserError: the port itself fails.
    """
    dtype = port.dtypes[-1]
    bench = Bench(
        port.legacy,
        lambda control, dtype: control.make(modern_of(port, dtype)(dtype)),
        port.batches,
        dtype=dtype,
        compare=rung,
        later=True,  # how much a mistake does to a first step depends on the model
        **climb_options(port, dtype),
    )
    found, failed, _ = bench.climb(_control("right", "no mistake", lambda side: side, 7, None))
    if failed is not None:
        raise UserError(f"the port itself parts: {failed.quantity}; mend it before --controls")
    compared = {name for name, result in found.items() if result == "passes"}
    tried = of(bench.laboratory, modern_of(port, dtype)(dtype), port.batches[0])
    tried = [control for control in tried if rungs.name(control.rung) in compared]
    return [bench.row(control) for control in progress(tried, "wrong ports", unit="")]


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


def _control(name, what, make, rung, cause):
    return Control(name, what, (), make, rung, cause)


# What each function makes: a side that is given a mistake.


def _mapped(change, side):
    """A wrong map of weights, in and out: its named weights look right."""
    weights, gradients = side.weights, side.gradients
    side.set_weights(change(side.weights()))

    def told(*batch):
        loss, found = gradients(*batch)
        return loss, undone(change, found)

    side.weights = lambda: undone(change, weights())
    side.gradients = told
    return side


def _holding(change, side):
    """The right weights at hand, and others to compute with."""
    held = side.weights()
    side.set_weights(change(held))
    side.weights = lambda: held
    return side


def _reading(change, side):
    """Other inputs."""
    forward, gradients = side.forward, side.gradients
    side.forward = lambda inputs: forward(change(inputs))
    side.gradients = lambda inputs, labels: gradients(change(inputs), labels)
    return side


def _activated(before, after, side):
    """One activation function in the place of another."""
    replace_activations(side.model, *(keras.activations.get(name) for name in (before, after)))
    return side


def _multiplied(loss_by, gradients_by, side):
    """A loss or gradients times a number, or divided by it."""
    gradients = side.gradients

    def told(inputs, labels):
        loss, found = gradients(inputs, labels)
        size = len(labels)
        return loss * loss_by(size), {k: v * gradients_by(size) for k, v in found.items()}

    side.gradients = told
    return side


def _optimized(name, value, side):
    """Another option of the optimizer."""
    return side.again({name: value})


def _begun(change, side):
    """Another state of the optimizer from the start, whenever the side is made."""
    again = side.again
    side.again = lambda changes=None: _begun(change, again(changes))
    side.restore(change(side.state()))
    return side


def _resumed(change, side):
    """A state that is taken over in part."""
    restore = side.restore
    side.restore = lambda state: restore(change(state, None))
    return side


# Which of them apply.


def _weights(legacy, modern):
    held = modern.weights()
    for change in changes(legacy.families, each=False):
        other_order = change.cause.startswith("gates in") and change.cause not in _ORDERS
        changed = change.apply(held)
        unchanged = all(np.array_equal(changed[name], held[name]) for name in held)
        if not (other_order or unchanged):
            make = functools.partial(_mapped if change.moves else _holding, change.apply)
            yield _control(change.cause, "weights carried wrongly", make, 2, change.cause)


def _inputs(legacy, batch):
    inputs, _ = batch
    for cause, change in legacy.input_changes.items():
        changed = change(inputs)
        if any(not np.array_equal(changed[name], inputs[name]) for name in inputs):
            make = functools.partial(_reading, change)
            yield _control(cause, "the model is fed something else", make, 2, cause)


def _activations(modern):
    used = {f for part in parts(modern.model) for f in activations(part).values()}
    for before, after in _OTHER.items():
        if keras.activations.get(before) in used:
            make = functools.partial(_activated, before, after)
            cause = f"{after} for {before}"
            yield _control(cause, "another activation function", make, 2, cause)


def _loss():
    def one(size):
        return 1

    def share(size):
        return 1 / size

    def whole(size):
        return size

    summed = functools.partial(_multiplied, whole, whole)
    cause = "loss summed over the batch"
    yield _control("summed loss", "the sum over the batch for its mean", summed, 3, cause)
    averaged, what = functools.partial(_multiplied, one, share), "gradients divided by the size"
    yield _control("averaged twice", f"{what} of the batch", averaged, 4, what)


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
    make = functools.partial(_optimized, name, value)
    return _control(label, f"{name} of the optimizer is {value}", make, 5, f"{name} is {value}")


def _states(legacy, state):
    adam = legacy.config.optimizer == "adam"
    if any(np.any(value) for value in state.slots.values()):
        begun = functools.partial(_begun, without_slots)
        what = "zeros for the checkpoint's slots"
        yield _control("slots left behind", what, begun, 5, "slots not taken over")
    if adam and state.count:
        begun = functools.partial(_begun, without_count)
        what = "Adam corrects its moments anew"
        yield _control("step count left behind", what, begun, 5, "step count not taken over")
    causes = ["slots not taken over"] if state.slots else []
    for cause in [*causes, *(["step count not taken over"] if adam else [])]:
        resumed = functools.partial(_resumed, RESUMED[cause])
        yield _control(f"{cause} on resuming", "a part of the state is lost", resumed, 7, cause)
