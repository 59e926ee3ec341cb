"""The table of the known mistakes that were made on purpose, and the exit code."""

from tf1port.comparison.controls.runner import CHECKS
from tf1port.comparison.ladder import outcome
from tf1port.numerics import outcome as outcome_


def exit_code(rows):
    """0; 1 where a control was not noticed where it must be, 3 where that did not run."""
    if outcome.missed(rows):
        return outcome_.EXIT_CODES[outcome_.DIFFERENT]
    return outcome_.EXIT_CODES[outcome_.NOT_PROVED if outcome.untried(rows) else outcome_.EQUAL]


def lines(rows):
    """The table as text: known mistakes by checks."""
    marks = {"passes": "passes", "fails": "FAILS", "not reached": "-"}
    table = [["id", "known mistake", *CHECKS, "probable cause"]]
    for row in rows:
        missed = "" if row["caught"] else f"  {_missed(row)}"
        cells = [marks[row["results"][name]] for name in CHECKS]
        table.append([row["id"], row["name"], *cells, (row["diagnosis"] or "-") + missed])
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    text = ["  ".join(map(str.ljust, cells, widths)).rstrip() for cells in table]
    count = sum(row["caught"] for row in rows)
    return [*text, f"{count} of {len(rows)} known mistakes are noticed where they have to be"]


def _missed(row):
    if row.get("not_run"):
        return f"not tried: {row['check']} was not compared: {row['not_run']}"
    return f"not noticed at {row['check']}"
