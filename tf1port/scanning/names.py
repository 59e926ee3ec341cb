"""Every place of a program where a name of a library is used, found in its syntax tree.

The standard library's ast reads it, as libcst with its metadata takes many times as long and a scan
changes nothing. What a program is called by counts: a function is looked at after all that its
module binds.
"""

from __future__ import annotations

import ast
from collections import deque
from collections.abc import Callable, Iterable
from typing import Any

from tf1port.scanning import unrolled
from tf1port.scanning.places import Place, canonical, imported_name
from tf1port.scanning.scopes import UNKNOWN, Meaning, Scope, parameters

Function = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Comprehension = ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp
# What holds no name.
_LEAVES = (ast.Constant, ast.expr_context, ast.operator, ast.cmpop, ast.boolop, ast.unaryop)


class Walk:
    """A walk through a program.

    Attributes:
        places: each use of a library's name, and of a method in `methods` of something unknown.
        modules: what is imported, as pairs of the number of dots before it and its name.

    Raises:
        RecursionError: an expression is too deep.
    """

    def __init__(self, tree: ast.Module, methods: frozenset[str]) -> None:
        self.places: list[Place] = []
        self.modules: list[tuple[int, str]] = []
        self._methods = methods
        self._later: deque[tuple[Function, Scope]] = deque()
        self._each(tree.body, Scope())
        while self._later:
            function, scope = self._later.popleft()
            inner = Scope(scope)
            for name in parameters(function.args):
                inner.bind(name)
            body = function.body if isinstance(function.body, list) else [function.body]
            self._each(body, inner)

    def _each(self, nodes: Iterable[ast.AST], scope: Scope) -> None:
        for node in nodes:
            self._visit(node, scope)

    def _visit(self, node: ast.AST, scope: Scope) -> None:
        visit = _VISITS.get(type(node))
        if visit:
            visit(self, node, scope)
        elif not isinstance(node, _LEAVES):
            self._below(node, scope)

    def _below(self, node: ast.AST, scope: Scope) -> None:
        for name in node._fields:
            value = getattr(node, name, None)
            if isinstance(value, ast.AST):
                self._visit(value, scope)
            elif isinstance(value, list):
                for child in value:
                    if isinstance(child, ast.AST):
                        self._visit(child, scope)

    def _call(self, node: ast.Call, scope: Scope) -> None:
        self._name(node.func, scope, node)
        self._each(node.args, scope)
        self._each(node.keywords, scope)

    def _name(self, node: ast.expr, scope: Scope, call: ast.Call | None = None) -> None:
        """The longest name that ends here, and what stands in it: `f(x).y[z]`."""
        full, meaning = scope.full_name(node)
        method = isinstance(node, ast.Attribute) and node.attr in self._methods
        stored = isinstance(getattr(node, "ctx", None), ast.Store)
        if (meaning.full or method) and not stored:
            self.places.append(_place(node, full, meaning, call))
        while isinstance(node, ast.Attribute):
            node = node.value
        if isinstance(node, ast.Subscript):
            self._below(node, scope)
        elif not isinstance(node, ast.Name):
            self._visit(node, scope)

    def _function(self, node: Function, scope: Scope) -> None:
        if not isinstance(node, ast.Lambda):
            scope.bind(node.name)
            self._each(node.decorator_list, scope)
        self._below(node.args, scope)
        self._later.append((node, scope))

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        scope.bind(node.name)
        self._each([*node.bases, *node.keywords, *node.decorator_list], scope)
        self._each(node.body, Scope(scope))

    def _assign(self, node: ast.Assign | ast.AnnAssign, scope: Scope) -> None:
        self._below(node, scope)
        full, _ = scope.full_name(node.value) if node.value else ("", None)
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            scope.assign(target, full)

    def _with(self, node: ast.withitem, scope: Scope) -> None:
        self._below(node, scope)
        if node.optional_vars:
            full, _ = scope.full_name(node.context_expr)
            scope.assign(node.optional_vars, full.removesuffix(".as_default()"))

    def _comprehension(self, node: Comprehension, scope: Scope) -> None:
        inner = Scope(scope)
        for generator in node.generators:
            inner.assign(generator.target, "")
        self._below(node, inner)

    def _loop(self, node: ast.For | ast.AsyncFor, scope: Scope) -> None:
        scope.assign(node.target, "")
        self._below(node, scope)
        if unrolled.is_unrolled(node, scope):
            self.places.append(_place(node, unrolled.NAME, Meaning("tensorflow"), None))

    def _import(self, node: ast.Import, scope: Scope) -> None:
        for alias in node.names:
            root = alias.name.partition(".")[0]
            self.modules.append((0, alias.name))
            scope.bind(alias.asname or root, alias.name if alias.asname else root, assigned=False)
            self.places.append(_imported(node, alias.name))

    def _import_from(self, node: ast.ImportFrom, scope: Scope) -> None:
        module = node.module or ""
        if module:
            self.modules.append((node.level, module))
        for alias in node.names:
            self.modules.append((node.level, f"{module}.{alias.name}".lstrip(".")))
            full = f"{'.' * node.level}{module}.{alias.name}"
            # `from my_setup import tf`: it is what it is called.
            own = alias.name == "tf" and not module.startswith(("tensorflow", "keras"))
            scope.bind(alias.asname or alias.name, "tensorflow" if own else full, assigned=False)
            self.places.append(_imported(node, full))


_VISITS: dict[type[ast.AST], Callable[[Walk, Any, Scope], None]] = {
    ast.Call: Walk._call,
    **dict.fromkeys((ast.Attribute, ast.Name, ast.Subscript), Walk._name),
    **dict.fromkeys((ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda), Walk._function),
    ast.ClassDef: Walk._class,
    **dict.fromkeys((ast.Assign, ast.AnnAssign), Walk._assign),
    ast.withitem: Walk._with,
    **dict.fromkeys((ast.For, ast.AsyncFor), Walk._loop),
    **dict.fromkeys(Comprehension.__args__, Walk._comprehension),
    ast.Import: Walk._import,
    ast.ImportFrom: Walk._import_from,
}


def _place(node: ast.expr | ast.stmt, full: str, meaning: Meaning, call: ast.Call | None) -> Place:
    line, column = node.lineno, node.col_offset
    if isinstance(node, ast.Attribute) and (full.startswith(UNKNOWN) or "()" in full):
        # A method, which may stand lines below its object.
        line = node.end_lineno or line
        column = (node.end_col_offset or column) - len(node.attr.encode())
    return Place(
        line=line,
        column=column,
        name=canonical(full),
        base=canonical(meaning.full),
        v1="compat.v1" in full,
        written_v1="compat.v1" in full[len(meaning.full) :],
        call=call,
        imported=False,
        alias=meaning.assigned and full == meaning.full and full[-1] not in ")]",
    )


def _imported(node: ast.Import | ast.ImportFrom, full: str) -> Place:
    v1 = "compat.v1" in full
    return Place(
        line=node.lineno,
        column=node.col_offset,
        name=imported_name(full.removesuffix(".*")),
        base="",
        v1=v1,
        written_v1=v1,
        call=None,
        imported=True,
        alias=False,
    )
