"""Finds the pitfalls that a symptom, some words or an error's text may be about.

Words are scored by BM25: a word counts the more, the fewer pitfalls have it, and by the field that
it stands in. A message that the entry quotes counts above all words. Needs no TensorFlow.
"""

import math
import re
from collections import Counter
from collections.abc import Iterable
from functools import cache

from tf1port.errors import UserError
from tf1port.pitfalls import complaints
from tf1port.pitfalls.entry import Entry, entries
from tf1port.pitfalls.words import STOP

_WEIGHTS = {"errors": 3, "words": 3, "name": 3, "symptom": 2, "cause": 1, "code": 1}
_SATURATION, _LENGTH = 1.5, 0.4  # BM25's k1 and b
_QUOTED = 50.0  # for a whole message, above what words come to
_SHARE = 0.35  # of the words that an entry must have, where it is not quoted
_FEW = 10  # matches that are returned
_SUFFIXES = ("ing", "ed", "es", "s")


def look_up(text: str | None) -> list[Entry]:
    """All entries for None, that with an id, or those that fit a text, best first.

    Of a general complaint they are its likely ones.

    Raises:
        UserError: the text is empty, or no entry has such an id.
    """
    if text is None:
        return list(entries().values())
    if not text.strip():
        raise UserError("nothing to look up: give an id such as P36, words or an error's text")
    if re.fullmatch(r"\s*[pP]\d+\s*", text):
        return [_with_id(text.strip().upper())]
    if complaint := complaints.of(text):
        return complaints.likely(complaint, text)
    return [entry for entry, _ in find(text)]


def _with_id(id_: str) -> Entry:
    if id_ not in entries():
        last = list(entries())[-1]
        raise UserError(f"no known mistake is {id_}: they are P1 to {last}")
    return entries()[id_]


def find(text: str) -> list[tuple[Entry, float]]:
    """The entries that fit a text, best first, with their scores; none where nothing fits."""
    query = set(tokens(text))
    scored = [
        (entry, _of_words(entry, query), _quoted(entry, text)) for entry in entries().values()
    ]
    fitting = [
        (entry, words + quoted)
        for entry, words, quoted in scored
        if quoted or _share(entry, query) >= _SHARE
    ]
    return sorted(fitting, key=lambda pair: -pair[1])[:_FEW]


def tokens(text: str) -> list[str]:
    """The words of a text in small letters: identifiers as a whole and in their parts."""
    found: list[str] = []
    for word in re.findall(r"[A-Za-z_][A-Za-z0-9_]*|\d[\d.e+-]*", text):
        whole = word.lower().strip("_.")
        parts = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", word).lower().split("_")
        found += dict.fromkeys(filter(None, [whole, *parts]))
    return [_stem(word) for word in found if word not in STOP]


def quotes(message: str, text: str) -> bool:
    """Whether a text has a message in it; "…" in the message stands for anything."""
    parts = [re.escape(_plain(part)) for part in message.split("…")]
    return re.search(".*?".join(parts), _plain(text)) is not None


def _plain(text: str) -> str:
    return re.sub(r"\s+", " ", text.replace("`", "'").replace('"', "'").lower()).strip()


def _stem(word: str) -> str:
    for suffix in _SUFFIXES:
        if word.endswith(suffix) and len(word) > len(suffix) + 2:
            return word.removesuffix(suffix)
    return word


def _of_words(entry: Entry, query: set[str]) -> float:
    """BM25 of an entry."""
    counts = _counts()[entry.id]
    mean = sum(map(Counter.total, _counts().values())) / len(_counts())
    norm = _SATURATION * (1 - _LENGTH + _LENGTH * counts.total() / mean)
    return sum(_rarity(word) * counts[word] / (counts[word] + norm) for word in query)


def _quoted(entry: Entry, text: str) -> float:
    """What a message of the entry in the text counts; a longer one is more particular."""
    longest = max((len(part) for part in entry.errors if quotes(part, text)), default=0)
    return _QUOTED + longest if longest else 0.0


def _share(entry: Entry, query: set[str]) -> float:
    """The share of the query that an entry has, by the weight of its words."""
    all_ = sum(map(_rarity, query))
    return sum(_rarity(word) for word in query if word in _counts()[entry.id]) / (all_ or 1.0)


@cache
def _rarity(word: str) -> float:
    """The weight of a word: of one that no entry has, as of one that a single entry has."""
    with_it = max(sum(word in counts for counts in _counts().values()), 1)
    return math.log(1 + len(_counts()) / with_it)


@cache
def _counts() -> dict[str, Counter[str]]:
    """Per entry, how often each word occurs, times the weight of its field."""
    found: dict[str, Counter[str]] = {}
    for entry in entries().values():
        counter = found.setdefault(entry.id, Counter())
        for field, texts in _fields(entry):
            for word in tokens(" ".join(texts)):
                counter[word] += _WEIGHTS[field]
    return found


def _fields(entry: Entry) -> Iterable[tuple[str, Iterable[str]]]:
    error = entry.effect.error if entry.effect else ""
    yield "errors", [*entry.errors, error]
    yield "words", [entry.words]
    yield "name", [entry.pitfall.name]
    yield "symptom", [entry.symptom]
    yield "cause", [entry.pitfall.cause]
    yield "code", [entry.tf1, entry.wrong, entry.right]
