"""The files of a report: report.json, report.md and report.html."""

import json
import os
import sys

from tf1port import terminal
from tf1port.comparison.report import files as report_files
from tf1port.comparison.report import terminal as report
from tf1port.comparison.report.form import Report
from tf1port.comparison.report.html import html
from tf1port.comparison.report.markdown import markdown
from tf1port.comparison.report.terminal import finite
from tf1port.errors import UserError
from tf1port.files import replacing, write_json


def write(report: Report, folder: str) -> str:
    """Writes a report into an existing folder, each file whole or not at all.

    Args:
        report: the dict of report.json; it may have numbers that are not finite.
        folder: gets report.json, report.md and report.html.

    Returns:
        The path of report.html.

    Raises:
        OSError: `folder` is not writable.
    """
    report = finite(report)
    write_json(os.path.join(folder, "report.json"), report)
    for name, text in (("report.md", markdown(report)), ("report.html", html(report))):
        with replacing(os.path.join(folder, name)) as beside:
            with open(beside, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
    return os.path.join(folder, "report.html")


def show(comparison: Report, out: str, *, as_json: bool = False) -> None:
    """Writes a report's files into the folder `out` and prints its tables, or all of it as JSON."""
    page = report_files.write(comparison, out)
    if as_json:
        print(json.dumps(report.finite(comparison), indent=1))
    else:
        lines = report.lines(comparison, terminal.columns(sys.stdout))
        print(terminal.painted("\n".join([*lines, f"wrote {page}"]), sys.stdout))


def writable(folder: str) -> str:
    """Creates the folder if it is missing. Raises UserError where that fails."""
    try:
        os.makedirs(folder, exist_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise UserError(f"cannot write to {folder}: {reason}; choose another --out") from None
    return folder
