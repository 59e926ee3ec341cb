"""Where a comparison breaks: the first check that fails, its layer, time step and parameter."""

import re
from typing import Any

import numpy as np

from tf1port.comparison.ladder.entries import Break, Compared
from tf1port.comparison.ladder.findings import Findings, first_gap


def described(entry: Compared, seen: Findings | None = None) -> Break:
    """An entry that fails as the report's `breaks`, without a diagnosis.

    Args:
        entry: of the report's checks.
        seen: Findings of the ladder run that the entry comes from, if any.

    Returns:
        A Break, in which `step` is a time step, counted from 0, on check 2, and a training step,
        counted from 1, on check 6.
    """
    first_break: Break = {
        "number": entry["number"],
        "check": entry["check"],
        "dtype": entry["dtype"],
        "quantity": entry["quantity"],
        "place": entry["place"],
        "layer": None,
        "step": None,
        "gradient": None,
        "diagnosis": [],
    }
    if entry["check"] == "outputs" and seen:
        first_break["layer"], first_break["step"] = _layer(entry, seen)
    elif entry["check"] == "gradients":
        first_break["gradient"] = _array(entry["place"])
    elif entry["quantity"].startswith("losses") and seen:
        first_break["step"] = _first_step_beyond(entry, seen.losses)
    return first_break


def _layer(failed: Compared, seen: Findings) -> tuple[str | None, int | None]:
    """The earliest layer and time step of the heat map above the bound, or else the worst element.

    An earlier layer of which only the final state is compared takes precedence.
    """
    bound, order = float(failed["bound"]), [*seen.gaps]
    first = first_gap(seen.heat, bound)
    lowest = next((name for name, gap in seen.gaps.items() if not gap <= bound), None)
    if first is None:
        return _array(failed["place"]) or None, _time_step(failed["place"])
    if lowest is None or order.index(lowest) >= order.index(first[0]):
        return first
    layer = re.sub("/[ch]$", "", lowest)
    return first if layer == first[0] else (layer, None)


def _array(place: str) -> str:
    """The name of the array in a place like `rnn[0, 4, 29]`."""
    return place.partition("[")[0]


def _time_step(place: str) -> int | None:
    """The time step in a place of a sequence [B, T, H]; None for another place."""
    match = re.fullmatch(r"[^/\[]+\[\d+, (\d+), \d+\]", place)
    return int(match[1]) if match else None


def _first_step_beyond(failed: Compared, losses: dict[str, Any]) -> int | None:
    """The first training step, counted from 1, whose losses are farther apart than the bound."""
    actual = losses["exact" if "TF1's" in failed["quantity"] else "modern"]
    gap = np.abs(np.asarray(losses["legacy"], np.float64) - np.asarray(actual, np.float64))
    apart = np.flatnonzero(~(gap <= failed["bound"]))
    return int(apart[0]) + 1 if len(apart) else None
