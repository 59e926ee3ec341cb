"""Wrong ports: how a side comes to make one known mistake. What the ladder has to notice.

Each function here returns something that is called like ModernSide and makes such a side.
"""

import dataclasses

import keras
import numpy as np

from equivalence.modern_side import ModernSide
from tf1port.pitfalls import sequences as output_changes
from tf1port.pitfalls import weights as weight_changes
from tf1port.pitfalls.models import replace_activations


def loaded(change):
    """A port whose weights were changed on the way in."""
    return lambda config, weights, **options: ModernSide(config, change(weights), **options)


def mapped(change):
    """A port with a wrong map of weights, in and out: its named weights look right."""

    class Mapped(ModernSide):
        def __init__(self, config, weights, **options):
            super().__init__(config, change(weights), **options)

        def weights(self):
            return weight_changes.undone(change, super().weights())

        def gradients(self, images, labels):
            loss, gradients = super().gradients(images, labels)
            return loss, weight_changes.undone(change, gradients)

    return Mapped


def computing_with(change):
    """A port that holds the right weights and computes with others."""

    class Computing(ModernSide):
        def __init__(self, config, weights, **options):
            super().__init__(config, change(weights), **options)
            self.held = {name: value.astype(self.dtype) for name, value in weights.items()}

        def weights(self):
            return self.held

    return Computing


def reading(change):
    """A port that reads other images."""

    class Reading(ModernSide):
        def forward(self, images):
            return super().forward(change(images))

        def gradients(self, images, labels):
            return super().gradients(change(images), labels)

        def train_steps(self, batches):
            return super().train_steps([(change(images), labels) for images, labels in batches])

    return Reading


def configured(**changes):
    """A port with other hyper-parameters."""

    def make(config, weights, **options):
        return ModernSide(dataclasses.replace(config, **changes), weights, **options)

    return make


def rebuilt(change):
    """A port whose side is changed once it is built: `change(side)`."""

    def make(config, weights, **options):
        side = ModernSide(config, weights, **options)
        change(side)
        return side

    return make


def compiled(*, optimizer=None, loss=None):
    """A port with another optimizer or loss: functions of the side that make one."""

    def change(side):
        options = {"optimizer": side.model.optimizer, "loss": side.model.loss}
        if optimizer is not None:
            options["optimizer"] = optimizer(side)
        if loss is not None:
            options["loss"] = loss(side)
        side.model.compile(**options)
        side.model.optimizer.build(side.model.trainable_variables)

    return rebuilt(change)


def activated(before, after):
    """A port that has one activation function in the place of another, by Keras' names."""
    functions = [keras.activations.get(name) for name in (before, after)]
    return rebuilt(lambda side: replace_activations(side.model, *functions))


def summed_loss(side):
    """The loss summed over the batch."""
    return keras.losses.SparseCategoricalCrossentropy(
        from_logits=True, reduction="sum", dtype=side.dtype
    )


def softmax_twice(side):
    """The loss of probabilities that are taken for logits."""
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=side.dtype)

    # Keras would notice a softmax, and take the logits from before it.
    return lambda labels, logits: loss(labels, keras.ops.exp(keras.ops.log_softmax(logits)))


class StatesExchanged(ModernSide):
    """A port that takes Keras' (h, c) for TF1's (c, h)."""

    def forward(self, images):
        outputs = super().forward(images)
        outputs["lstm/c"], outputs["lstm/h"] = outputs["lstm/h"], outputs["lstm/c"]
        return outputs


class OneMore(ModernSide):
    """A port whose accuracy counts one example too many."""

    def accuracy(self, images, labels):
        return super().accuracy(images, labels) + 1 / len(labels)


class Padded(ModernSide):
    """A port that pads its sequences and takes the last output, padding or not."""

    PADDING = 2  # rows

    def __init__(self, config, weights, **options):
        wider = dataclasses.replace(config, rows=config.rows + 2, window=config.window + 2)
        super().__init__(wider, weights, **options)
        self.steps = config.window

    def forward(self, images):
        outputs = super().forward(self._padded(images))
        return {**outputs, "rnn": outputs["rnn"][:, : self.steps]}

    def gradients(self, images, labels):
        return super().gradients(self._padded(images), labels)

    def _padded(self, images):
        return np.pad(images, ((0, 0), (0, self.PADDING), (0, 0)))


class Float32(ModernSide):
    """A port that stays in float32 where it was asked for float64."""

    def __init__(self, config, weights, *, dtype, **options):
        super().__init__(config, weights, dtype="float32", **options)


class ForgetBiasInGradients(ModernSide):
    """A port that maps gradients as it maps weights."""

    def gradients(self, images, labels):
        loss, gradients = super().gradients(images, labels)
        amount = self.config.forget_bias
        return loss, weight_changes.forget_bias_added(gradients, amount=amount)


class AveragedTwice(ModernSide):
    """A port that divides the gradients of a mean by the size of the batch, once more."""

    def gradients(self, images, labels):
        loss, gradients = super().gradients(images, labels)
        return loss, {name: value / len(labels) for name, value in gradients.items()}


class MaskIgnored(ModernSide):
    """A port that runs over the padding of its sequences."""

    def forward_lengths(self, images, lengths):
        whole = output_changes.whole(lengths, self.config.window)
        return super().forward_lengths(images, whole)


class LastRepeated(ModernSide):
    """A port whose outputs beyond a sequence's length repeat the last one, as Keras' default."""

    def forward_lengths(self, images, lengths):
        outputs = super().forward_lengths(images, lengths)
        name = "lstm" if "lstm" in outputs else "rnn"
        outputs[name] = output_changes.last_repeated(outputs[name], lengths)
        return outputs
