"""The table of docs/faults.md: the largest run of each reader so far."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = "| reader | inputs | read | refused | ended | faults |\n|---|---|---|---|---|---|\n"
_ROW = re.compile(r"^\| (?P<name>.+?) \| (?P<inputs>[\d,]+) \| .*\n", re.M)


def written(text, rows, names):
    """The page's text with the rows that are of more inputs than those of the page.

    Args:
        rows: tests.fuzz.rows.Row of what was run. names: of all readers, in their order.
    """
    before, _, rest = text.partition(HEAD)
    table, blank, after = rest.partition("\n\n")
    old = {match["name"]: match for match in _ROW.finditer(table + "\n")}
    lines = {name: match[0] for name, match in old.items()}
    for row in (row for row in rows if not row.faults):  # those are to be mended first
        if row.name not in old or row.kinds.total() > _number(old[row.name]["inputs"]):
            name, *counts = row.cells()[:6]
            lines[name] = f"| {name} | {' | '.join(f'{int(count):,}' for count in counts)} |\n"
    new = "".join(lines[name] for name in names if name in lines)
    return before + HEAD + new.rstrip("\n") + blank + after


def _number(text):
    return int(text.replace(",", ""))
