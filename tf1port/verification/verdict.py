"""The verdict of a verification: which checks count, the outcome, a sentence."""

from tf1port.conversion.end_to_end import QUANTITY as END_TO_END
from tf1port.numerics.outcome import DIFFERENT, EQUAL, NOT_PROVED

_PARTIAL = ("cell ", "logits of ", "layers before ")  # prefixes of the quantities of partial runs


def counted(checks):
    """The Checks that count for the verdict: no partial runs where the end-to-end checks passed.

    Partial runs start in the middle of the graph and locate a difference; one that does not reach
    the outputs is not part of the claim.
    """
    end_to_end_checks = [check for check in checks if check.quantity == END_TO_END]
    if not end_to_end_checks or not all(check.passed for check in end_to_end_checks):
        return checks
    return [check for check in checks if check.passed or not check.quantity.startswith(_PARTIAL)]


def outcome(checks, unproved):
    """EQUAL, DIFFERENT or NOT_PROVED of tf1port.numerics.outcome."""
    if not all(check.passed for check in checks):
        return DIFFERENT
    return NOT_PROVED if unproved or not checks else EQUAL


def verdict(checks, unproved, claim):
    """The outcome of a verification in a sentence."""
    result = outcome(checks, unproved)
    if result == DIFFERENT:
        first = next(check for check in checks if not check.passed)
        gap = f"{first.max_abs:.2g} > {first.bound:.2g}"
        return f"FAIL: {first.quantity} differ at {first.place} ({first.dtype}): {gap}"
    count, all_ = len(checks), len(checks) + len(unproved)
    if result == EQUAL:
        summary = f"PASS: the model matches the graph on {count} of {all_} checks"
        return f"{summary} (claim: {claim})"
    summary = f"NOT PROVED: {count} of {all_} compared (claim: {claim})"
    return f"{summary}; not compared: {'; '.join(unproved)}"
