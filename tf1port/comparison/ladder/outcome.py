"""What a comparison comes to: equal, different or not proved; as a sentence, an exit code, counts.

The sentence claims what was compared, and no more.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from tf1port.comparison.ladder import checks
from tf1port.comparison.ladder.entries import Break, Compared, Control, Entry, LeftOut
from tf1port.comparison.ladder.findings import NOT_EXERCISED
from tf1port.numerics.outcome import DIFFERENT, EQUAL, NOT_PROVED, Outcome

_Controls = Sequence[Control] | None


def outcome(entries: Sequence[Entry], controls: _Controls = None) -> Outcome:
    """EQUAL, DIFFERENT or NOT_PROVED.

    Args:
        entries: of the report's checks.
        controls: rows of equivalence.controls.matrix; one that is not noticed counts as a check
        that failed.
    """
    found = counts(entries)
    if found["different"] or missed(controls):
        return DIFFERENT
    if found["not compared"] or not found["equal"] or untried(controls):
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
    found: Break | None,
    *,
    controls: _Controls = None,
    mode: str = "full",
) -> str:
    """The outcome as a sentence.

    Args:
        entries, controls: as for `outcome`.
        found: `breaks` of the report.
        mode: of the report.
    """
    rows = controls or []
    if found:
        return f"FAIL: {difference(found, entries)}; probable cause: {cause(found)}"
    if names := missed(rows):
        are = "is" if len(names) == 1 else "are"
        many = f"{len(names)} of {len(rows)} known mistakes {are} not noticed"
        return f"FAIL: {many}: {', '.join(names)}"
    held = counts(entries)
    said = f"equal on {held['equal']} of {sum(held.values())} checks{_claim(entries, mode)}"
    if rows:
        said += f"; {len(rows) - len(untried(rows))} of {len(rows)} known mistakes are noticed"
    said += "".join(f"; {line}" for line in _unexercised(entries))
    if outcome(entries, rows) == EQUAL:
        return f"PASS: {said}"
    missing = "; ".join([*not_compared(entries), *_untried(rows)]) or "nothing was there to compare"
    return f"NOT PROVED: {said}; not compared: {missing}"


def difference(found: Break | Compared, entries: Iterable[Entry]) -> str:
    """`breaks` of the report or an entry that fails, in words: quantity, place, gap, bound."""
    failed = next(entry for entry in entries if entry["applies"] and _same(entry, found))
    gap = f"{failed['max_abs']:.2g} > {failed['bound']:.2g}"
    one = failed["quantity"].partition(",")[0].endswith(("loss", "accuracy", "optimizer"))
    differ, place = "differs" if one else "differ", failed["place"]
    at = f" at {place.removesuffix('[]')} ({failed['dtype']})"
    if not place.endswith("]"):  # of no element
        at = f" ({failed['dtype']}): {place}"
    return f"{failed['quantity']} {differ}{at}: {gap}"


def _same(entry: Compared, found: Break | Compared) -> bool:
    ours = entry["quantity"], entry["dtype"], entry["place"]
    return ours == (found["quantity"], found["dtype"], found["place"])


def cause(found: Break) -> str:
    """The mistake that explains `breaks` of the report best."""
    causes = [one["cause"] for one in found.get("diagnosis") or [] if one["explains"]]
    searched = f" (the search {found['undiagnosed']})" if found.get("undiagnosed") else ""
    return causes[0] if causes else f"unknown{searched}"


def not_compared(entries: Iterable[Entry]) -> list[str]:
    """What the claim needs and was not compared: a line for what shares a reason."""
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
    """What the batches did not show: "not exercised: dropout (its rate …)"."""
    start = f"{NOT_EXERCISED}: "
    lines = [
        f"{start}{one.get('quantity', one['check'])} ({one['why'].removeprefix(start)})"
        for one in entries
        if not one["applies"] and one["why"].startswith(start)
    ]
    return list(dict.fromkeys(lines))


def _untried(controls: Iterable[Control]) -> list[str]:
    return [f"{row['name']}: {row['not_run']}" for row in controls if row.get("not_run")]


def _in(dtypes: Sequence[str | None]) -> str:
    named = [dtype for dtype in dtypes if dtype is not None]
    return f" ({', '.join(named)})" if len(named) == len(dtypes) else ""


def _missing(entries: Iterable[Entry]) -> list[LeftOut]:
    return [entry for entry in entries if not entry["applies"] and entry["needed"]]


def _claim(entries: Sequence[Entry], mode: str) -> str:
    """Which part of the ladder is claimed, in parentheses; empty where it is all of it."""
    claimed = [entry for entry in entries if entry["applies"] or entry["needed"]]
    numbers = tuple(sorted({entry["number"] for entry in claimed}))
    dtypes = {entry["dtype"] for entry in claimed if entry["number"] < 9 and "dtype" in entry}
    words = ""
    if numbers != checks.ALL:
        many = len(numbers) > 3 and numbers == checks.ALL[: len(numbers)]
        words = f"checks 1 to {len(numbers)}" if many else ", ".join(map(checks.name, numbers))
    if len(dtypes) == 1:
        words = f"{words or 'all checks'} in {min(dtypes)}"
    quick = "nothing was trained to its end" if mode == "quick" else ""
    said = "; ".join(filter(None, [words, quick]))
    return f" (claim: {said})" if said else ""
