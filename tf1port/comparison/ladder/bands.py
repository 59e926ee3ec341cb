"""Check 9 of the ladder: whether independent trainings of both sides end alike on average."""

from tf1port.comparison.ladder import checks
from tf1port.numerics.comparison import Check
from tf1port.numerics.equivalence import equivalence, needed, power, scatter_of
from tf1port.numerics.tolerances import tolerance

QUANTITY, RISING = "test accuracy", "test accuracy, still rising"
ALPHA = 0.05
POWER = 0.95  # how often equal sides have to pass, for a failure to mean that they are not equal


def judged(accuracies, *, margin, quantity=QUANTITY):
    """The fields of the report's `bands` that follow from both sides' final accuracies.

    Args:
        accuracies: two and more by side, "legacy" and "modern".
    """
    result = equivalence(
        *(accuracies[side] for side in ("legacy", "modern")), margin=margin, alpha=ALPHA
    )
    settings = {"quantity": quantity, **accuracies, "margin": margin, "alpha": ALPHA}
    return {**settings, **result._asdict(), "interval": list(result.interval)}


def compared(bands):
    """The report's entry: the farther end of the interval is compared with the margin."""
    low, high = bands["interval"]
    place = f"difference {bands['difference']:+.4f}, interval {low:+.4f} to {high:+.4f}"
    reach, reason = max(abs(low), abs(high)), tolerance(bands["quantity"], "float32").reason
    if reach > bands["margin"]:
        place += _weakness(bands)
    check = Check(bands["quantity"], "float32", reach, place, bands["margin"], reason)
    return checks.compared(check)


def strength(bands):
    """How often equal sides would pass that scatter as these do, with as many trainings."""
    sides = bands["legacy"], bands["modern"]
    limits = {"margin": bands["margin"], "alpha": bands["alpha"]}
    return power(scatter_of(*sides), min(map(len, sides)), **limits)


def _weakness(bands):
    """A note on trainings that are too few for the test's power; empty for enough of them."""
    often = strength(bands)
    if often >= POWER:
        return ""
    scatter = scatter_of(bands["legacy"], bands["modern"])
    count = needed(scatter, margin=bands["margin"], alpha=bands["alpha"], least=POWER)
    return (
        f"; equal sides that scatter by {scatter:.4f} pass {often:.0%} of the time, "
        f"{POWER:.0%} with {count} trainings each"
    )
