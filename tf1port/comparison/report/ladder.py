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
    """The checks that were compared."""
    return [check for check in report["checks"] if check["applies"]]


def breaks(report: Report) -> Section | None:
    """Where the two sides part first, and what would explain it; None where they do not."""
    found = report.get("breaks")
    if not found:
        return None
    step = "time step" if found["number"] <= 5 else "training step"
    names = {name: name for name in ("check", "quantity", "dtype", "place", "layer")}
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
    title = f"Where it breaks: check {found['number']}, {found['check']}"
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
    checks = applying(report)
    rows = [
        [
            check["quantity"],
            f"{check['number']} {check['check']}",
            check["dtype"],
            number(check["max_abs"]),
            number(check["bound"]),
            margin(check),
            _place(check),
            result(check["passed"]),
        ]
        for check in checks
    ]
    blocks = [Table("Every comparison", columns, rows), _reasons(checks)]
    others = [
        [
            f"{check['number']} {check['check']}",
            check.get("quantity", "all"),
            check.get("dtype", "both"),
            "yes" if check["needed"] else "no",
            check["why"],
        ]
        for check in report["checks"]
        if not check["applies"]
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
    checks = list(dict.fromkeys(name for control in found for name in control["found"]))
    text = (
        "Each row is a port with one known mistake. ✓ the check passes, ✗ it fails, · it was not "
        "reached. A mistake is noticed where its own check fails, and none before."
    )
    columns = [Column("Mistake"), *(Column(name, "mark") for name in checks)]
    columns += [Column("Must fail on"), Column("Named as"), Column("Result", "result")]
    rows = [
        [
            control["name"],
            *(_SIGNS.get(control["found"].get(name, ""), "·") for name in checks),
            control["check"],
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


def _place(check: Compared) -> str:
    """The worst element; none where all are equal, and a number has no place in itself."""
    return check["place"].removesuffix("[]") if check["max_abs"] != 0 else "–"


def _how_far(found: Break, report: Report) -> str:
    for check in applying(report):
        if (check["quantity"], check["dtype"]) == (found["quantity"], found["dtype"]):
            far = f"differ by {number(check['max_abs'])} where {number(check['bound'])} is allowed"
            return f"In {found['dtype']} the {found['quantity']} {far}: {margin(check)}."
    return f"In {found['dtype']} the {found['quantity']} differ."


def _diagnosis(causes: list[Cause]) -> Table:
    columns = [Column("Mistake"), Column("Max-abs left", "number"), Column("Verdict", "result")]
    rows = [
        [cause["cause"], number(cause["max_abs"]), _explains(cause["explains"])] for cause in causes
    ]
    return Table("Diagnosis, best first", columns, rows, "narrow")


def _reasons(checks: list[Compared]) -> Table:
    columns = [
        Column("Compared"),
        Column("dtype"),
        Column("Why the tolerance is what it is", "prose"),
    ]
    rows = [[check["quantity"], check["dtype"], check["reason"]] for check in checks]
    return Table("Reasons for the tolerances", columns, rows, "cards", folded=True)


def _explains(yes: bool) -> str:
    return "✓ explains it" if yes else "– does not"
