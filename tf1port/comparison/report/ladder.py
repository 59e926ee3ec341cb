"""The sections that prove: where it breaks, the ladder, the known mistakes that must be noticed."""

from collections.abc import Mapping
from typing import Any

from tf1port.comparison.ladder.entries import Break, Cause, Compared, Control
from tf1port.comparison.ladder.outcome import cause
from tf1port.comparison.report.blocks import Column, Section, Table, listed
from tf1port.comparison.report.form import Report
from tf1port.comparison.report.text import absent, margin, number, result

_SIGNS = {"passes": "✓", "fails": "✗", "not reached": "·"}


def applying(report: Report) -> list[Compared]:
    """The rungs that were climbed."""
    return [rung for rung in report["rungs"] if rung["applies"]]


def breaks(report: Report) -> Section | None:
    """Where the two sides part first, and what would explain it; None where they do not."""
    found = report.get("breaks")
    if not found:
        return None
    step = "time step" if found["number"] <= 5 else "training step"
    names = {name: name for name in ("rung", "quantity", "dtype", "place", "layer")}
    names.update(step=step, gradient="worst gradient")
    known: Mapping[str, Any] = found
    facts = {names[key]: known[key] for key in names if known.get(key) is not None}
    text = [_how_far(found, report)]
    blocks: list[Table] = [listed("The first check that fails", facts)]
    if found.get("diagnosis"):
        text.append(
            "The diagnosis makes each known mistake on purpose, or makes it good, and looks at "
            "what is left of the difference."
        )
        blocks.append(_diagnosis(found["diagnosis"]))
    else:
        text.append(f"Probable cause: {cause(found)}.")
    title = f"Where it breaks: check {found['number']}, {found['rung']}"
    return Section("breaks", title, text, blocks)


def ladder(report: Report) -> Section:
    """Every comparison with its tolerance and the margin."""
    text = (
        "Both sides start from the same weights and see the same batches. Each check compares the "
        "element that differs most with a tolerance set beforehand."
    )
    columns = [
        Column("Compared"),
        Column("Check"),
        Column("dtype"),
        Column("Max-abs", "number"),
        Column("Tolerance", "number"),
        Column("Margin"),
        Column("Worst at", "code"),
        Column("Result", "result"),
    ]
    rungs = applying(report)
    rows = [
        [
            rung["quantity"],
            f"{rung['number']} {rung['rung']}",
            rung["dtype"],
            number(rung["max_abs"]),
            number(rung["bound"]),
            margin(rung),
            _place(rung),
            result(rung["passed"]),
        ]
        for rung in rungs
    ]
    blocks = [Table("Every comparison", columns, rows), _reasons(rungs)]
    others = [
        [
            f"{rung['number']} {rung['rung']}",
            rung.get("quantity", "all"),
            rung.get("dtype", "both"),
            "yes" if rung["needed"] else "no",
            rung["why"],
        ]
        for rung in report["rungs"]
        if not rung["applies"]
    ]
    if others:
        names = ("Check", "Compared", "dtype", "Part of the claim")
        columns = [*map(Column, names), Column("Why not", "prose")]
        blocks.insert(1, Table("Not compared", columns, others, "cards"))
    return Section("ladder", "The ladder", [text], blocks)


def controls(report: Report) -> Section:
    """Known mistakes that must be noticed, and by which check each was."""
    found = report.get("controls")
    title = "Can it fail? Known mistakes, made on purpose"
    if not found:
        return Section(
            "controls", title, [absent(report, "controls", "No known mistakes were tried.")]
        )
    rungs = list(dict.fromkeys(name for control in found for name in control["found"]))
    text = (
        "Each row is a port with one known mistake. ✓ the check passes, ✗ it fails, · it was not "
        "reached. A mistake is noticed where its own check fails, and none before."
    )
    columns = [Column("Mistake"), *(Column(name, "mark") for name in rungs)]
    columns += [Column("Must fail on"), Column("Named as"), Column("Result", "result")]
    rows = [
        [
            control["name"],
            *(_SIGNS.get(control["found"].get(name, ""), "·") for name in rungs),
            control["rung"],
            control["diagnosis"] or "–",
            _caught(control),
        ]
        for control in found
    ]
    what = [[control["name"], control["what"]] for control in found]
    columns_of_what = [Column("Mistake"), Column("What is wrong with it", "prose")]
    return Section(
        "controls",
        title,
        [text],
        [
            Table("Mistakes by check", columns, rows, "scroll"),
            Table("What each one does", columns_of_what, what, "cards", folded=True),
        ],
    )


def _caught(control: Control) -> str:
    if control.get("not_run"):
        return f"– not tried: {control['not_run']}"
    return "✓ caught" if control["caught"] else "✗ missed"


def _place(rung: Compared) -> str:
    """The worst element; none where all are equal, and a number has no place in itself."""
    return rung["place"].removesuffix("[]") if rung["max_abs"] != 0 else "–"


def _how_far(found: Break, report: Report) -> str:
    for rung in applying(report):
        if (rung["quantity"], rung["dtype"]) == (found["quantity"], found["dtype"]):
            far = f"differ by {number(rung['max_abs'])} where {number(rung['bound'])} is allowed"
            return f"In {found['dtype']} the {found['quantity']} {far}: {margin(rung)}."
    return f"In {found['dtype']} the {found['quantity']} differ."


def _diagnosis(causes: list[Cause]) -> Table:
    columns = [Column("Mistake"), Column("Max-abs left", "number"), Column("Verdict", "result")]
    rows = [
        [cause["cause"], number(cause["max_abs"]), _explains(cause["explains"])] for cause in causes
    ]
    return Table("Diagnosis, best first", columns, rows, "narrow")


def _reasons(rungs: list[Compared]) -> Table:
    columns = [
        Column("Compared"),
        Column("dtype"),
        Column("Why the tolerance is what it is", "prose"),
    ]
    rows = [[rung["quantity"], rung["dtype"], rung["reason"]] for rung in rungs]
    return Table("Reasons for the tolerances", columns, rows, "cards", folded=True)


def _explains(yes: bool) -> str:
    return "✓ explains it" if yes else "– does not"
