"""The files of a report: report.json, report.md and report.html."""

import os

from porting.report import finite
from porting.reports.html import html
from porting.reports.markdown import markdown
from shared.files import replacing, write_json


def write(report, folder):
    """Writes a report into an existing folder, each file whole or not at all.

    Args:
        report: the dict of report.json; numbers that are not finite may stand in it.
        folder: gets report.json, report.md and report.html.

    Raises:
        OSError: there is no writing in `folder`.
    """
    held = finite(report)
    write_json(os.path.join(folder, "report.json"), held)
    for name, text in (("report.md", markdown(held)), ("report.html", html(held))):
        with replacing(os.path.join(folder, name)) as beside:
            with open(beside, "w", encoding="utf-8", newline="\n") as file:
                file.write(text)
