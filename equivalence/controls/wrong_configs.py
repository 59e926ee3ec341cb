"""Known mistakes that need another ModernSide: functions from a right one to a wrong one."""

import numpy as np

from equivalence.modern_side import ModernSide
from tf1port.comparison.controls.wrong_sides import Wrong

_PADDING = 2  # rows


def configured(**changes):
    """Other hyper-parameters."""
    return lambda side: side.configured(**changes)


def doubled_rate(side):
    """Twice the learning rate."""
    return side.configured(learning_rate=2 * side.config.learning_rate)


def in_float32(side):
    """A side that computes in float32 instead of float64."""
    return ModernSide(side.config, side.weights())


class Padded(Wrong):
    """Pads its sequences and uses the last output, even if it is padding."""

    def __init__(self, right):
        config = right.config
        self.steps = config.window
        rows = {name: getattr(config, name) + _PADDING for name in ("rows", "window")}
        super().__init__(right.configured(**rows))

    def forward(self, images):
        outputs = self.right.forward(_padded(images))
        return {**outputs, "rnn": outputs["rnn"][:, : self.steps]}

    def gradients(self, images, labels):
        return self.right.gradients(_padded(images), labels)


def _padded(images):
    return np.pad(images, ((0, 0), (0, _PADDING), (0, 0)))
