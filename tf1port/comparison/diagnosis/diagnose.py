"""Which known mistake explains a gap between the sides.

Each known mistake is made on the legacy side, or made good on the modern one: the other modules
here. It explains the gap if then the check that failed would have passed and hardly anything of the
gap is left. A mistake that nobody knows of is explained by none.
"""

from typing import Any

import numpy as np

from tf1port.comparison.diagnosis import (
    constants,
    layers,
    losses,
    options,
    outputs,
    series,
    steps,
    variables,
)
from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.evidence import Evidence
from tf1port.numerics.differences import difference

# What may be left of a gap that is explained: where a check fails by rounding, there is no more to
# a gap than what a change of hardly anything may close by chance.
LEFT = 0.01


def diagnose(legacy, modern, batches, *, dtype, failed):
    """Looks for the mistakes that explain why a check failed.

    Args:
        legacy, modern: two sides as they were when the ladder began; `legacy` is put back to that
            after it, `modern` may be a replay (tf1port.comparison.sides.recorded).
        batches: the batches of the ladder.
        dtype: "float32" or "float64", of both sides.
        failed: the first check that failed, a tf1port.numerics.comparison.Check.

    Returns:
        What explains it: dicts of "cause", "pitfalls" (their ids), "max_abs" (what is left of the
        gap) and "explains" (True). Best first: what was solved for, such as a learning rate, comes
        after the mistakes that have nothing to solve for, as it explains more easily. Empty where
        nothing known does. None names a mistake that the sides cannot have.
    """
    evidence = Evidence(legacy, modern, batches, dtype=dtype, failed=failed)
    bound = min(failed.bound, LEFT * failed.max_abs) if failed.max_abs else failed.bound
    try:
        if _vanished(evidence, failed.bound):
            return _explaining(layers.kept(evidence), evidence.traits, bound)
        # What takes longer comes where nothing else explains it.
        for attempts in (
            variables.all_of,
            outputs.single,
            losses.all_of,
            constants.all_of,
            options.mapped_slots,
            options.all_of,
            options.states,
            options.together,
            steps.all_of,
            series.all_of,
            layers.all_of,
            outputs.heads,
            outputs.pairs,
        ):
            found = _explaining(attempts(evidence), evidence.traits, bound)
            if found:
                return found
        return []
    finally:
        evidence.put_back()


def _vanished(evidence, bound):
    """Whether sides that were asked for nothing before do not differ at all."""
    if not evidence.at_once:
        return False
    pair = evidence.ask(evidence.legacy), evidence.ask(evidence.modern)
    return difference(*pair).max_abs <= bound


def _explaining(attempts, traits, bound):
    """The attempts that succeed: each is a Cause, or several, and two dicts that it makes equal."""
    found: list[dict[str, Any]] = []
    for cause, expected, actual in attempts:
        causes = [cause] if isinstance(cause, Cause) else cause
        if not all(one.pitfall.applies(traits) for one in causes):
            continue
        left = 0.0
        if expected or actual:  # not slots of plain gradient descent
            with np.errstate(all="ignore"):
                left = difference(expected, actual).max_abs
        if left <= max(bound, *(one.rounding for one in causes)):
            words = "; ".join(map(str, causes))
            ids = [one.pitfall.id for one in causes]
            if any(one["pitfalls"] == ids for one in found):
                continue
            found.append({"cause": words, "pitfalls": ids, "max_abs": left, "explains": True})
    return found
