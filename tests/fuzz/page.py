"""The table of docs/faults.md: the inputs of each reader so far, by run or by runs in a row."""

from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "faults.md"
HEAD = "| reader | inputs | read | refused | ended | faults |\n|---|---|---|---|---|---|\n"


def counted(text, name):
    """The inputs of a reader so far."""
    return _counts(text).get(name, [0])[0]


def written(text, rows, names):
    """The page's text with the rows that are of more inputs than those of the page.

    Args:
        rows: tests.fuzz.rows.Row of what was run; one that begins where the page's ended is added.
        names: of all readers, in their order.
    """
    before, _, rest = text.partition(HEAD)
    _, blank, after = rest.partition("\n\n")
    counts = _counts(text)
    for row in (row for row in rows if not row.faults):  # those are to be mended first
        old, new = counts.get(row.name, [0] * 5), [int(cell) for cell in row.cells()[1:6]]
        if row.first and row.first == old[0]:
            new = [one + other for one, other in zip(old, new, strict=True)]
        elif row.first:
            continue
        counts[row.name] = max(old, new)
    lines = [
        f"| {name} | {' | '.join(f'{count:,}' for count in counts[name])} |"
        for name in names
        if name in counts
    ]
    return before + HEAD + "\n".join(lines) + blank + after


def _counts(text):
    """The numbers of each row of the table, inputs first: {name: [int]}."""
    table = text.partition(HEAD)[2].partition("\n\n")[0]
    return {
        name: [int(cell.replace(",", "")) for cell in cells]
        for name, *cells in (line[2:-2].split(" | ") for line in table.split("\n") if line)
    }
