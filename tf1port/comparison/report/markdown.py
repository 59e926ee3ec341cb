"""A report as Markdown: the same facts as the page's, in tables, for a pull request."""

from tf1port.comparison.report.blocks import Column, Command, Picture, Table
from tf1port.comparison.report.form import Report
from tf1port.comparison.report.sections import SIGNS, headline, highlights, sections

# Characters that Markdown, or HTML within it, would interpret as markup.
_SPECIAL = str.maketrans({sign: f"\\{sign}" for sign in "\\`*_[]<>|#~$&"} | {"\n": " "})


def markdown(report: Report) -> str:
    """The text of report.md from a report."""
    sign = SIGNS[report["outcome"]]
    facts = " · ".join(f"**{_text(value)}** {_text(name)}" for value, name in highlights(report))
    title = f"# {sign} {headline(report)}: {_text(report['model'])} on {_text(report['dataset'])}"
    blocks = [title, _text(report["verdict"]), facts]
    for section in sections(report):
        blocks += [f"## {_text(section.title)}", *(_text(line) for line in section.text)]
        blocks += [_block(block) for block in section.blocks]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _block(block: Table | Picture | Command) -> str:
    if isinstance(block, Table):
        return _folded(block) if block.folded else f"{_text(block.caption)}:\n\n{_table(block)}"
    return f"```\n{block.line}\n```" if isinstance(block, Command) else ""


def _folded(table: Table) -> str:
    return f"<details><summary>{_text(table.caption)}</summary>\n\n{_table(table)}\n\n</details>"


def _table(table: Table) -> str:
    rules = ["---:" if column.kind == "number" else "---" for column in table.columns]
    heads = [_text(column.title) for column in table.columns]
    rows = [
        [_cell(text, column) for text, column in zip(row, table.columns, strict=True)]
        for row in table.rows
    ]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [heads, rules, *rows])


def _cell(text: str, column: Column) -> str:
    if column.kind != "code" or not text or "`" in text:
        return _text(text)
    return "`" + text.replace("|", "\\|").replace("\n", " ") + "`"


def _text(text: str) -> str:
    return text.translate(_SPECIAL)
