"""Statements of Python source: inlined into each other, and wrapped into short lines."""

from __future__ import annotations

import ast
import re
import textwrap
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tf1port.keras_model.expressions import WIDTH

# The target names, the expression, and the layer where the expression is the arguments of its call.
Statement = tuple[str, str, Any]
_NAME = re.compile(r"[A-Za-z_]\w*")
_MAX_INLINED = 76  # characters of a statement after others were inlined into it


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
    for index, (_, text, _) in remaining.items():
        for name in _NAME.findall(text):
            users.setdefault(name, []).append(index)
    for index, (name, _, layer) in enumerate(statements):
        if layer is not None or name in keep or len(users.get(name, ())) != 1:
            continue
        (user,) = users[name]
        target, user_text, user_layer = remaining[user]
        place = re.search(rf"\b{name}\b", user_text)
        assert place is not None
        text = remaining[index][1]
        combined = _substituted(place, text, user_text)
        if len(target) + len(combined) < (
            _MAX_INLINED if user_layer is None else _MAX_INLINED // 2
        ):
            remaining[user] = (target, combined, user_layer)
            del remaining[index]
            for word in _NAME.findall(text):
                users[word] = [user if i == index else i for i in users[word]]
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
    pad, lines = " " * indent, []
    counts = Counter(id(layer) for *_, layer in statements if layer is not None)
    layer_names: dict[int, str] = {}
    for name, text, layer in statements:
        if layer is None:
            line = f"{pad}{name} = {text}"
            lines += [line] if len(line) <= WIDTH else folded(line, indent)
            continue
        spec: Any = getattr(layer, "spec", layer)
        if counts[id(layer)] == 1:
            lines += spec.call.lines(indent=indent, before=f"{name} = ", after=text)
            continue
        if id(layer) not in layer_names:
            layer_names[id(layer)] = f"{spec.name}_layer"
            lines += spec.call.lines(indent=indent, before=f"{spec.name}_layer = ")
        lines += folded(f"{name} = {layer_names[id(layer)]}{text}", indent)
    return lines


def folded(line: str, indent: int) -> list[str]:
    """A line that ends in a call or a list, broken within that where it is too long."""
    pad = " " * indent
    line = pad + line.strip()
    start = _opening(line)
    if len(line) <= WIDTH or start is None or not line.rstrip(",").endswith((")", "]")):
        return [line]
    end = len(line.rstrip(",")) - 1
    arguments = _arguments(line[start + 1 : end])
    inner = [line for argument in arguments for line in folded(f"{argument},", indent + 4)]
    body = " " * (indent + 4) + line[start + 1 : end]
    return [line[: start + 1], *([body] if len(body) <= WIDTH else inner), pad + line[end:]]


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


def wrapped(text: str, indent: int) -> list[str]:
    """Words as lines."""
    pad = " " * indent
    return textwrap.wrap(text, WIDTH, initial_indent=pad, subsequent_indent=pad)
