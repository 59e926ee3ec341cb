"""The order of work: a file after those that it imports, then the one with the least effort."""

from __future__ import annotations

import ast
import os
from collections.abc import Iterator, Mapping, Sequence

from tf1port.scanning.idioms.idiom import Effort

POINTS = {Effort.SMALL: 1, Effort.MEDIUM: 4, Effort.LARGE: 16}


def order(efforts: Mapping[str, int], imports: Mapping[str, set[str]]) -> list[str]:
    """Files in the order of work.

    Args:
        efforts: points by file. imports: the files that a file imports.

    Where files import each other in a circle, the one that waits for the fewest comes first.
    """
    waiting = {file: imports.get(file, set()) & set(efforts) - {file} for file in efforts}
    found = []
    while waiting:
        file = min(waiting, key=lambda one: (len(waiting[one]), efforts[one], one))
        found.append(file)
        del waiting[file]
        for others in waiting.values():
            others.discard(file)
    return found


def imported_files(path: str, tree: ast.Module, known: set[str]) -> set[str]:
    """The files among `known` that a program imports, looked for in its folder and those above."""
    found = set()
    for level, module in _modules(tree):
        for folder in _folders(path, level):
            inside = os.path.join(folder, *module.split("."))
            here = {inside + ".py", os.path.join(inside, "__init__.py")} & known
            found |= here
            if here:
                break
    return found - {path}


def _modules(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Pairs of dots before a module's name and the name; what is taken of it may be one too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, one.name) for one in node.names)
        if isinstance(node, ast.ImportFrom):
            if node.module:
                yield node.level, node.module
            yield from (
                (node.level, ".".join(filter(None, [node.module, one.name]))) for one in node.names
            )


def _folders(path: str, level: int) -> Sequence[str]:
    """Where an import with so many dots looks; without a dot in the file's folder and all above."""
    folder = os.path.dirname(path)
    if level:
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        return [folder]
    found = [folder]
    while folder:
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
        found.append(folder)
    return found
