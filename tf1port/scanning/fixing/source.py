"""Pieces of a call as source text, and back."""

from __future__ import annotations

from collections.abc import Mapping

import libcst as cst


class NotRewritten(Exception):
    """A call has something that its rule does not know; the message says what."""


def text_of(node: cst.BaseExpression) -> str:
    """The source of an expression."""
    return cst.Module([]).code_for_node(node)


def is_named(node: cst.BaseExpression) -> bool:
    """Whether it may be written twice: a name, or an attribute of one."""
    while isinstance(node, cst.Attribute):
        node = node.value
    return isinstance(node, cst.Name)


def arguments(words: Mapping[str, cst.BaseExpression]) -> list[cst.Arg]:
    """Arguments by keyword."""
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return [cst.Arg(value, cst.Name(key), equal) for key, value in words.items()]
