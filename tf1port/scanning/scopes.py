"""What names stand for in the scopes of a program."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field

UNKNOWN = "?"  # how a full name begins whose first word is the program's own


@dataclass(frozen=True)
class Meaning:
    """What a name stands for.

    Attributes:
        full: the full name of something of a library; "" for what is the program's own.
        assigned: by `name = …`, which is itself a use of the full name; else by an import.
    """

    full: str
    assigned: bool = False


OWN = Meaning("")


@dataclass
class Scope:
    """The names of a module, a function or a class."""

    above: Scope | None = None
    names: dict[str, Meaning] = field(default_factory=dict)

    def bind(self, name: str, full: str = "", *, assigned: bool = True) -> None:
        """Gives a name its meaning. What is known stays: `except ImportError: tf = None`."""
        if full or name not in self.names:
            self.names[name] = Meaning(full, assigned) if full else OWN

    def assign(self, target: ast.expr, full: str) -> None:
        """Binds what an assignment binds to the parts of a value with that full name."""
        if isinstance(target, ast.Name):
            self.bind(target.id, "" if full.startswith(UNKNOWN) else full)
        elif isinstance(target, ast.Tuple | ast.List):
            for position, part in enumerate(target.elts):
                self.assign(part, full and f"{full}[{position}]")

    def meaning(self, name: str) -> Meaning:
        """What a name stands for."""
        scope: Scope | None = self
        while scope:
            if name in scope.names:
                return scope.names[name]
            scope = scope.above
        # By a star import, in a notebook, or in a file that another one runs.
        return Meaning("tensorflow") if name == "tf" else OWN

    def full_name(self, node: ast.expr) -> tuple[str, Meaning]:
        """The full name of an expression, "" where it has none; the meaning of its first word."""
        if isinstance(node, ast.Name):
            meaning = self.meaning(node.id)
            return meaning.full or f"{UNKNOWN}.{node.id}", meaning
        if isinstance(node, ast.Attribute):
            before, meaning = self.full_name(node.value)
            return f"{before or UNKNOWN}.{node.attr}", meaning
        if isinstance(node, ast.Call):
            before, meaning = self.full_name(node.func)
            return before and f"{before}()", meaning
        if isinstance(node, ast.Subscript):
            before, meaning = self.full_name(node.value)
            return before and f"{before}[{_index(node.slice)}]", meaning
        return "", OWN


def _index(node: ast.expr) -> str:
    """-1 for the last of something: `x[-1]`, `x[:, -1]`, `x[:, -1, :]`."""
    indices = node.elts[:2] if isinstance(node, ast.Tuple) else [node]
    return "-1" if any(map(_is_last, indices)) else ""


def _is_last(node: ast.expr) -> bool:
    if not (isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub)):
        return False
    return isinstance(node.operand, ast.Constant) and node.operand.value == 1


def parameters(arguments: ast.arguments) -> Iterator[str]:
    """The names of a function's parameters."""
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one]
    return (one.arg for one in every)
