"""Statements of Python source: put together, and broken into lines that are short enough."""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tf1port.keras_model.expressions import WIDTH

# The names that are assigned to, the expression, and where it is a call of a layer's the layer.
Statement = tuple[str, str, Any]
_NAME = re.compile(r"[A-Za-z_]\w*")
_ROOM = 76  # characters of a statement that others are put into


def row(names: Sequence[str]) -> str:
    """Names as a tuple."""
    return f"({names[0]},)" if len(names) == 1 else f"({', '.join(names)})"


def inlined(statements: Sequence[Statement], kept: set[str]) -> list[Statement]:
    """Statements without those whose names are used once, by an expression that has room for it."""
    found = dict(enumerate(statements))
    users: dict[str, list[int]] = {}
    for index, (_, text, _) in found.items():
        for name in _NAME.findall(text):
            users.setdefault(name, []).append(index)
    for index, (name, _, layer) in enumerate(statements):
        if layer is not None or name in kept or len(users.get(name, ())) != 1:
            continue
        (user,) = users[name]
        target, other, of = found[user]
        place = re.search(rf"\b{name}\b", other)
        assert place is not None
        text = found[index][1]
        whole = _put(place, text, other)
        if len(target) + len(whole) < (_ROOM if of is None else _ROOM // 2):
            found[user] = (target, whole, of)
            del found[index]
            for one in _NAME.findall(text):
                users[one] = [user if i == index else i for i in users[one]]
    return list(found.values())


def _put(place: re.Match[str], text: str, other: str) -> str:
    """An expression in the place of a name, in parentheses where its operators would be torn."""
    before, after = other[: place.start()], other[place.end() :]
    alone = before.endswith(("(", "[", ", ")) and after.startswith((")", "]", ","))
    alone = alone or not (before or after)
    body = ast.parse(text, mode="eval").body
    whole = ast.Name | ast.Call | ast.Subscript | ast.Constant | ast.Attribute
    text = text if alone or isinstance(body, whole) else f"({text})"
    return before + text + after


def written(statements: Sequence[Statement], indent: int) -> list[str]:
    """Statements as lines; a layer that is called more than once has a statement of its own."""
    pad, lines = " " * indent, []
    counts = Counter(id(layer) for *_, layer in statements if layer is not None)
    named: dict[int, str] = {}
    for name, text, layer in statements:
        if layer is None:
            line = f"{pad}{name} = {text}"
            lines += [line] if len(line) <= WIDTH else folded(line, indent)
            continue
        spec: Any = getattr(layer, "spec", layer)
        if counts[id(layer)] == 1:
            lines += spec.call.lines(indent=indent, before=f"{name} = ", after=text)
            continue
        if id(layer) not in named:
            named[id(layer)] = f"{spec.name}_layer"
            lines += spec.call.lines(indent=indent, before=f"{spec.name}_layer = ")
        lines += folded(f"{name} = {named[id(layer)]}{text}", indent)
    return lines


def folded(line: str, indent: int) -> list[str]:
    """A line that ends in a call or a list, broken within that where it is too long."""
    pad = " " * indent
    line = pad + line.strip()
    start = _opening(line)
    if len(line) <= WIDTH or start is None or not line.rstrip(",").endswith((")", "]")):
        return [line]
    end = len(line.rstrip(",")) - 1
    parts = _parts(line[start + 1 : end])
    inner = [one for part in parts for one in folded(f"{part},", indent + 4)]
    one = " " * (indent + 4) + line[start + 1 : end]
    return [line[: start + 1], *([one] if len(one) <= WIDTH else inner), pad + line[end:]]


def _opening(line: str) -> int | None:
    """The place of the bracket that the last one of a line closes."""
    depth = 0
    for place in range(len(line.rstrip(",")) - 1, -1, -1):
        depth += (line[place] in ")]}") - (line[place] in "([{")
        if depth == 0:
            return place if line[place] in "([{" else None
    return None


def _parts(text: str) -> list[str]:
    """The arguments of a call."""
    found, depth, start = [], 0, 0
    for place, sign in enumerate(text):
        depth += (sign in "([{") - (sign in ")]}")
        if sign == "," and depth == 0:
            found.append(text[start:place].strip())
            start = place + 1
    return [*found, text[start:].strip()] if text[start:].strip() else found


def wrapped(text: str, indent: int) -> list[str]:
    """Words as lines."""
    pad = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=pad, subsequent_indent=pad)
