"""The one table of tolerances: how far the two sides may differ, per quantity and dtype.

`observed` is the largest max-abs seen on a 2-core x86-64 machine, TensorFlow 2.21.0 against
itself and against TensorFlow 1.15.5; `reason` says why the bound is not tighter.
"""

from typing import NamedTuple

# What follows a quantity that was compared once more, under the same tolerance.
REDRAWN = ", variables drawn anew"
VARIED = ", placeholders varied"


class Tolerance(NamedTuple):
    """bound: largest max-abs that passes; observed: largest one seen; reason: why not tighter."""

    bound: float
    observed: float
    reason: str


_EXACT = "the same bytes, moved"
_ORDER = "sums of another order: rounding of {} values"
_CELLS = "sums of another order; of values over one, relative to the largest"
_CPUS = "sums of 128 x 19 terms: four times the difference on one CPU; others use another order"
_TRAINED = "trained cells may be chaotic: rounding grows by their largest factor per step"
_RATE = "relative: times the learning rate, and divided by it again"
_SHORT = "of at most 5 steps, over which a trained cell's rounding grows tenfold or so"
_TERMS = "relative to the terms of a gate and the size of the state: two roundings"
_FACTORS = "sums or products in another order, relative to the largest value"
_CHAOS = "an RNN under Adam is chaotic: rounding grows with every step"

