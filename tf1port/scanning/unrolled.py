"""A recurrence that is written out: a Python loop over time steps that carries a state."""

from __future__ import annotations

import ast
from collections.abc import Iterator

from tf1port.scanning.scopes import Scope

# A full name for what has none.
NAME = "tensorflow.steps_in_a_loop"
PRODUCTS = ("matmul", "tensordot", "einsum", "xw_plus_b", "dense", "fully_connected", "linear")


def is_unrolled(loop: ast.For | ast.AsyncFor, scope: Scope) -> bool:
    """Whether a loop takes a product of what it indexes by its variable and of a state.

    `for t in range(T): h = tf.tanh(tf.matmul(x[:, t], w) + tf.matmul(h, u))`
    """
    inside = [node for statement in loop.body for node in ast.walk(statement)]
    return (
        any(_multiplies(node, scope) for node in inside)
        and _indexes(inside, set(_names(loop.target)))
        and any(_carries(node, scope) for node in inside)
    )


def _indexes(nodes: list[ast.AST], variables: set[str]) -> bool:
    subscripts = [node.slice for node in nodes if isinstance(node, ast.Subscript)]
    return any(variables & set(_names(index)) for index in subscripts)


def _carries(node: ast.AST, scope: Scope) -> bool:
    """It gives a name a value of TensorFlow that is computed of what the name had before."""
    if not isinstance(node, ast.Assign) or not any(
        _called(one, scope).startswith("tensorflow") for one in ast.walk(node.value)
    ):
        return False
    return bool({n for target in node.targets for n in _names(target)} & set(_names(node.value)))


def _multiplies(node: ast.AST, scope: Scope) -> bool:
    called = _called(node, scope)
    return called.startswith("tensorflow") and called.endswith(PRODUCTS)


def _called(node: ast.AST, scope: Scope) -> str:
    return scope.full_name(node.func)[0] if isinstance(node, ast.Call) else ""


def _names(node: ast.AST) -> Iterator[str]:
    return (one.id for one in ast.walk(node) if isinstance(one, ast.Name))
