"""Numbers as text, in the same way for every form of the report."""

import math
from typing import Any

from tf1port.comparison.ladder.entries import Compared, Number
from tf1port.comparison.report.form import Report


def number(value: Number | None) -> str:
    """A measured number in three digits; `value` may be None, or text where it was not finite."""
    if value is None:
        return "–"
    value = float(value)
    if not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    digits, _, exponent = f"{value:.3g}".partition("e")
    return f"{digits}e{int(exponent)}" if exponent else digits


def fraction(value: Number | None) -> str:
    """An accuracy, loss or the like in four decimals."""
    if value is None:
        return "–"
    return f"{float(value):.4f}"


def signed(value: Number) -> str:
    """A difference in four decimals, with its sign."""
    return f"{float(value):+.4f}".replace("-", "−")


def seconds(value: float | None) -> str:
    """A time in s, in three digits of the unit that suits its size."""
    if value is None:
        return "–"
    if value < 1:
        return f"{number(1e3 * value)} ms"
    return f"{number(value)} s" if value < 120 else f"{number(value / 60)} min"


def megabytes(value: float | None) -> str:
    """A size in bytes, in MB of 10**6 bytes."""
    return "–" if value is None else f"{value / 1e6:,.0f} MB"


def times(ratio: float) -> str:
    """A ratio above one in two digits: 3.4, 430, 24,000, 2.4e6."""
    ratio = float(f"{ratio:.2g}")
    if ratio < 10:
        return f"{ratio:g}"
    return number(ratio) if ratio >= 1e6 else f"{ratio:,.0f}"


def margin(check: Compared) -> str:
    """How far a check that applies is from its tolerance: `430 times below`."""
    gap, bound = float(check["max_abs"]), float(check["bound"])
    if gap == 0:
        return "equal to the bit"
    if not math.isfinite(gap):
        return "not finite"
    if bound == 0:
        return "above a tolerance of 0"
    if 1 / 1.05 < bound / gap < 1.05:
        return "just below" if check["passed"] else "just above"
    return f"{times(bound / gap)} times below" if gap < bound else _above(gap / bound)


def result(passed: bool) -> str:
    """The outcome of a check as a sign and a word."""
    return "✓ holds" if passed else "✗ fails"


def plain(value: Any) -> str:
    """Any value of a configuration as text."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ", ".join(plain(item) for item in value) or "none"
    return "–" if value is None else str(value)


def absent(report: Report, check: str, otherwise: str) -> str:
    """Why something was not done: the reason of its check, or of the mode."""
    for row in report["checks"]:
        if row["check"] == check and not row["applies"]:
            return f"Not done: {row['why']}."
    return "Left out of a quick comparison." if report["mode"] == "quick" else otherwise


def _above(ratio: float) -> str:
    return f"{times(ratio)} times above"
