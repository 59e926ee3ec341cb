"""Which part of a checkpoint is which place of a Keras model: of equal shapes by name, then order.

Shapes and kinds come first. Where several are equal, a name that both sides have decides, then the
direction; what is left is matched in order, and said to be unsure.
"""

import re
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from tf1port.comparison.drafting.parts import Part
from tf1port.comparison.drafting.places import Place


class Match(NamedTuple):
    """What a place has in the map: its name, the entry, the variables of it; why it is unsure."""

    name: str
    entry: Any
    variables: tuple[str, ...]
    unsure: str | None = None


class Matched(NamedTuple):
    """Matches, and the places and the parts that are in none."""

    matches: list[Match]
    places: list[Place]
    parts: list[Part]


def match(places: list[Place], parts: list[Part]) -> Matched:
    """Matches cells and layers whose kinds and shapes are the same on both sides."""
    found: list[Match] = []
    free = [place for place in places if place.same_as is None]
    left = list(parts)
    for key in dict.fromkeys(map(_key, parts)):
        own = [part for part in left if _key(part) == key]
        fitting = [place for place in free if _fits(place, key)]
        for place, part, unsure in _pairs(fitting, own):
            reason = part.unsure or unsure
            variables = tuple(part.variables.values())
            found.append(Match(place.name, part.entry, variables, reason))
            free.remove(place)
            left.remove(part)
    return Matched(found, free, left)


def repeated(places: list[Place], matches: list[Match]) -> list[Match]:
    """Matches of the places that have the variables of another one."""
    by_name = {one.name: one for one in matches}
    same = [place for place in places if place.same_as in by_name]
    return [by_name[place.same_as]._replace(name=place.name) for place in same]  # type: ignore[index]


def _key(part):
    return part.signature or frozenset(part.shapes.items())


def _fits(place, key):
    if isinstance(key, frozenset):
        return frozenset(place.shapes.items()) == key
    return key in place.signatures


def _pairs(places, parts):
    """Pairs of places and parts, with why they are unsure; what is left over is in none."""
    found: list[Any] = []
    for known in (_by_name, _by_direction):
        pairs = known(places, parts)
        found += pairs
        places = [one for one in places if all(one is not pair[0] for pair in pairs)]
        parts = [one for one in parts if all(one is not pair[1] for pair in pairs)]
    return found + _in_order(places, parts)


def _by_name(places, parts):
    named = [place for place in places if not place.automatic]
    return [(*pair, None) for pair in _unique(named, parts, _last_word, _words)]


def _by_direction(places, parts):
    """Those of each direction in order, where there are as many on both sides."""
    ways = sorted({place.direction for place in places if place.direction})
    own = [[one for one in places if one.direction == way] for way in ways]
    others = [[one for one in parts if one.direction == way] for way in ways]
    if len(ways) < 2 or [*map(len, own)] != [*map(len, others)]:
        return []
    return [pair for pair in map(_in_order, own, others) for pair in pair]


def _in_order(places, parts):
    count = max(len(places), len(parts))
    unsure = None
    if count > 1:
        same = "layers of the model" if len(places) >= len(parts) else "parts of the checkpoint"
        unsure = f"{count} {same} have these shapes, matched in their order"
    return [(*pair, unsure) for pair in zip(places, parts, strict=False)]


def _unique(
    places: list[Place],
    parts: list[Part],
    word: Callable[[Place], str],
    words: Callable[[Part], Iterable[str]],
) -> list[tuple[Place, Part]]:
    """Pairs of a place and the only part that has its word, which no other place has."""
    found: list[tuple[Place, Part]] = []
    for place in places:
        having = [part for part in parts if word(place) in words(part)]
        rivals = [one for one in places if word(one) == word(place)]
        if len(having) == len(rivals) == 1 and all(having[0] is not pair[1] for pair in found):
            found.append((place, having[0]))
    return found


def _last_word(place):
    return place.name.rpartition("/")[2]


def _words(part):
    """The words of a scope, and the layer's own number in "cell_N"."""
    return {re.sub(r"(?<=cell)_?(\d+)$", r"_\1", word) for word in part.scope.split("/")}
