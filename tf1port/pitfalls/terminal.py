"""A pitfall as text for the terminal, and lists of them: 80 columns."""

import math
import textwrap
from collections.abc import Iterable, Iterator, Sequence

from tf1port.pitfalls import complaints
from tf1port.pitfalls.catalogue import TRAITS
from tf1port.pitfalls.complaints import Complaint
from tf1port.pitfalls.entry import Effect, Entry
from tf1port.tables import table

WIDTH = 80
_ERROR = 200  # characters of an error's text
_CODE = {
    "tf1": "in TF1",
    "wrong": "the wrong port",
    "right": "the right port",
    "given": "what these use",
}


def lines(entry: Entry) -> list[str]:
    """The page of an entry."""
    found = [*_wrapped(f"{entry.id}  {entry.pitfall.name}"), "", *_wrapped(entry.pitfall.cause)]
    found += _section("symptom", _wrapped(entry.symptom, "  "))
    found += _section("messages", (row for text in entry.errors for row in _item(text)))
    for part, title in _CODE.items():
        found += _section(title, (f"  {line}".rstrip() for line in code(entry, part)))
    found += _section("measured", _wrapped(effect(entry), "  "))
    caught = ", ".join(entry.pitfall.caught_by) or "an error, before anything is compared"
    found += _section("caught by", _wrapped(caught, "  "))
    needs = ", ".join(text for trait, text in TRAITS.items() if trait in entry.pitfall.needs)
    found += _section("needs", _wrapped(needs, "  "))
    return found + _section("see", (row for text in entry.references for row in _item(text)))


def best(entries: Sequence[Entry]) -> list[str]:
    """The page of the first entry, and a list of the others."""
    first, *others = entries
    return [*lines(first), *_section("or", (f"  {line}" for line in listed(others)))]


def complaint(found: Complaint, entries: Sequence[Entry]) -> list[str]:
    """What to ask of a general complaint, and its likely pitfalls with their measured effects."""
    rows = [f"a general complaint: {found.title}", "", *_wrapped(found.hint)]
    asked = [
        row
        for number, (question, checks) in enumerate(complaints.QUESTIONS, 1)
        for row in (f"  {number}. {question}", f"     --only {checks}")
    ]
    rows += _section("then, the first no tells where to look", asked)
    rows += ["", "each with", f"  {complaints.COMMAND}", "    --load-weights"]
    effects = [(entry.id, entry.pitfall.name, _share(entry)) for entry in entries]
    measured = (f"  {row}" for row in table(effects, "<<>"))
    rows += _section(
        "likely, with the measured difference as a share of the largest value", measured
    )
    return [*rows, "", f"more of one: python -m tf1port explain {entries[0].id}"]


def _share(entry: Entry) -> str:
    share = complaints.effect(entry)
    return "an error" if math.isinf(share) else f"{share:.1%}"


def listed(entries: Iterable[Entry]) -> list[str]:
    """A line for each entry: its id and its name."""
    rows = [(entry.id, entry.pitfall.name) for entry in entries]
    return table(rows, "<<") if rows else []


def code(entry: Entry, part: str) -> list[str]:
    """The lines of a snippet."""
    text: str = getattr(entry, part)
    return text.splitlines()


def effect(entry: Entry, quote: str = "") -> str:
    """What was measured, as a sentence; `quote` stands on both sides of an error's text."""
    found = entry.effect
    if found is None:
        return ""
    if found.error:
        short = textwrap.shorten(found.error.rstrip(".:"), _ERROR, placeholder=" …")
        return f"The wrong port raises {' '.join(filter(None, [quote, short, quote]))}."
    return _wrong(entry.quantity, found) + _right(found)


def _wrong(quantity: str, found: Effect) -> str:
    other = "the right port" if found.right is None else "TF1"
    return (
        f"{quantity[0].upper()}{quantity[1:]}, up to {found.scale:.2g}: "
        f"max-abs {found.max_abs:.2g} between the wrong port and {other}"
    )


def _right(found: Effect) -> str:
    return "." if found.right is None else f", {found.right:.1g} between the right port and TF1."


def _section(title: str, rows: Iterable[str]) -> list[str]:
    """Rows below a title; none where there are none."""
    found = list(rows)
    return ["", title, *found] if found else []


def _item(text: str) -> Iterator[str]:
    yield from textwrap.wrap(text, WIDTH, initial_indent="  - ", subsequent_indent="    ")


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=indent)
