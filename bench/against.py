"""Whether a measurement is slower than a former one, beyond the noise: a rank test per row.

Machines differ from day to day, so what is compared are ratios to the first row of the same
quantity, the legacy side as it is by default, round by round. That row itself is not judged.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from bench import report, results
from bench.session import Row
from shared.errors import UserError
from shared.tables import table

ALPHA = 0.01  # chance of a false alarm in the whole comparison
MARGIN = 0.03  # smaller changes of the median do not count
SLOWER, FASTER, NOISE, TOO_FEW = "slower", "faster", "within the noise", "too few rounds to tell"


class Change(NamedTuple):
    """A row in both measurements."""

    model: str
    quantity: str
    variant: str
    former: list[float]  # ratios to the first row
    present: list[float]


def compare(former: dict[str, Any], present: dict[str, Any]) -> tuple[list[str], bool]:
    """The table as lines, and whether any row is slower.

    Raises:
        UserError: nothing can be compared: other models, sizes or datasets, or too few rounds.
    """
    changes = list(_changes(former, present))
    testable = [change for change in changes if _smallest(change) < ALPHA / len(changes)]
    if not testable:
        raise UserError(
            "--against: no row has the same first row and enough rounds in both to tell a change"
            " from noise: measure both without --quick"
        )
    verdicts = [verdict(change, alpha=ALPHA / len(changes)) for change in changes]
    cells = [["model", "quantity", "variant", "former", "present", "verdict"]]
    for change, said in zip(changes, verdicts, strict=True):
        medians = (f"{np.median(values):.3f}" for values in (change.former, change.present))
        cells.append([change.model, change.quantity, change.variant, *medians, said])
    counts = ", ".join(f"{verdicts.count(v)} {v}" for v in (SLOWER, FASTER, NOISE, TOO_FEW))
    lines = ["ratios to the first row of each quantity", *table(cells, "<<<>><"), counts]
    return [*lines, *_other_machine(former, present)], SLOWER in verdicts


def verdict(change: Change, *, alpha: float) -> str:
    """SLOWER, FASTER, NOISE or TOO_FEW: Mann and Whitney's test in both directions."""
    from scipy import stats  # here, for every worker process imports this module

    if _smallest(change) >= alpha:
        return TOO_FEW
    ratio = np.median(change.present) / np.median(change.former)
    for said, alternative, beyond in (
        (SLOWER, "greater", ratio > 1 + MARGIN),
        (FASTER, "less", ratio < 1 / (1 + MARGIN)),
    ):
        test = stats.mannwhitneyu(change.present, change.former, alternative=alternative)
        if beyond and test.pvalue < alpha:
            return said
    return NOISE


def _smallest(change: Change) -> float:
    """The smallest p that so many rounds can have."""
    present, former = len(change.present), len(change.former)
    return 1 / math.comb(present + former, former)


def _changes(former: dict[str, Any], present: dict[str, Any]) -> Iterator[Change]:
    """The rows that both have, of models with the same sizes and data."""
    entries = {entry["model"]: entry for entry in former["models"]}
    for entry in present["models"]:
        other = entries.get(entry["model"])
        if other is None:
            raise UserError(f"--against: the former measurement has no {entry['model']}")
        for name in ("dataset", "config", "steps_per_turn"):
            if other[name] != entry[name]:
                raise UserError(f"--against: {entry['model']} was measured with another {name}")
        ratios, others = _ratios(entry), _ratios(other)
        for quantity, variant in others:
            if (quantity, variant) not in ratios:
                raise UserError(f"--against: {variant} has no {quantity} now: measure it as well")
            key = quantity, variant
            yield Change(entry["model"], quantity, variant, others[key], ratios[key])


def _ratios(entry: dict[str, Any]) -> dict[tuple[str, str], list[float]]:
    """The ratios to the first row by quantity and variant, of the rows with times."""
    found = {}
    for quantity, rows in report.by_quantity(results.rows(entry)).items():
        first, *rest = rows
        for row in rest if _is_reference(first) else ():
            if row.unit == "s" and len(row.values) == len(first.values):
                ratios = np.array(row.values) / np.array(first.values)
                found[quantity, row.variant] = ratios.tolist()
    return found


def _is_reference(row: Row) -> bool:
    return row.variant.startswith("legacy") and bool(row.values)


def _other_machine(former: dict[str, Any], present: dict[str, Any]) -> list[str]:
    """What else differs between the two measurements."""
    return [
        f"note: the former measurement has other {name}"
        for name in ("hardware", "versions")
        if former[name] != present[name]
    ] + [f"warning: of the former measurement: {text}" for text in former["load"]["warnings"]]