TABLE = {
    ("weights", "float32"): Tolerance(0.0, 0.0, _EXACT),
    ("weights", "float64"): Tolerance(0.0, 0.0, _EXACT),
    ("weights with forget bias", "float32"): Tolerance(2.4e-7, 6.0e-8, "one rounding of it"),
    ("weights with forget bias", "float64"): Tolerance(4.5e-16, 0.0, "one rounding of it"),
    ("outputs", "float32"): Tolerance(1e-5, 1.4e-6, _ORDER.format("60 to 62")),
    ("outputs", "float64"): Tolerance(1e-12, 1.8e-15, _ORDER.format("60 to 62")),
    ("outputs of lengths", "float32"): Tolerance(1e-5, 2.6e-6, _ORDER.format("60 to 62")),
    ("outputs of lengths", "float64"): Tolerance(1e-12, 4.2e-15, _ORDER.format("60 to 62")),
    ("cell outputs", "float32"): Tolerance(1e-6, 2.7e-7, _CELLS),
    ("cell outputs", "float64"): Tolerance(1e-12, 4.5e-16, _CELLS),
    ("cell states", "float32"): Tolerance(1e-6, 4.5e-7, _CELLS),
    ("cell states", "float64"): Tolerance(1e-12, 6.7e-16, _CELLS),
    ("cell outputs of a sequence", "float64"): Tolerance(1e-9, 1.5e-12, _TRAINED),
    ("cell states of a sequence", "float64"): Tolerance(1e-9, 1.5e-12, _TRAINED),
    ("logits of a sequence", "float64"): Tolerance(1e-9, 8.6e-12, _TRAINED),
    ("outputs, end to end", "float32"): Tolerance(1e-4, 3.0e-7, _SHORT),
    ("outputs, end to end", "float64"): Tolerance(1e-9, 1.0e-11, _TRAINED),
    ("a sequence in parts, its states handed on", "float64"): Tolerance(1e-9, 8.9e-16, _TRAINED),
    ("layers before the cells", "float32"): Tolerance(1e-4, 2.4e-7, _SHORT),
    ("layers before the cells", "float64"): Tolerance(
        1e-9, 1.0e-14, _ORDER.format("any number of")
    ),
    ("translated op", "float32"): Tolerance(1e-6, 1.6e-7, _FACTORS),
    ("translated op", "float64"): Tolerance(1e-14, 1.6e-16, _FACTORS),
    ("optimizer", "float32"): Tolerance(0.0, 0.0, "constants, as TF1 stores them: float32 (D13)"),
    ("options of layers", "float32"): Tolerance(0.0, 0.0, "constants, as data"),
    ("constants of cells", "float32"): Tolerance(0.0, 0.0, "constants, as data"),
    # Relative; a rate is a power of a decay, computed in float32.
    ("learning rate", "float32"): Tolerance(1e-5, 6.2e-7, "a power of a number near one"),
    ("converted slots", "float32"): Tolerance(0.0, 0.0, _EXACT),
    ("converted slots", "float64"): Tolerance(0.0, 0.0, _EXACT),
    ("gradients of a batch", "float32"): Tolerance(1e-4, 2.4e-7, _SHORT),
    ("gradients of a batch", "float64"): Tolerance(1e-9, 1e-14, _TRAINED),
    ("losses of resumed steps", "float32"): Tolerance(1e-4, 2.4e-6, _CHAOS),
    ("losses of resumed steps", "float64"): Tolerance(1e-9, 1e-14, _CHAOS),
    ("momentum, round trip", "float32"): Tolerance(2.4e-7, 1.2e-7, _RATE),
    ("momentum, round trip", "float64"): Tolerance(4.5e-16, 2.3e-16, _RATE),
    ("losses of 100 resumed steps", "float32"): Tolerance(2e-5, 2.4e-6, _CHAOS),
    ("losses of 100 resumed steps", "float64"): Tolerance(1e-9, 1e-14, _CHAOS),
    ("cell outputs of a short sequence", "float32"): Tolerance(1e-4, 1.8e-7, _SHORT),
    ("cell states of a short sequence", "float32"): Tolerance(1e-4, 2.4e-7, _SHORT),
    ("logits of a short sequence", "float32"): Tolerance(1e-4, 3.0e-7, _SHORT),
    ("cell states of a step", "float32"): Tolerance(2.4e-7, 6e-8, _TERMS),
    ("cell gradients", "float64"): Tolerance(1e-12, 7.4e-16, _CELLS),
    ("logits", "float32"): Tolerance(1e-5, 9.6e-7, _ORDER.format("31")),
    ("logits", "float64"): Tolerance(1e-12, 2.1e-15, _ORDER.format("31")),
    ("loss", "float32"): Tolerance(1e-6, 2.4e-7, _ORDER.format("128")),
    ("loss", "float64"): Tolerance(1e-12, 4.5e-16, _ORDER.format("128")),
    ("accuracy", "float32"): Tolerance(0.0, 0.0, "a count over a power of two"),
    ("accuracy", "float64"): Tolerance(0.0, 0.0, "a count over a power of two"),
    ("gradients", "float32"): Tolerance(2.6e-6, 6.5e-7, _CPUS),
    ("gradients", "float64"): Tolerance(1e-14, 1.5e-15, _ORDER.format("128 x 19")),
    ("slots", "float32"): Tolerance(1e-7, 1.5e-8, "a tenth of a gradient"),
    ("slots", "float64"): Tolerance(1e-15, 3.0e-17, "a tenth of a gradient"),
    # Adam divides a gradient by its own size: the sign of a tiny one decides over a whole step.
    ("stepped weights", "float32"): Tolerance(5e-5, 1.0e-6, "Adam scales tiny gradients up"),
    ("stepped weights", "float64"): Tolerance(1e-9, 1.0e-12, "Adam scales tiny gradients up"),
    ("losses of 50 steps", "float32"): Tolerance(1e-5, 2.4e-6, _CHAOS),
    ("losses of 200 steps", "float32"): Tolerance(5e-4, 1.8e-4, _CHAOS),
    ("losses of 200 steps", "float64"): Tolerance(
        2e-6, 7.5e-7, "TF1 accumulates the powers of beta in float32, Keras does not (D8)"
    ),
    ("losses of 50 steps, TF1's powers", "float64"): Tolerance(1e-11, 8.9e-16, _CHAOS),
    ("losses of 200 steps, TF1's powers", "float64"): Tolerance(1e-9, 1.0e-14, _CHAOS),
    ("weights, TF1's powers", "float64"): Tolerance(1e-9, 1.0e-13, _CHAOS),
    ("losses of 5 SGD steps", "float32"): Tolerance(1e-6, 2.4e-7, _ORDER.format("64")),
    ("losses of 50 SGD steps", "float32"): Tolerance(2e-6, 4.8e-7, _ORDER.format("64")),
    ("losses of 50 SGD steps", "float64"): Tolerance(1e-12, 8.9e-16, _ORDER.format("64")),
    ("losses of 200 SGD steps", "float32"): Tolerance(1e-5, 4.8e-7, _ORDER.format("64")),
    ("losses of 200 SGD steps", "float64"): Tolerance(1e-9, 8.9e-16, _ORDER.format("64")),
    ("weights after SGD", "float32"): Tolerance(1e-5, 1.1e-6, _ORDER.format("200")),
    ("weights after SGD", "float64"): Tolerance(1e-12, 1.4e-15, _ORDER.format("200")),
    ("resumed losses", "float32"): Tolerance(1e-5, 2.4e-6, _CHAOS),
    ("resumed losses", "float64"): Tolerance(1e-11, 2.3e-15, _CHAOS),
    ("resumed weights", "float32"): Tolerance(5e-5, 1.0e-6, _CHAOS),
    ("resumed weights", "float64"): Tolerance(1e-9, 1.0e-13, _CHAOS),
    ("resumed slots", "float32"): Tolerance(1e-5, 1.0e-6, _CHAOS),
    ("resumed slots", "float64"): Tolerance(1e-11, 1.0e-14, _CHAOS),
    ("exported logits", "float32"): Tolerance(5e-5, 8.2e-6, _ORDER.format("31")),
    ("test accuracy", "float32"): Tolerance(0.01, 0.0, "the margin of equivalence (TOST)"),
    ("test accuracy, still rising", "float32"): Tolerance(0.02, 0.0, "seeds scatter by 0.01"),
    ("mean test accuracy", "float32"): Tolerance(0.0125, 0.0, "half the width of the band"),
    ("final loss", "float32"): Tolerance(0.03, 0.0, "two chaotic runs of one distribution"),
    # Of tf1port/pitfalls/entries: three steps of an optimizer at most; relative to values over one.
    ("known mistake, right port", "float32"): Tolerance(1e-5, 1.5e-6, _SHORT),
    ("known mistake, right port", "float64"): Tolerance(1e-12, 0.0, _SHORT),
    ("known mistake, measured again", "float32"): Tolerance(
        0.01, 0.005, "relative: three digits are recorded"
    ),
    ("weights of 100 steps of shards", "float32"): Tolerance(
        4e-7, 2.1e-7, "a sum over shards is rounded otherwise than one over the batch, 100 times"
    ),
    ("final accuracy", "float32"): Tolerance(0.015, 0.0, "two chaotic runs of one distribution"),
}


def tolerance(quantity, dtype):
    """The tolerance of a quantity in "float32" or "float64"."""
    return TABLE[plain(quantity), dtype]


def plain(quantity):
    """A quantity without what says that it was compared once more."""
    for ending in (REDRAWN, VARIED):
        if quantity.endswith(ending):
            quantity = quantity[: -len(ending)]
    return quantity
