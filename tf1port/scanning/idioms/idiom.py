"""What an idiom is: a way of TF1 or Keras 2 to say something, that Keras 3 says otherwise."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from tf1port.scanning.places import Place


class Becomes(StrEnum):
    """What becomes of a place in a program."""

    CONVERTED = "converted"  # tf1port convert makes a Keras layer of the graph that it builds
    REWRITTEN = "rewritten"  # its replacement computes the same, and it is a matter of names
    BY_HAND = "by hand"  # someone has to think


class Effort(StrEnum):
    """How much work a place is: minutes, an hour or so, a day or more."""

    SMALL = "small"
    MEDIUM = "medium"
    LARGE = "large"


@dataclass(frozen=True)
class Idiom:
    """A way of TF1 or Keras 2 to say something.

    Attributes:
        id: `S` and three digits, of which the first is the subject; never given to another one.
        name: a few words, unique as well.
        patterns: names that it goes by, see `matcher`.
        becomes, effort: what becomes of such a place.
        replacement: what to write in Keras 3, one line.
        pitfalls: ids of tf1port.pitfalls.entry, the mistakes that are made there.
        arguments: the keywords of which one makes it, where it is a call with that argument.
        position: of the argument where it is not named; -1: it is always named.
        when: what else a place must be.
        module: it is replaced as a whole: it counts where it is imported or written in full, and
            not where a name that an import gave it is used.
        legacy_only: it counts in a file with other idioms of TF1 alone, as does each name that TF2
            has as well (tf1port.scanning.tf2_names), if it was not taken from compat.v1.
    """

    id: str
    name: str
    patterns: tuple[str, ...]
    becomes: Becomes
    replacement: str
    pitfalls: tuple[str, ...] = ()
    effort: Effort = Effort.SMALL
    arguments: tuple[str, ...] = ()
    position: int = -1
    when: Callable[[Place], bool] | None = None
    module: bool = False
    legacy_only: bool = False


def idiom(
    number: int,
    name: str,
    patterns: str,
    becomes: Becomes,
    replacement: str,
    pitfalls: str = "",
    effort: Effort = Effort.SMALL,
    *,
    argument: str = "",
    when: Callable[[Place], bool] | None = None,
    module: bool = False,
    legacy_only: bool = False,
) -> Idiom:
    """An Idiom, from patterns and ids with spaces between.

    argument: `NAME`, `{NAME,OTHER}` or `NAME:POSITION`.
    """
    keyword, _, position = argument.partition(":")
    return Idiom(
        id=f"S{number:03}",
        name=name,
        patterns=_all(patterns),
        becomes=becomes,
        replacement=replacement,
        pitfalls=tuple(pitfalls.split()),
        effort=effort,
        arguments=_all(keyword),
        position=int(position or -1),
        when=when,
        module=module,
        legacy_only=legacy_only,
    )


def _all(words: str) -> tuple[str, ...]:
    return tuple(one for word in words.split() for one in expanded(word))


def expanded(pattern: str) -> list[str]:
    """The patterns that one with braces stands for: `a.{b,c}` is `a.b` and `a.c`."""
    before, brace, rest = pattern.partition("{")
    if not brace:
        return [pattern]
    inner, _, after = rest.partition("}")
    return [one for word in inner.split(",") for one in expanded(before + word + after)]


def matcher(pattern: str) -> re.Pattern[str]:
    """What matches the names of a pattern.

    `tf.nn.dynamic_rnn` is that name alone; `*` stands for a part of a name between two dots; `.**`
    at the end for all that is below, and the name itself; `.minimize`, with a dot before it, for
    the method of an object that is not known, or that a call of TensorFlow has made.
    """
    if pattern.startswith("."):
        return re.compile(rf"(\?.*|tf\..*\(\).*|keras\..*\(\).*){re.escape(pattern)}")
    below = pattern.endswith(".**")
    words = re.escape(pattern.removesuffix(".**")).replace(r"\*", r"[^.()\[\]]*")
    return re.compile(words + (r"(\..*)?" if below else ""))
