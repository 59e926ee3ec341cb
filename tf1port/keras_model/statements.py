"""Statements of Python source: inlined into each other, and wrapped into short lines."""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from tf1port.keras_model.expressions import WIDTH

LINES = object()  # in place of a layer: the text is whole lines, as of a function's definition
RETURN = "return"  # the target of a statement that returns its expression
# A name in an expression, or a text in quotes: no attribute and no keyword of an argument.
_NAME = re.compile(r"""(?:"[^"]*"|'[^']*')|(?<![\w.])([A-Za-z_]\w*)\b(?!=(?!=))""")
_MAX_INLINED = 86  # characters of a statement after others were inlined into it: 100 in a step


class Statement(NamedTuple):
    """A statement of a function.

    target: the names that it assigns, or RETURN. text: the expression; where it is of a layer, the
    arguments of its call. comment: what stands above it.
    """

    target: str
    text: str
    layer: Any = None
    comment: str = ""


def names_in(text: str) -> list[str]:
    """The names of variables in an expression, in order."""
    return [match[1] for match in _NAME.finditer(text) if match[1]]


def renamed(text: str, names: Mapping[str, str]) -> str:
    """An expression with other names of variables."""
    return _NAME.sub(lambda match: names.get(match[1], match[0]) if match[1] else match[0], text)


def row(names: Sequence[str]) -> str:
    """Names as a tuple."""
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def inlined(statements: Sequence[Statement], keep: set[str]) -> list[Statement]:
    """Statements, with names that are used once replaced by their expressions if that is short.

    Args:
        keep: names that keep a statement of their own.
    """
    remaining = dict(enumerate(statements))
    users: dict[str, list[int]] = {}
    for index, statement in remaining.items():
        for name in names_in(statement.text):
            users.setdefault(name, []).append(index)
    for index in reversed(range(len(statements))):  # from the results down: ops before operands
        name, _, layer, _ = statements[index]
        if layer is not None or name in keep or len(users.get(name, ())) != 1:
            continue
        (index_of_user,) = users[name]
        user, text = remaining[index_of_user], remaining[index].text
        if user.layer is LINES:
            continue
        place = next(match for match in _NAME.finditer(user.text) if match[1] == name)
        combined = _substituted(place, text, user.text)
        limit = _MAX_INLINED if user.layer is None else _MAX_INLINED // 2
        if len(user.target) + len(combined) < limit or (user.target, user.text) == (RETURN, name):
            remaining[index_of_user] = user._replace(text=combined)
            del remaining[index]
            for word in names_in(text):
                users[word] = [index_of_user if i == index else i for i in users[word]]
    return list(remaining.values())


def _substituted(place: re.Match[str], text: str, target_text: str) -> str:
    """A text with a name replaced by an expression, in parentheses where precedence needs them."""
    before, after = target_text[: place.start()], target_text[place.end() :]
    alone = before.endswith(("(", "[", ", ")) and after.startswith((")", "]", ","))
    alone = alone or not (before or after)
    body = ast.parse(text, mode="eval").body
    atoms = ast.Name | ast.Call | ast.Subscript | ast.Constant | ast.Attribute
    text = text if alone or isinstance(body, atoms) else f"({text})"
    return before + text + after


def as_lines(statements: Sequence[Statement], indent: int) -> list[str]:
    """Statements as lines; a layer that is called more than once has a statement of its own."""
    lines: list[str] = []
    counts = Counter(id(statement.layer) for statement in statements if statement.layer is not None)
    layer_names: dict[int, str] = {}
    for name, text, layer, comment in statements:
        lines += commented(comment, indent)
        if layer is LINES:
            lines += [""] if lines and lines[-1] else []
            lines += text.split("\n")
            continue
        if layer is None:
            lines += folded(f"return {text}" if name == RETURN else f"{name} = {text}", indent)
            continue
        spec: Any = getattr(layer, "spec", layer)
        if counts[id(layer)] == 1:
            call = spec.call.lines(indent=indent, before=f"{name} = ", after=text)
            lines += [*call[:-1], *folded(call[-1], indent)]
            continue
        if id(layer) not in layer_names:
            layer_names[id(layer)] = f"{spec.name}_layer"
            lines += spec.call.lines(indent=indent, before=f"{spec.name}_layer = ")
        lines += folded(f"{name} = {layer_names[id(layer)]}{text}", indent)
    return lines


def folded(line: str, indent: int) -> list[str]:
    """A line as several where it is too long: at its operators, or within its last bracket."""
    pad = " " * indent
    line = pad + line.strip()
    start = _opening(line)
    if len(line) <= WIDTH:
        return [line]
    match = re.match(r"( *(?:return|[\w, ]+ =)) (.*)$", line)
    if match is not None and len(terms := _terms(match[2])) > 1:
        return [f"{match[1]} (", *(f"{pad}    {term}" for term in terms), f"{pad})"]
    if start is None or not line.rstrip(",").endswith((")", "]")):
        return [line]
    end = len(line.rstrip(",")) - 1
    arguments = _arguments(line[start + 1 : end])
    inner = [line for argument in arguments for line in folded(f"{argument},", indent + 4)]
    body = " " * (indent + 4) + line[start + 1 : end]
    before = [line[: start + 1]]
    if len(before[0]) > WIDTH and line[start - 1] == ")":  # a call of what another call gives
        before = folded(line[:start], indent)
        before[-1] += line[start]
    return [*before, *([body] if len(body) <= WIDTH else inner), pad + line[end:]]


def _terms(text: str) -> list[str]:
    """The terms of a sum, or else the factors of a product, each with the operator before it."""
    for operators in ((" + ", " - "), (" * ", " / ")):
        places, depth = [0], 0
        for place, sign in enumerate(text):
            depth += (sign in "([{") - (sign in ")]}")
            if depth == 0 and text.startswith(operators, place):
                places.append(place + 1)
        if len(places) > 1:
            ends = [*places[1:], len(text) + 1]
            return [text[i : end - 1].rstrip() for i, end in zip(places, ends, strict=True)]
    return [text]


def _opening(line: str) -> int | None:
    """The place of the bracket that is closed by the last one of a line."""
    depth = 0
    for place in range(len(line.rstrip(",")) - 1, -1, -1):
        depth += (line[place] in ")]}") - (line[place] in "([{")
        if depth == 0:
            return place if line[place] in "([{" else None
    return None


def _arguments(text: str) -> list[str]:
    """The arguments of a call."""
    arguments, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            arguments.append(text[start:place].strip())
            start = place + 1
    return [*arguments, text[start:].strip()] if text[start:].strip() else arguments


def commented(text: str, indent: int) -> list[str]:
    """A comment as lines; none where it is empty."""
    return textwrap.wrap(
        text,
        WIDTH,
        initial_indent=" " * indent + "# ",
        subsequent_indent=" " * indent + "#   ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def wrapped(text: str, indent: int) -> list[str]:
    """Words as lines."""
    pad = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=pad, subsequent_indent=pad)
