"""The sections of the checks: the first failure, the ladder, the known mistakes to be noticed."""

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
    """The first difference of the two sides, and its explanation; None where there is none."""
    first_break = report.get("breaks")
    if not first_break:
        return None
    step = "time step" if first_break["number"] <= 5 else "training step"
    names = {name: name for name in ("check", "quantity", "dtype", "place", "layer")}
    names.update(step=step, gradient="worst gradient")
    fields: Mapping[str, Any] = first_break
    facts = {names[key]: fields[key] for key in names if fields.get(key) is not None}
    text = [_how_far(first_break, report)]
    blocks: list[Table] = [listed("The first check that fails", facts)]
    if first_break.get("diagnosis"):
        text.append(
            "The diagnosis makes each known mistake on purpose, or corrects it, and measures the "
            "difference that remains."
        )
        blocks.append(_diagnosis(first_break["diagnosis"]))
    else:
        text.append(f"Probable cause: {cause(first_break)}.")
    title = f"Where it breaks: check {first_break['number']}, {first_break['check']}"
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
    compared = Table("Every comparison", columns, [_compared(check) for check in checks])
    blocks = [compared, *_not_compared(report), _reasons(checks)]
    return Section("ladder", "The ladder", [text], blocks)


def _compared(check: Compared) -> list[str]:
    """A check's row in the table of comparisons."""
    return [
        check["quantity"],
        f"{check['number']} {check['check']}",
        check["dtype"],
        number(check["max_abs"]),
        number(check["bound"]),
        margin(check),
        _place(check),
        result(check["passed"]),
    ]


def _not_compared(report: Report) -> list[Table]:
    """The table of what was left out, and why; none where nothing was."""
    rows = [
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
    columns = [*map(Column, ("Check", "Compared", "dtype", "Needed")), Column("Why not", "prose")]
    return [Table("Not compared", columns, rows, "cards")] if rows else []


def controls(report: Report) -> Section:
    """Known mistakes that must be noticed, and by which check each was."""
    rows_ = report.get("controls")
    title = "Can it fail? Known mistakes, made on purpose"
    if not rows_:
        return Section(
            "controls", title, [absent(report, "controls", "No known mistakes were tried.")]
        )
    checks = list(dict.fromkeys(name for control in rows_ for name in control["results"]))
    text = (
        "Each row is a port with one known mistake. ✓ the check passes, ✗ it fails, · it was not "
        "reached. A mistake is noticed where its own check fails, and none before."
    )
    columns = [Column("Mistake"), *(Column(name, "mark") for name in checks)]
    columns += [Column("Must fail on"), Column("Named as"), Column("Result", "result")]
    rows = [
        [
            control["name"],
            *(_SIGNS.get(control["results"].get(name, ""), "·") for name in checks),
            control["check"],
            control["diagnosis"] or "–",
            _caught(control),
        ]
        for control in rows_
    ]
    descriptions = [[control["name"], control["description"]] for control in rows_]
    description_columns = [Column("Mistake"), Column("What is wrong with it", "prose")]
    return Section(
        "controls",
        title,
        [text],
        [
            Table("Mistakes by check", columns, rows, "scroll"),
            Table("What each one does", description_columns, descriptions, "cards", folded=True),
        ],
    )


def _caught(control: Control) -> str:
    if control.get("not_run"):
        return f"– not tried: {control['not_run']}"
    return "✓ caught" if control["caught"] else "✗ missed"


def _place(check: Compared) -> str:
    """The place of the worst element; none where all are equal, empty for a scalar."""
    return check["place"].removesuffix("[]") if check["max_abs"] != 0 else "–"


def _how_far(first_break: Break, report: Report) -> str:
    quantity, dtype = first_break["quantity"], first_break["dtype"]
    for check in applying(report):
        if (check["quantity"], check["dtype"]) == (quantity, dtype):
            far = f"differ by {number(check['max_abs'])} where {number(check['bound'])} is allowed"
            return f"In {dtype} the {quantity} {far}: {margin(check)}."
    return f"In {dtype} the {quantity} differ."


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
