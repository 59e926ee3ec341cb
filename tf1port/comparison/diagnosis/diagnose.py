"""Which known mistake explains a gap between the sides.

The other modules here make each known mistake on the legacy side, or correct it on the modern one.
It explains the gap if the check that failed would then pass and hardly any gap remains. An unknown
mistake is explained by none.
"""

from typing import Any

import numpy as np

from tf1port.comparison.diagnosis import (
    constants,
    layers,
    losses,
    masks,
    options,
    outputs,
    series,
    steps,
    variables,
)
from tf1port.comparison.diagnosis.cause import Cause
from tf1port.comparison.diagnosis.evidence import Evidence
from tf1port.numerics.differences import difference

# The share of a gap that may remain once it is explained. It is small because a gap of rounding
# alone may be closed by chance, by any small change.
RESIDUAL = 0.01


def diagnose(legacy, modern, batches, *, dtype, failed):
    """Looks for the mistakes that explain why a check failed.

    Args:
        legacy, modern: two sides as they were when the ladder began; `legacy` is restored to that
            at the end, `modern` may be a replay (tf1port.comparison.sides.recorded).
        batches: the batches of the ladder.
        dtype: "float32" or "float64", of both sides.
        failed: the first check that failed, a tf1port.numerics.comparison.Check.

    Returns:
        The explanations: dicts of "cause", "pitfalls" (their ids), "max_abs" (the gap that remains)
        and "explains" (True). Best first: a mistake with a number that is solved for, such as a
        learning rate, fits more easily and comes after those without. Empty where no known mistake
        fits. None names a mistake that the sides cannot have.
    """
    evidence = Evidence(legacy, modern, batches, dtype=dtype, failed=failed)
    bound = min(failed.bound, RESIDUAL * failed.max_abs) if failed.max_abs else failed.bound
    try:
        if _vanished(evidence, failed.bound):
            return _explaining(layers.retained_state(evidence), evidence.traits, bound)
        # What takes longer comes where nothing else explains it.
        for attempts in (
            variables.all_of,
            outputs.single,
            losses.all_of,
            masks.all_of,
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
            causes = _explaining(attempts(evidence), evidence.traits, bound)
            if causes:
                return causes
        return []
    finally:
        evidence.put_back()


def _vanished(evidence, bound):
    """Whether sides that were not called before do not differ at all."""
    if not evidence.at_once:
        return False
    pair = evidence.ask(evidence.legacy), evidence.ask(evidence.modern)
    return difference(*pair).max_abs <= bound


def _explaining(attempts, traits, bound):
    """The attempts that succeed, as `diagnose` returns them.

    Args:
        attempts: triples of a Cause, or several, and two dicts of arrays that it should make equal.
    """
    explanations: list[dict[str, Any]] = []
    for attempt, expected, actual in attempts:
        causes = [attempt] if isinstance(attempt, Cause) else attempt
        if not all(cause.pitfall.applies(traits) for cause in causes):
            continue
        gap = 0.0
        if expected or actual:  # not slots of plain gradient descent
            with np.errstate(all="ignore"):
                gap = difference(expected, actual).max_abs
        if gap <= max(bound, *(cause.rounding for cause in causes)):
            text = "; ".join(map(str, causes))
            ids = [cause.pitfall.id for cause in causes]
            if any(known["pitfalls"] == ids for known in explanations):
                continue
            explanations.append({"cause": text, "pitfalls": ids, "max_abs": gap, "explains": True})
    return explanations
