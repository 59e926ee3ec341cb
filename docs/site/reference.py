"""Writes docs/reference/: the commands as argparse knows them, the API as its docstrings tell it.

.venv/bin/python docs/site/reference.py

A generator of our own and no mkdocstrings: the pages are read in a checkout as well, and the
docstrings here document several arguments at once, which its parser takes for unknown ones.
"""

import argparse
import ast
import re
import sys
import textwrap
from pathlib import Path

ROOT = Path(__file__).parents[2]
NOTE = "<!-- Written by `python docs/site/reference.py`; a test keeps it current. -->"
COMMANDS = f"""# Commands

What each command takes. `PROGRAM COMMAND --help` prints the same. `make legacy`, `make modern`,
`make compare` and `make bench` run the demonstration's; they hand on `ARGS="…"`. Exit codes: 0 done
or equal, 1 different or found, 2 input refused, 3 not proved, 4 an internal error.

{NOTE}
"""
API = f"""# Python API

All public names of `import tf1port`; [the tool from Python](../python.md) has an example and an
overview.

{NOTE}
"""
TITLES = {"Args": "Arguments", "Raises": "Raises", "Returns": "Returns", "Attributes": "Attributes"}
SECTION = re.compile(r"^(Args|Raises|Returns|Attributes):\n((?:    .*\n?|\n)+)", re.M)
ITEM = re.compile(r"^(?=\S)", re.M)
NAMES = re.compile(r"(?:^|(?<=\. ))(\w+(?:, \w+)*): ")  # "to: a path. trust: …" is of two


def pages():
    """The content of each page, by its path in docs/."""
    return {"reference/commands.md": commands(), "reference/api.md": api()}


def commands():
    """The page of the commands."""
    return COMMANDS + "".join(text for parser in _parsers() for text in _program(parser))


def _parsers():
    sys.path[:0] = [str(ROOT)] if str(ROOT) not in sys.path else []
    import bench.__main__
    import bench.communication
    import bench.profile
    import equivalence.__main__
    import legacy_tf1.__main__
    import modern_tf2.__main__
    import tf1port.command_line
    from shared import command_line

    yield tf1port.command_line.parser()
    program = legacy_tf1.__main__
    yield command_line.make_parser("legacy", program.FUNCTIONS, program.STRATEGIES)
    program = modern_tf2.__main__
    yield command_line.make_parser("modern", program.FUNCTIONS, program.STRATEGIES)
    yield equivalence.__main__.make_parser()
    yield bench.__main__.make_parser()
    yield bench.communication.make_parser()
    yield bench.profile.make_parser()


def _program(parser):
    """The section of a program, with one below it for each of its commands."""
    yield f"\n## `{parser.prog}`\n"
    yield _parser(parser)
    for sub in parser._actions:
        for name, own in sub.choices.items() if _has_commands(sub) else ():
            yield f"\n### `{parser.prog.split()[-1]} {name}`\n"
            yield _parser(own)


def _has_commands(action):
    return isinstance(action, argparse._SubParsersAction)


def _parser(parser):
    """What a parser does, its usage, a table of what it takes, its examples."""
    shown = [action for action in parser._actions if action.help is not argparse.SUPPRESS]
    rows = [row for action in shown for row in _rows(parser, action)]
    examples = textwrap.dedent((parser.epilog or "").partition("examples:")[2].strip("\n"))
    blocks = [_wrapped(_sentence(parser.description)), f"```\n{_usage(parser)}\n```"]
    blocks += ["\n".join(["| | |", "|---|---|", *rows])]
    blocks += [f"```bash\n{examples}\n```"] if examples else []
    return "\n" + "\n\n".join(blocks) + "\n"


def _usage(parser):
    """The usage, broken between its parts alone, and alike in every version of Python."""
    text = " ".join(parser.format_usage().removeprefix("usage: ").split())
    whole = re.sub(r"\[[^]]*\]|--\S+ [^-\s[]+", lambda part: part[0].replace(" ", "\0"), text)
    return _wrapped(whole, "    ", width=80).replace("\0", " ")


