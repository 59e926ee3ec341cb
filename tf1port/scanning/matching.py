"""Which idiom a place is."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Iterator
from dataclasses import dataclass

from tf1port.scanning import idioms
from tf1port.scanning.idioms.idiom import Idiom, matcher
from tf1port.scanning.places import Place
from tf1port.scanning.tf2_names import TF2_TOO


@dataclass(frozen=True)
class Match:
    """An idiom at a place.

    Attributes:
        line, column: as of a Place; of the argument, where that makes the idiom.
        shared: TF2 has it too, so that it counts in a file of TF1 alone.
    """

    idiom: Idiom
    place: Place
    line: int
    column: int
    shared: bool


def matches(place: Place) -> Iterator[Match]:
    """The idioms of a place: the first by its name, and each by an argument."""
    named = False
    for idiom in candidates(place.name):
        if not _holds(idiom, place):
            continue
        if idiom.arguments:
            if value := _argument(idiom, place):
                yield Match(idiom, place, value.lineno, value.col_offset, idiom.legacy_only)
        elif not (named or place.alias):
            named = True
            yield Match(idiom, place, place.line, place.column, _shared(idiom, place))


def is_tf1(match: Match) -> bool:
    """Whether it shows that the file is a program of TF1."""
    return not match.shared and not match.idiom.id.startswith(_OF_TF2_TOO)


# Keras 2, private modules, feature columns and addons are there in programs of TF2 as well.
_OF_TF2_TOO = ("S7", "S352", "S610", "S807")


def is_known(place: Place) -> bool:
    """Whether it is of a library that the table speaks of."""
    return place.name.startswith(_table().roots)


def methods() -> frozenset[str]:
    """The methods that are idioms whatever they are called on."""
    return frozenset(_table().methods)


@functools.lru_cache(maxsize=65536)
def candidates(name: str) -> tuple[Idiom, ...]:
    """The idioms that go by a name, in the order of the table."""
    table = _table()
    matching = list(table.methods.get(name.rpartition(".")[2], ())) if name[0] == "?" else []
    if name.startswith(table.roots):
        matching += table.exact.get(name, ())
        matching += [idiom for one, idiom in table.others if one.fullmatch(name)]
    return tuple(
        sorted({one.id: one for one in matching}.values(), key=lambda one: _POSITION[one.id])
    )


_POSITION = {one.id: number for number, one in enumerate(idioms.ALL)}


@dataclass(frozen=True)
class _Table:
    """Idioms by their names, by the names of methods, by what matches them otherwise.

    roots: how the names of all of them begin.
    """

    exact: dict[str, list[Idiom]]
    methods: dict[str, list[Idiom]]
    others: list[tuple[re.Pattern[str], Idiom]]
    roots: tuple[str, ...]


@functools.lru_cache(maxsize=1)
def _table() -> _Table:
    exact: dict[str, list[Idiom]] = {}
    methods: dict[str, list[Idiom]] = {}
    others = []
    roots = set()
    for idiom, pattern in [(one, pattern) for one in idioms.ALL for pattern in one.patterns]:
        root, _, rest = pattern.partition(".")
        if root:
            roots.add(root)
        else:
            methods.setdefault(rest, []).append(idiom)
        if "*" in pattern or not root:
            others.append((matcher(pattern), idiom))
        else:
            exact.setdefault(pattern, []).append(idiom)
    return _Table(exact, methods, others, tuple(roots))


def _holds(idiom: Idiom, place: Place) -> bool:
    if place.imported and not (idiom.module or idiom.when):
        return False
    if idiom.module and not place.imported and _known(idiom, place):
        return False
    return idiom.when is None or idiom.when(place)


def _known(idiom: Idiom, place: Place) -> bool:
    """The module was given a name already: that was the place."""
    return bool(place.base) and idiom in candidates(place.base)


def _argument(idiom: Idiom, place: Place) -> ast.expr | None:
    """The argument that makes the idiom, unless it is written out as None or False."""
    for keyword in idiom.arguments:
        value = place.argument(keyword, idiom.position)
        if value is not None and not (isinstance(value, ast.Constant) and not value.value):
            return value
    return None


def _shared(idiom: Idiom, place: Place) -> bool:
    return idiom.legacy_only or (place.name in TF2_TOO and not place.v1)
