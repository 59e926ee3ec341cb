"""Known mistakes in the Keras model of a side, `side.model`, or in its optimizer or loss."""

import keras

from tf1port.pitfalls.models import replace_activations
from tf1port.pitfalls.updates import WRONG, RuledAdam


def rebuilt(change, side):
    """A side whose model is changed: `change(side)`."""
    change(side)
    return side


def activated(before, after, side):
    """Replaces an activation function by another, by Keras' names."""
    replace_activations(side.model, *(keras.activations.get(name) for name in (before, after)))
    return side


def compiled(side, *, optimizer=None, loss=None):
    """Compiles with another optimizer or loss, given as functions of the side."""
    options = {"optimizer": side.model.optimizer, "loss": side.model.loss}
    if optimizer is not None:
        options["optimizer"] = optimizer(side)
    if loss is not None:
        options["loss"] = loss(side)
    side.model.compile(**options)
    side.model.optimizer.build(side.model.trainable_variables)
    return side


def softmax_twice(side):
    """A loss that treats probabilities as logits."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=side.dtype)

    # Keras would detect a softmax, and use the logits before it.
    def of_probabilities(labels, logits):
        return loss(labels, keras.ops.exp(keras.ops.log_softmax(logits)))

    return compiled(side, loss=lambda side: of_probabilities)


def ruled(pitfall, side):
    """An update rule that is not TF1's, by a key of tf1port.pitfalls.updates.WRONG."""
    return compiled(side, optimizer=lambda side: RuledAdam(WRONG[pitfall], side.config))


def optimized(changes, side):
    """Other options of the optimizer, by name; its slots are reset."""

    def changed(side):
        own = side.model.optimizer
        return _kind(own).from_config({**own.get_config(), **changes})

    return compiled(side, optimizer=changed)


def with_softmax(side):
    """Probabilities instead of logits."""
    outputs = keras.layers.Softmax(name="probabilities")(side.model.output)
    side.model = keras.Model(side.model.input, outputs)


def with_new_logits(side):
    """Resets the last layer to its weights before any are loaded."""
    layer = side.model.get_layer("logits")
    for variable in layer.trainable_variables:
        variable.assign(keras.ops.zeros_like(variable))


def _kind(optimizer):
    """The Keras class of an optimizer, or its base class in Keras."""
    classes = type(optimizer).__mro__
    return next(c for c in classes if getattr(keras.optimizers, c.__name__, None) is c)
