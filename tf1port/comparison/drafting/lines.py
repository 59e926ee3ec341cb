"""Lines of a map that is drafted, and the TOML that they become."""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from tf1port.errors import printable

_BARE = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-")
TITLES = {
    "layers": "Keras layer = scope of TF1's variables",
    "inputs": "input of the Keras model = placeholder of the graph",
    "graph": "labels, logits, loss and train operation of the graph",
    "feed": "what else the graph is fed",
    "feed_training": "and what in training alone",
}


class Line(NamedTuple):
    """An entry of a section.

    Attributes:
        key: of the entry. value: of TOML.
        unsure: why it may be wrong, which is a comment beside it; None: it is right.
        candidate: it is one of several, and a comment as a whole.
    """

    key: str
    value: Any
    unsure: str | None = None
    candidate: bool = False

    def __str__(self) -> str:
        entry = f"{'# ' if self.candidate else ''}{_key(self.key)} = {toml(self.value)}"
        return f"{entry}  # unsure: {printable(self.unsure)}" if self.unsure else entry


class Note(NamedTuple):
    """A comment on a line of its own."""

    text: str
    unsure: bool = False

    def __str__(self) -> str:
        return f"# {'unsure: ' if self.unsure else ''}{printable(self.text)}"


Section = list[Line | Note]


def document(head: Iterable[str], sections: Mapping[str, Section]) -> Iterator[str]:
    """The lines of a map with a comment at its head; a section without entries is left out."""
    yield from (f"# {printable(line)}" for line in head)
    for name, section in sections.items():
        if section:
            yield ""
            yield f"[{name}]".ljust(25) + f"# {TITLES[name]}"
            yield from map(str, section)


def toml(value: Any) -> str:
    """A value as TOML."""
    if isinstance(value, Mapping):
        return f"{{ {', '.join(f'{_key(key)} = {toml(one)}' for key, one in value.items())} }}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(map(toml, value))}]"
    if isinstance(value, str):
        return _quoted(value)
    return json.dumps(value)  # true, false and numbers are the same in both


def _key(name: str) -> str:
    return name if name and _BARE.issuperset(name) else _quoted(name)


def _quoted(text: str) -> str:
    """A basic string of TOML, which is JSON's but for DEL."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