def _rows(parser, action):
    """The row of an argument; of the argument that is a command: one for each."""
    if _has_commands(action):
        for choice in action._choices_actions:
            yield _row(choice.dest, choice.help)
    elif not isinstance(action, argparse._HelpAction):
        form = parser._get_formatter()._format_action_invocation(action)
        required = ["required"] if action.required and action.option_strings else []
        version = isinstance(action, argparse._VersionAction)
        yield _row(form, "; ".join([*required, "print it" if version else action.help]))


def _row(name, text):
    return "| `{}` | {} |".format(*(part.replace("|", "\\|") for part in (name, text)))


def _sentence(text):
    text = text.strip()
    return text[0].upper() + text[1:] + ("" if text.endswith(".") else ".")


def api():
    """The page of the API."""
    import tf1port

    homes = {name: tf1port._HOMES[name] for name in tf1port.__all__}
    nodes = {name: _node(home, name) for name, home in homes.items()}
    functions = {name for name, (node, _) in nodes.items() if not isinstance(node, ast.ClassDef)}
    results = [name for name, home in homes.items() if home == "tf1port.results"]
    rest = [name for name in nodes if name not in functions and name not in results]
    groups = {
        "Functions": [name for name in nodes if name in functions],
        "Results": results,
        "Sides and outcomes": rest,
    }
    found = API
    for title, names in groups.items():
        found += f"\n## {title}\n" + "".join(_entry(name, *nodes[name]) for name in names)
    return found


def _node(module, name):
    """A function or class of a module, by its source alone, and that source."""
    source = (ROOT / (module.replace(".", "/") + ".py")).read_text(encoding="utf-8")
    tree = ast.parse(source).body
    return next(node for node in tree if getattr(node, "name", None) == name), source


def _entry(name, node, source):
    """The section of a function or a class."""
    text = f"\n### `{name}`\n\n"
    if not isinstance(node, ast.ClassDef):
        text += f"```python\n{_header(node, source)}\n```\n\n"
    text += _documented(ast.get_docstring(node))
    methods = [part for part in getattr(node, "body", ()) if isinstance(part, ast.FunctionDef)]
    rows = [_method(part) for part in methods if not part.name.startswith("_")]
    if isinstance(node, ast.ClassDef) and rows:
        text += "\n" + "\n".join(["| member | |", "|---|---|", *rows]) + "\n"
    return text


def _header(node, source):
    """`def …:` as it stands in the file, with `...` for the body."""
    lines = source.splitlines()[node.lineno - 1 : node.body[0].lineno - 1]
    return "\n".join(lines) + " ..."


def _method(node):
    called = "" if any(isinstance(d, ast.Name) for d in node.decorator_list) else "()"
    names = [argument.arg for argument in node.args.args[1:]]
    shown = f"({', '.join(names)})" if called else ""
    return _row(node.name + shown, " ".join(ast.get_docstring(node).partition("\n\n")[0].split()))


def _documented(docstring):
    """A docstring as Markdown: its sections become lists."""
    found, start = [], 0
    for match in SECTION.finditer(docstring):
        found += _plain(docstring[start : match.start()])
        found += [f"**{TITLES[match[1]]}**", _items(match[2])]
        start = match.end()
    return "\n\n".join([*found, *_plain(docstring[start:])]) + "\n"


def _plain(text):
    """Paragraphs, wrapped anew."""
    return [_wrapped(part) for part in re.split(r"\n\s*\n", text.strip()) if part.strip()]


def _items(text):
    rows = [" ".join(item.split()) for item in ITEM.split(textwrap.dedent(text)) if item.strip()]
    named = [re.sub(NAMES, _code, row) for row in rows]
    return "\n".join(_wrapped(f"- {row}", "  ") for row in named)


def _code(match):
    return ", ".join(f"`{name}`" for name in match[1].split(", ")) + ": "


def _wrapped(text, indent="", *, width=100):
    wrap = {"break_on_hyphens": False, "break_long_words": False, "subsequent_indent": indent}
    return textwrap.fill(" ".join(text.split()), width, **wrap)


def main():
    """Writes the pages whose content is not current."""
    for name, content in pages().items():
        path = ROOT / "docs" / name
        path.parent.mkdir(exist_ok=True)
        if not path.exists() or path.read_text(encoding="utf-8") != content:
            path.write_text(content, encoding="utf-8")
            print("wrote", path.relative_to(ROOT))


if __name__ == "__main__":
    main()
