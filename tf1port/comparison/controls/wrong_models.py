"""Known mistakes in the Keras model of a side, `side.model`, or in what it is compiled with."""

import keras

from tf1port.pitfalls.models import replace_activations
from tf1port.pitfalls.updates import WRONG, RuledAdam


def rebuilt(change, side):
    """A side whose model is changed: `change(side)`."""
    change(side)
    return side


def activated(before, after, side):
    """One activation function in the place of another, by Keras' names."""
    replace_activations(side.model, *(keras.activations.get(name) for name in (before, after)))
    return side


def compiled(side, *, optimizer=None, loss=None):
    """Another optimizer or loss: functions of the side that make one."""
    options = {"optimizer": side.model.optimizer, "loss": side.model.loss}
    if optimizer is not None:
        options["optimizer"] = optimizer(side)
    if loss is not None:
        options["loss"] = loss(side)
    side.model.compile(**options)
    side.model.optimizer.build(side.model.trainable_variables)
    return side


def softmax_twice(side):
    """The loss of probabilities that are taken for logits."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=side.dtype)

    # Keras would notice a softmax, and take the logits from before it.
    def of_probabilities(labels, logits):
        return loss(labels, keras.ops.exp(keras.ops.log_softmax(logits)))

    return compiled(side, loss=lambda side: of_probabilities)


def ruled(pitfall, side):
    """An update rule that is not TF1's: of a key of tf1port.pitfalls.updates.WRONG."""
    return compiled(side, optimizer=lambda side: RuledAdam(WRONG[pitfall], side.config))


def optimized(changes, side):
    """Other options of the optimizer, by name; its slots start anew."""

    def other(side):
        own = side.model.optimizer
        return _kind(own).from_config({**own.get_config(), **changes})

    return compiled(side, optimizer=other)


def with_softmax(side):
    """Probabilities in the place of logits."""
    outputs = keras.layers.Softmax(name="probabilities")(side.model.output)
    side.model = keras.Model(side.model.input, outputs)


def with_new_logits(side):
    """The last layer as it is before any weights are loaded."""
    layer = side.model.get_layer("logits")
    for variable in layer.trainable_variables:
        variable.assign(keras.ops.zeros_like(variable))


def _kind(optimizer):
    """The class of Keras that an optimizer is of, or derives from."""
    classes = type(optimizer).__mro__
    return next(c for c in classes if getattr(keras.optimizers, c.__name__, None) is c)
