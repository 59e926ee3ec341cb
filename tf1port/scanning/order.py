"""The order of work: a file after those that it imports, then the one with the least effort."""

from __future__ import annotations

import heapq
import os
from collections.abc import Iterable, Mapping, Sequence, Set

from tf1port.scanning.idioms.idiom import Effort

POINTS = {Effort.SMALL: 1, Effort.MEDIUM: 4, Effort.LARGE: 16}


def order(efforts: Mapping[str, int], imports: Mapping[str, set[str]]) -> list[str]:
    """Files in the order of work.

    Args:
        efforts: points by file. imports: the files that a file imports.

    Where files import each other in a circle, the one with the least effort of them comes first.
    """
    waits = {file: imports.get(file, set()) & set(efforts) - {file} for file in efforts}
    awaited: dict[str, list[str]] = {file: [] for file in efforts}
    for file, others in waits.items():
        for other in others:
            awaited[other].append(file)
    ready = [(len(others), efforts[file], file) for file, others in waits.items()]
    heapq.heapify(ready)
    done: dict[str, None] = {}
    while ready:
        count, _, file = heapq.heappop(ready)
        if file in done or count != len(waits[file]):
            continue  # it was put in anew since
        done[file] = None
        for other in awaited[file]:
            waits[other].discard(file)
            heapq.heappush(ready, (len(waits[other]), efforts[other], other))
    return list(done)


def imported_files(path: str, modules: Iterable[tuple[int, str]], known: Set[str]) -> set[str]:
    """The files among `known` that a program imports, looked for in its folder and those above.

    modules: pairs of the number of dots before a module's name, and its name.
    """
    imported = set()
    for level, module in set(modules):
        for folder in _folders(path, level):
            inside = os.path.join(folder, *module.split("."))
            here = {inside + ".py", os.path.join(inside, "__init__.py")} & known
            imported |= here
            if here:
                break
    return imported - {path}


def _folders(path: str, level: int) -> Sequence[str]:
    """Where an import with so many dots looks; without a dot in the file's folder and all above."""
    folder = os.path.dirname(path)
    if level:
        for _ in range(level - 1):
            folder = os.path.dirname(folder)
        return [folder]
    folders = [folder]
    while folder:
        above = os.path.dirname(folder)
        if above == folder:
            break
        folder = above
        folders.append(folder)
    return folders
