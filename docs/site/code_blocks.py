"""Fills the blocks of code in the guide that are cut out of this project's own files.

python docs/site/code_blocks.py [PAGE.md …]    # all pages of docs/guide, if none is named

A block to be filled follows a line `<!-- code FILE NAME [N] -->`: of FILE the function, class or
method NAME without its docstring, and of it only the part with the numbered heading `# N. …`.
"""

import ast
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide"
BLOCK = re.compile(
    r"^(?P<mark><!-- code (?P<file>\S+) (?P<name>\S+)(?: (?P<part>\d+))? -->\n)"
    r"```python\n.*?^```$",
    re.M | re.S,
)
HEADING = re.compile(r"^\s*# (\d+)\. ")


def filled(text):
    """The text of a page with its marked blocks as the files have them now."""
    return BLOCK.sub(_block, text)


def _block(match):
    source = (ROOT / match["file"]).read_text(encoding="utf-8")
    lines = _lines(source, match["name"])
    if match["part"]:
        lines = _part(lines, match["part"], match["mark"])
    code = textwrap.dedent("\n".join(lines)).rstrip()
    return f"{match['mark']}```python\n{code}\n```"


def _lines(source, name):
    """The lines of a function, class or method (`Class.method`), without its docstring."""
    node = ast.parse(source)
    for part in name.split("."):
        node = next(child for child in node.body if getattr(child, "name", None) == part)
    lines = source.splitlines()
    text = lines[node.lineno - 1 : node.end_lineno]
    first = node.body[0]
    if isinstance(first, ast.Expr) and isinstance(getattr(first.value, "value", None), str):
        end = first.end_lineno - node.lineno + 1
        blank = end < len(text) and not text[end].strip()  # below the docstring of a class
        del text[first.lineno - node.lineno : end + blank]
    return text


def _part(lines, number, mark):
    """The lines from the heading `# N. …` to the next one."""
    starts = [(i, match[1]) for i, line in enumerate(lines) if (match := HEADING.match(line))]
    for at, (start, found) in enumerate(starts):
        if found == number:
            return lines[start : starts[at + 1][0] if at + 1 < len(starts) else None]
    raise ValueError(f"{mark.strip()}: no heading of this number")


def main(pages):
    """Writes the pages whose code is not current."""
    for page in pages or sorted(GUIDE.rglob("*.md")):
        old = Path(page).read_text(encoding="utf-8")
        if (new := filled(old)) != old:
            Path(page).write_text(new, encoding="utf-8")
            print("wrote", page)


if __name__ == "__main__":
    main(sys.argv[1:])
