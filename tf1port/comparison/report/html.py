"""A report as one self-contained page of HTML: light, dark, on a phone, on paper."""

from html import escape
from pathlib import Path
from string import Template

from tf1port.comparison.report.blocks import Column, Command, Picture, Section, Table
from tf1port.comparison.report.form import Report
from tf1port.comparison.report.sections import SIGNS, headline, highlights, sections
from tf1port.comparison.report.svg import svg
from tf1port.numerics.outcome import DIFFERENT, EQUAL, NOT_PROVED

STYLE = Path(__file__).with_name("style.css")

_PAGE = Template("""\
<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>$title</title>
<link rel="icon" href="data:,">
<style>
$style</style>
</head>
<body>
<header class="$outcome">
<p class="subject">$subject</p>
<h1><span class="sign" aria-hidden="true">$sign</span> $heading</h1>
$verdict<dl class="highlights">
$highlights</dl>
</header>
<nav aria-label="Sections">
<ul>
$links</ul>
</nav>
<main>
$sections</main>
</body>
</html>
""")

_OUTCOMES = {EQUAL: "passed", DIFFERENT: "failed", NOT_PROVED: "not proved"}
_SIGNED = {("result", "✓"): " good", ("result", "✗"): " bad", ("mark", "✗"): " hit"}
_WRAPPERS = {
    "cards": 'class="wide"',
    "scroll": 'class="wide scroller" role="region" aria-label="{}" tabindex="0"',
    "narrow": 'class="beside"',
    "facts": 'class="beside"',
}


def html(report: Report) -> str:
    """The text of report.html from a report."""
    shown = sections(report)
    outcome_name = _OUTCOMES[report["outcome"]]
    subject = f"{report['model']} on {report['dataset']}"
    return _PAGE.substitute(
        title=escape(f"{subject}: {outcome_name}"),
        style=STYLE.read_text(encoding="utf-8"),
        outcome=outcome_name.replace(" ", "-"),
        subject=escape(f"{subject} · TF1 against Keras 3 · {report['mode']}"),
        sign=SIGNS[report["outcome"]],
        heading=headline(report),
        verdict=f'<p class="verdict">{escape(report["verdict"])}</p>\n',
        highlights="".join(_highlight(*pair) for pair in highlights(report)),
        links="".join(f'<li><a href="#{s.key}">{escape(s.title)}</a></li>\n' for s in shown),
        sections="".join(_section(section) for section in shown),
    )


def _highlight(value: str, name: str) -> str:
    return f"<div><dt>{escape(name)}</dt><dd>{escape(value)}</dd></div>\n"


def _section(section: Section) -> str:
    text = "".join(f"<p>{escape(line)}</p>\n" for line in section.text)
    blocks = "".join(_block(block) for block in section.blocks)
    blocks = f'<div class="blocks">\n{blocks}</div>\n' if blocks else ""
    head = f'<section id="{section.key}" aria-labelledby="{section.key}-title">\n'
    title = f'<h2 id="{section.key}-title">{escape(section.title)}</h2>\n'
    return f"{head}{title}{text}{blocks}</section>\n"


def _block(block: Table | Picture | Command) -> str:
    if isinstance(block, Table):
        return _table(block)
    return _figure(block) if isinstance(block, Picture) else _command(block)


def _command(command: Command) -> str:
    return f'<pre class="wide"><code>{escape(command.line)}</code></pre>\n'


def _figure(picture: Picture) -> str:
    """The caption is the figure's accessible name as well, so that it is read out once."""
    name = f"{picture.name}-caption"
    drawn = svg(picture.name, picture.draw).replace(
        "<svg ", f'<svg role="img" aria-labelledby="{name}" ', 1
    )
    caption = f'<figcaption id="{name}">{escape(picture.caption)}</figcaption>\n'
    return f'<figure id="{picture.name}">\n{drawn}{caption}</figure>\n'


def _table(table: Table) -> str:
    rows = "".join(_row(row, table.columns) for row in table.rows)
    heads = "".join(
        f'<th scope="col" class="{column.kind}">{escape(column.title)}</th>'
        for column in table.columns
    )
    text = escape(table.caption)
    caption = "" if table.folded else f"<caption>{text}</caption>\n"
    body = (
        f'<table class="{table.layout}">\n{caption}<thead><tr>{heads}</tr></thead>\n'
        f"<tbody>\n{rows}</tbody>\n</table>\n"
    )
    if table.folded:
        return f'<details class="wide">\n<summary>{text}</summary>\n{body}</details>\n'
    return f"<div {_WRAPPERS[table.layout].format(text)}>\n{body}</div>\n"


def _row(row: list[str], columns: list[Column]) -> str:
    first, *cells = (_cell(*pair) for pair in zip(row, columns, strict=True))
    head = first.replace("<td", '<th scope="row"', 1).removesuffix("</td>") + "</th>"
    return f"<tr>{head}{''.join(cells)}</tr>\n"


def _cell(text: str, column: Column) -> str:
    content = escape(text)
    kind = column.kind
    kind += _SIGNED.get((kind, text[:1]), "")
    if kind == "code":
        content = f"<code>{content}</code>"
    label = f' data-label="{escape(column.title)}"' if column.title else ""
    return f'<td class="{kind}"{label}>{content}</td>'
