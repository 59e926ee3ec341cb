"""Gives a Keras side one known mistake: each function takes a KerasSide and returns a wrong one."""

import keras

from tf1port.pitfalls.models import replace_activations
from tf1port.pitfalls.weights import undone


def mapped(change, side):
    """A wrong map of weights, in and out: its named weights look right."""
    weights, gradients = side.weights, side.gradients
    side.set_weights(change(side.weights()))

    def told(*batch):
        loss, found = gradients(*batch)
        return loss, undone(change, found)

    side.weights = lambda: undone(change, weights())
    side.gradients = told
    return side


def holding(change, side):
    """The right weights at hand, and others to compute with."""
    held = side.weights()
    side.set_weights(change(held))
    side.weights = lambda: held
    return side


def reading(change, side):
    """Other inputs."""
    forward, gradients = side.forward, side.gradients
    side.forward = lambda inputs: forward(change(inputs))
    side.gradients = lambda inputs, labels: gradients(change(inputs), labels)
    return side


def activated(before, after, side):
    """One activation function in the place of another."""
    replace_activations(side.model, *(keras.activations.get(name) for name in (before, after)))
    return side


def summed(side):
    """The sum over the batch for its mean."""
    gradients = side.gradients

    def told(inputs, labels):
        loss, found = gradients(inputs, labels)
        return loss * len(labels), {name: value * len(labels) for name, value in found.items()}

    side.gradients = told
    return side


def averaged_twice(side):
    """Gradients divided by the size of the batch once more."""
    gradients = side.gradients

    def told(inputs, labels):
        loss, found = gradients(inputs, labels)
        return loss, {name: value / len(labels) for name, value in found.items()}

    side.gradients = told
    return side


def optimized(name, value, side):
    """Another option of the optimizer."""
    return side.again({name: value})


def begun(change, side):
    """Another state of the optimizer from the start, whenever the side is made."""
    again = side.again
    side.again = lambda *changed, **others: begun(change, again(*changed, **others))
    side.restore(change(side.state()))
    return side


def resumed(change, side):
    """A state that is taken over in part."""
    restore = side.restore
    side.restore = lambda state: restore(change(state, None))
    return side
