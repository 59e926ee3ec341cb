"""What a user needs to know of each pitfall: symptom, code, measured effect.

The text is in entries/*.toml, a file per subject; what is measured in effects.json. Pitfalls that
no control and no diagnosis refers to have their name and cause there as well.
"""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from tf1port.pitfalls import catalogue
from tf1port.pitfalls.catalogue import Pitfall

FOLDER = Path(__file__).parent / "entries"
EFFECTS = Path(__file__).parent / "effects.json"
_CODE = ("own_given", "tf1", "wrong", "right")
_OWN = ("name", "cause", "caught_by", "needs")  # of a pitfall that is not in the catalogue


@dataclass(frozen=True)
class Effect:
    """What the wrong port does, as `python -m tf1port.pitfalls.measure` found it.

    Attributes:
        max_abs: how far the wrong port's result is from TF1's, or from the right port's where
            TF1's code does not run in TensorFlow 2; None where the wrong port raises.
        scale: the largest absolute value of the reference.
        error: what the wrong port raises: its type and its first line; empty where it runs.
        right: how far the right port's result is from TF1's; None where that does not run.
    """

    max_abs: float | None
    scale: float
    error: str
    right: float | None


@dataclass(frozen=True)
class Entry:
    """A pitfall as a user meets it.

    Attributes:
        pitfall: of the catalogue: id, name, cause, checks.
        subject: the name of its file, title: of its section.
        symptom: what is seen, in one or two sentences.
        errors: parts of messages that are met; "…" stands for anything.
        words: what else people search for.
        quantity: what the `result` of the snippets is.
        shared, own_given: code that the others need, of all entries of the subject and its own.
        tf1: in TF1. wrong, right: in Keras 3; each of these
            assigns `result`, TF1's only if it runs in TensorFlow 2.
        references: names of public documentation.
        effect: what was measured; None before it was.
        dtype: in which both compute.
        alone: the wrong port has to be run in a process that has not used TF1's cells.
    """

    pitfall: Pitfall
    subject: str
    title: str
    symptom: str
    errors: tuple[str, ...]
    words: str
    quantity: str
    shared: str
    own_given: str
    tf1: str
    wrong: str
    right: str
    references: tuple[str, ...]
    effect: Effect | None
    dtype: str = "float32"
    alone: bool = False

    @property
    def given(self) -> str:
        """The code that the snippets need."""
        return "\n\n".join(filter(None, [self.shared, self.own_given]))

    @property
    def id(self) -> str:
        """Its pitfall's id, such as "P36"."""
        return self.pitfall.id


@cache
def entries() -> dict[str, Entry]:
    """All entries by id, in the order of their numbers."""
    effects = json.loads(EFFECTS.read_text(encoding="utf-8"))["effects"]
    found = {entry.id: entry for entry in _read(effects)}
    return {id_: found[id_] for id_ in sorted(found, key=lambda id_: int(id_[1:]))}


def subjects() -> dict[str, list[Entry]]:
    """The entries by subject, in the order in which they are written."""
    found: dict[str, list[Entry]] = {}
    for subject, id_ in ((subject, id_) for subject, table in _tables() for id_ in table):
        if id_ in entries():
            found.setdefault(subject, []).append(entries()[id_])
    return found


def as_json(entry: Entry) -> dict[str, Any]:
    """All of an entry as plain dicts, lists, strings and numbers."""
    own = asdict(entry)
    pitfall = own.pop("pitfall")
    pitfall.pop("made_by")
    return {**pitfall, "needs": sorted(pitfall["needs"]), **own}


def _read(effects: dict[str, Any]) -> Iterator[Entry]:
    for subject, table in _tables():
        common = {"subject": subject, "title": table.pop("title")}
        common["shared"] = table.pop("given", "").strip()
        for id_, fields in table.items():
            effect = Effect(**effects[id_]) if id_ in effects else None
            yield _entry(id_, fields, effect=effect, **common)


def _entry(id_: str, fields: dict[str, Any], **others: Any) -> Entry:
    own = {name: fields.pop(name) for name in _OWN if name in fields}
    fields["own_given"] = fields.pop("given", "")
    code = {name: fields.pop(name, "").strip() for name in _CODE}
    lists = {name: tuple(fields.pop(name, ())) for name in ("errors", "references")}
    known: dict[str, Any] = {**fields, **lists, **code, **others}
    return Entry(_pitfall(id_, own), **known)


def _pitfall(id_: str, own: dict[str, Any]) -> Pitfall:
    if not own:
        return catalogue.BY_ID[id_]
    checks, needs = tuple(own.get("caught_by", ())), frozenset(own.get("needs", ()))
    return Pitfall(id_, own["name"], own["cause"], checks, needs)


def _tables() -> Iterator[tuple[str, dict[str, Any]]]:
    """Each file's subject and content."""
    for path in sorted(FOLDER.glob("*.toml")):
        yield path.stem.partition("_")[2], tomllib.loads(path.read_text(encoding="utf-8"))
