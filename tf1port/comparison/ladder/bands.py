"""Split off from equivalence/seeds.py."""

from tf1port.comparison.ladder import rungs
from tf1port.numerics.comparison import Rung
from tf1port.numerics.equivalence import equivalence
from tf1port.numerics.tolerances import tolerance

QUANTITY, RISING = "test accuracy", "test accuracy, still rising"


ALPHA = 0.05


def judged(accuracies, *, margin, quantity=QUANTITY):
    """The part of `bands` that the final accuracies of both sides' trainings tell.

    Args:
        accuracies: two and more by side, "legacy" and "modern".
    """
    found = equivalence(
        *(accuracies[side] for side in ("legacy", "modern")), margin=margin, alpha=ALPHA
    )
    told = {"quantity": quantity, **accuracies, "margin": margin, "alpha": ALPHA}
    return {**told, **found._asdict(), "interval": list(found.interval)}


def compared(bands):
    """The entry of what was tested: the ends of the interval are compared with the margin."""
    low, high = bands["interval"]
    place = f"difference {bands['difference']:+.4f}, interval {low:+.4f} to {high:+.4f}"
    reach, reason = max(abs(low), abs(high)), tolerance(bands["quantity"], "float32").reason
    rung = Rung(bands["quantity"], "float32", reach, place, bands["margin"], reason)
    return rungs.compared(rung)
