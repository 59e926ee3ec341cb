"""The learning rates of both sides of a port, after some numbers of steps."""

from tf1port.comparison.ladder import constants
from tf1port.comparison.ladder.constants import RATE

_DIGITS = 6  # to which a rate that float32 rounds is the same


def of_optimizers(evidence):
    """The constants of both optimizers by name, including their rates; empty if not offered."""
    sides = evidence.legacy, evidence.live
    if not all(hasattr(side, "optimizer_constants") for side in sides):
        return {}, {}
    numbers = [number for side in sides for number in side.turning_points()]
    counts = constants.counts(numbers)
    legacy, modern = (side.optimizer_constants(evidence.batches[0], counts) for side in sides)
    return legacy, modern


def is_scheduled(evidence):
    """Whether the learning rate of a side follows a schedule."""
    for options in of_optimizers(evidence):
        values = [value for name, value in options.items() if name.startswith(RATE)]
        if len({f"{value:.{_DIGITS}g}" for value in values}) > 1:
            return True
    return False
