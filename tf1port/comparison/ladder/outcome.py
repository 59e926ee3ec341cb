"""The outcome of a comparison: equal, different or not proved; as a verdict and as counts.

The verdict claims what was compared, and no more.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from tf1port.comparison.ladder import checks
from tf1port.comparison.ladder.entries import Break, Compared, Control, Entry, LeftOut
from tf1port.comparison.ladder.findings import NOT_EXERCISED
from tf1port.numerics.outcome import DIFFERENT, EQUAL, NOT_PROVED, Outcome

_CLAIMS = {  # by the numbers of the checks
    checks.ALL: "all",
    checks.ALL[:8]: "outputs, training and exports: checks 1 to 8",
    checks.ALL[:7]: "outputs and training: checks 1 to 7",
}
_Controls = Sequence[Control] | None


def outcome(entries: Sequence[Entry], controls: _Controls = None) -> Outcome:
    """EQUAL, DIFFERENT or NOT_PROVED.

    Args:
        entries: of the report's checks.
        controls: rows of the known mistakes; one that is not noticed counts as a failed check.
    """
    totals = counts(entries)
    if totals["different"] or missed(controls):
        return DIFFERENT
    if totals["not compared"] or not totals["equal"] or untried(controls):
        return NOT_PROVED
    return EQUAL


def counts(entries: Sequence[Entry]) -> dict[str, int]:
    """How many checks came out equal and different, and how many of those needed did not run."""
    compared = [entry["passed"] for entry in entries if entry["applies"]]
    return {
        "equal": compared.count(True),
        "different": compared.count(False),
        "not compared": len(_missing(entries)),
    }


def verdict(
    entries: Sequence[Entry],
    first_break: Break | None,
    *,
    controls: _Controls = None,
    mode: str = "full",
) -> str:
    """The outcome as a sentence.

    Args:
        entries, controls: as for `outcome`.
        first_break: the report's `breaks`.
        mode: of the report.
    """
    rows = controls or []
    if first_break:
        return f"FAIL: {difference(first_break, entries)}; probable cause: {cause(first_break)}"
    if names := missed(rows):
        are = "is" if len(names) == 1 else "are"
        many = f"{len(names)} of {len(rows)} known mistakes {are} not noticed"
        return f"FAIL: {many}: {', '.join(names)}"
    totals = counts(entries)
    scope = claim(entries, mode)
    result = f"equal on {totals['equal']} of {sum(totals.values())} checks"
    result += f" (claim: {scope})" if scope else ""
    if rows:
        result += f"; {len(rows) - len(untried(rows))} of {len(rows)} known mistakes are noticed"
    result += "".join(f"; {line}" for line in _unexercised(entries))
    if outcome(entries, rows) == EQUAL:
        return f"PASS: {result}"
    missing = "; ".join([*not_compared(entries), *_untried(rows)]) or "nothing was there to compare"
    return f"NOT PROVED: {result}; not compared: {missing}"


def difference(failure: Break | Compared, entries: Iterable[Entry]) -> str:
    """The report's `breaks` or an entry that fails as text: quantity, place, gap, bound."""
    failed = next(entry for entry in entries if entry["applies"] and _same(entry, failure))
    gap = f"{failed['max_abs']:.2g} > {failed['bound']:.2g}"
    singular = failed["quantity"].partition(",")[0].endswith(("loss", "accuracy", "optimizer"))
    differ, place = "differs" if singular else "differ", failed["place"]
    at = f" at {place.removesuffix('[]')} ({failed['dtype']})"
    if not place.endswith("]"):  # of no element
        at = f" ({failed['dtype']}): {place}"
    return f"{failed['quantity']} {differ}{at}: {gap}"


def _same(entry: Compared, failure: Break | Compared) -> bool:
    own = entry["quantity"], entry["dtype"], entry["place"]
    return own == (failure["quantity"], failure["dtype"], failure["place"])


def cause(first_break: Break) -> str:
    """The mistake that explains the report's `breaks` best."""
    diagnosis = first_break.get("diagnosis") or []
    causes = [cause["cause"] for cause in diagnosis if cause["explains"]]
    raised = first_break.get("undiagnosed")
    searched = f" (the search {raised})" if raised else ""
    return causes[0] if causes else f"unknown{searched}"


def not_compared(entries: Iterable[Entry]) -> list[str]:
    """What the claim needs and was not compared: one line per reason."""
    groups: dict[Any, list[str]] = {}
    for entry in _missing(entries):
        name = entry.get("quantity", entry["check"])
        groups.setdefault((entry["why"], entry.get("dtype")), []).append(name)
    lines: dict[Any, list[str]] = {}
    for (why, dtype), names in groups.items():
        lines.setdefault((why, tuple(dict.fromkeys(names))), []).append(dtype)
    return [f"{', '.join(names)}{_in(dtypes)}: {why}" for (why, names), dtypes in lines.items()]


def missed(controls: _Controls) -> list[str]:
    """The names of the known mistakes that were tried and not noticed."""
    return [row["name"] for row in controls or [] if not row["caught"] and not row.get("not_run")]


def untried(controls: _Controls) -> list[str]:
    """The names of those whose own check did not run."""
    return [row["name"] for row in controls or [] if row.get("not_run")]


def _unexercised(entries: Iterable[Entry]) -> list[str]:
    """What the batches did not exercise: "not exercised: dropout (its rate …)"."""
    start = f"{NOT_EXERCISED}: "
    lines = [
        f"{start}{entry.get('quantity', entry['check'])} ({entry['why'].removeprefix(start)})"
        for entry in entries
        if not entry["applies"] and entry["why"].startswith(start)
    ]
    return list(dict.fromkeys(lines))


def _untried(controls: Iterable[Control]) -> list[str]:
    return [f"{row['name']}: {row['not_run']}" for row in controls if row.get("not_run")]


def _in(dtypes: Sequence[str | None]) -> str:
    named = [dtype for dtype in dtypes if dtype is not None]
    return f" ({', '.join(named)})" if len(named) == len(dtypes) else ""


def _missing(entries: Iterable[Entry]) -> list[LeftOut]:
    return [entry for entry in entries if not entry["applies"] and entry["needed"]]


def claim(entries: Sequence[Entry], mode: str = "full") -> str:
    """What is claimed to be equal: all, or the checks and dtypes by name.

    Args:
        entries, mode: as for `verdict`.
    """
    claimed = [entry for entry in entries if entry["applies"] or entry["needed"]]
    numbers = tuple(sorted({entry["number"] for entry in claimed}))
    dtypes = {entry["dtype"] for entry in claimed if entry["number"] < 9 and "dtype" in entry}
    scope = _CLAIMS.get(numbers) or ", ".join(map(checks.name, numbers))
    if len(dtypes) == 1:
        scope = f"{scope} in {min(dtypes)}"
    quick = "nothing was trained to its end" if mode == "quick" else ""
    return "; ".join(filter(None, [scope, quick]))
