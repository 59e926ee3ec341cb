"""Full names in a syntax tree: what each import, alias and variable of a program stands for.

The standard library's ast reads it: libcst's parser with its metadata takes some 50 times as long,
and a scan changes nothing (`--fix` does, and uses libcst).
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tf1port.scanning.places import Place, canonical, imported_name

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
UNKNOWN = "?"


@dataclass(frozen=True)
class Meaning:
    """What a name stands for: a full name, or "" for something else of the program's own.

    assigned: by `name = …`, which is itself a use of the full name; else by an import.
    """

    full: str
    assigned: bool = False


@dataclass
class Scope:
    """The names of a module, a function or a class."""

    above: Scope | None = None
    names: dict[str, Meaning] = field(default_factory=dict)

    def bind(self, name: str, full: str = "", *, assigned: bool = True) -> None:
        """Gives a name its meaning. What is known stays: `except ImportError: tf = None`."""
        if full or name not in self.names:
            self.names[name] = Meaning(full, assigned)

    def meaning(self, name: str) -> Meaning | None:
        """What a name stands for; None where nothing of the file binds it."""
        scope: Scope | None = self
        while scope:
            if name in scope.names:
                return scope.names[name]
            scope = scope.above
        # By a star import, in a notebook, or in a file that is run by another one.
        return Meaning("tensorflow") if name == "tf" else None


def places(tree: ast.Module) -> list[Place]:
    """Every use of a name that an import gives, or that is a method of something unknown.

    Raises:
        RecursionError: an expression is too deep.
    """
    return list(_Walk().module(tree))


class _Walk:
    """Goes through a program, functions after the module that they stand in."""

    def __init__(self) -> None:
        self.later: deque[tuple[Function, Scope]] = deque()

    def module(self, tree: ast.Module) -> Iterator[Place]:
        yield from self._each(tree.body, Scope())
        while self.later:
            function, scope = self.later.popleft()
            inner = Scope(scope)
            for name in _parameters(function.args):
                inner.bind(name)
            body = function.body if isinstance(function.body, list) else [function.body]
            yield from self._each(body, inner)

    def _each(self, nodes: list[ast.stmt] | list[ast.expr], scope: Scope) -> Iterator[Place]:
        for node in nodes:
            yield from self._visit(node, scope)

    def _visit(self, node: ast.AST, scope: Scope) -> Iterator[Place]:
        match node:
            case ast.Import() | ast.ImportFrom():
                yield from _imports(node, scope)
            case ast.Call():
                yield from self._name(node.func, scope, node)
                yield from self._below(node, scope, without=node.func)
            case ast.Attribute() | ast.Name() | ast.Subscript():
                yield from self._name(node, scope, None)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from self._function(node, scope)
            case ast.ClassDef():
                scope.bind(node.name)
                yield from self._each([*node.bases, *node.decorator_list], scope)
                yield from self._each(node.body, Scope(scope))
            case _:
                _bind(node, scope)
                yield from self._below(node, scope)

    def _below(
        self, node: ast.AST, scope: Scope, without: ast.AST | None = None
    ) -> Iterator[Place]:
        for child in ast.iter_child_nodes(node):
            if child is not without:
                yield from self._visit(child, scope)

    def _function(self, node: Function, scope: Scope) -> Iterator[Place]:
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name)
            yield from self._each(node.decorator_list, scope)
        yield from self._below(node.args, scope)
        self.later.append((node, scope))

    def _name(self, node: ast.expr, scope: Scope, call: ast.Call | None) -> Iterator[Place]:
        """The longest name that begins here, and what stands in it: `f(x).y[z]`."""
        full, meaning = full_name(node, scope)
        if full and not (isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)):
            yield _place(node, full, meaning, call)
        while isinstance(node, ast.Attribute):
            node = node.value
        if isinstance(node, ast.Subscript):
            yield from self._below(node, scope)
        elif not isinstance(node, ast.Name):
            yield from self._visit(node, scope)


def full_name(node: ast.expr, scope: Scope) -> tuple[str, Meaning | None]:
    """The full name of an expression, "" where it has none, and the meaning of its first word."""
    match node:
        case ast.Name():
            meaning = scope.meaning(node.id)
            own = meaning is None or not meaning.full
            return (f"{UNKNOWN}.{node.id}" if own else meaning.full), meaning  # type: ignore[union-attr]
        case ast.Attribute():
            before, meaning = full_name(node.value, scope)
            return f"{before or UNKNOWN}.{node.attr}", meaning
        case ast.Call():
            before, meaning = full_name(node.func, scope)
            return (f"{before}()" if before else ""), meaning
        case ast.Subscript():
            before, meaning = full_name(node.value, scope)
            return (f"{before}[{_index(node.slice)}]" if before else ""), meaning
    return "", None


def _index(node: ast.expr) -> str:
    """-1 for the last of something: `x[-1]`, `x[:, -1]`, `x[:, -1, :]`."""
    indices = node.elts[:2] if isinstance(node, ast.Tuple) else [node]
    return "-1" if any(ast.unparse(one) == "-1" for one in indices) else ""


def _place(node: ast.expr, full: str, meaning: Meaning | None, call: ast.Call | None) -> Place:
    line, column = node.lineno, node.col_offset
    if isinstance(node, ast.Attribute) and full.startswith(UNKNOWN) | ("()" in full):
        # A method, which may stand lines below its object.
        line = node.end_lineno or line
        column = (node.end_col_offset or column) - len(node.attr.encode())
    base = meaning.full if meaning else ""
    written = full[len(base) :]
    return Place(
        line=line,
        column=column,
        name=canonical(full),
        base=canonical(base),
        v1="compat.v1" in full,
        written_v1="compat.v1" in written,
        call=call,
        imported=False,
        alias=bool(meaning and meaning.assigned and full == base),
    )


def _imports(node: ast.Import | ast.ImportFrom, scope: Scope) -> Iterator[Place]:
    """Binds what an import binds, and yields it."""
    for one in node.names:
        if isinstance(node, ast.Import):
            full = one.name
            bound = (one.asname, full) if one.asname else (full.split(".")[0],) * 2
        else:
            full = f"{'.' * node.level}{node.module or ''}.{one.name}"
            bound = (one.asname or one.name, full)
        if one.name == "tf" and not full.startswith(("tensorflow", "keras")):
            bound = (bound[0], "tensorflow")  # from my_setup import tf
        scope.bind(*bound, assigned=False)
        yield Place(
            line=node.lineno,
            column=node.col_offset,
            name=imported_name(full.removesuffix(".*")),
            base="",
            v1="compat.v1" in full,
            written_v1="compat.v1" in full,
            call=None,
            imported=True,
            alias=False,
        )


def _bind(node: ast.AST, scope: Scope) -> None:
    """Binds what a statement binds: to the full name of the value, if it has one."""
    match node:
        case ast.Assign(targets=[*targets], value=value):
            full, _ = full_name(value, scope)
            for target in targets:
                _assign(target, "" if full.startswith(UNKNOWN) else full, scope)
        case ast.AnnAssign(target=target, value=value) if value:
            full, _ = full_name(value, scope)
            _assign(target, "" if full.startswith(UNKNOWN) else full, scope)
        case ast.withitem(context_expr=value, optional_vars=target) if target:
            full, _ = full_name(value, scope)
            _assign(target, full.removesuffix(".as_default()"), scope)
        case (
            ast.For(target=target) | ast.AsyncFor(target=target) | ast.comprehension(target=target)
        ):
            _assign(target, "", scope)


def _assign(target: ast.expr, full: str, scope: Scope) -> None:
    match target:
        case ast.Name():
            scope.bind(target.id, "" if full.startswith(UNKNOWN) else full)
        case ast.Tuple() | ast.List():
            for position, one in enumerate(target.elts):
                _assign(one, full and f"{full}[{position}]", scope)


def _parameters(arguments: ast.arguments) -> Iterator[str]:
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]
    every += [one for one in (arguments.vararg, arguments.kwarg) if one]
    return (one.arg for one in every)
