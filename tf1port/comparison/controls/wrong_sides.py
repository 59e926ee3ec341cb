"""Sides with one known mistake, up to the gradients: each function takes any Side, returns a wrong
one. The right one is changed by it.
"""

from typing import Any

from tf1port.comparison.sides.protocol import NotOffered, State
from tf1port.pitfalls import sequences
from tf1port.pitfalls.weights import forget_bias_added, undone


class Wrong:
    """A side that delegates to the right one, except for the methods of a subclass."""

    right: Any = None

    def __init__(self, right):
        self.right = right

    def __getattr__(self, name):
        return getattr(self.right, name)


def mapped(change, side):
    """A wrong map of weights, in and out: its named weights look right."""

    class Mapped(Wrong):
        def weights(self):
            return undone(change, self.right.weights())

        def gradients(self, inputs, labels):
            loss, gradients = self.right.gradients(inputs, labels)
            return loss, undone(change, gradients)

    return Mapped(loaded(change, side))


def loaded(change, side):
    """Weights that were changed on the way in."""
    try:
        state = side.state()
    except NotOffered:  # nothing trains it
        state = State(side.weights(), {}, 0)
    side.restore(state._replace(weights=change(state.weights)))
    return side


def computing_with(change, side):
    """Reports the right weights, and computes with changed ones."""
    right = side.weights()

    class Computing(Wrong):
        def weights(self):
            return right

    return Computing(loaded(change, side))


def reading(change, side):
    """Other inputs."""

    class Reading(Wrong):
        def forward(self, inputs):
            return self.right.forward(change(inputs))

        def gradients(self, inputs, labels):
            return self.right.gradients(change(inputs), labels)

        def train_steps(self, batches):
            return self.right.train_steps([(change(inputs), labels) for inputs, labels in batches])

    return Reading(side)


class StatesExchanged(Wrong):
    """Keras' (h, c) mistaken for TF1's (c, h)."""

    def forward(self, inputs):
        return sequences.states_exchanged(self.right.forward(inputs))


class MaskIgnored(Wrong):
    """Processes the padding of short sequences as steps."""

    def forward_lengths(self, inputs, lengths):
        return self.right.forward_lengths(inputs, sequences.whole(lengths, lengths.max()))


class LastRepeated(Wrong):
    """Outputs beyond a length repeat the last one, as Keras' default."""

    def forward_lengths(self, inputs, lengths):
        outputs = dict(self.right.forward_lengths(inputs, lengths))
        for name in sequences.of_layers(outputs):
            outputs[name] = sequences.last_repeated(outputs[name], lengths)
        return outputs


class Summed(Wrong):
    """The sum over the batch instead of its mean."""

    def gradients(self, inputs, labels):
        loss, gradients = self.right.gradients(inputs, labels)
        return loss * len(labels), _scaled(gradients, len(labels))


class OneMore(Wrong):
    """An accuracy that counts one example too many."""

    def accuracy(self, inputs, labels):
        return self.right.accuracy(inputs, labels) + 1 / len(labels)


class AveragedTwice(Wrong):
    """Gradients divided by the batch size twice."""

    def gradients(self, inputs, labels):
        loss, gradients = self.right.gradients(inputs, labels)
        return loss, _scaled(gradients, 1 / len(labels))


class ForgetBiasInGradients(Wrong):
    """Gradients mapped as weights are."""

    def gradients(self, inputs, labels):
        loss, gradients = self.right.gradients(inputs, labels)
        return loss, forget_bias_added(gradients, amount=self.config.forget_bias)


def _scaled(gradients, factor):
    return {name: value * factor for name, value in gradients.items()}
