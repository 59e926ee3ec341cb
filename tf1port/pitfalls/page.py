"""docs/pitfalls.md and docs/pitfalls/*.md from the entries.

python -m tf1port.pitfalls.page        writes them into docs/
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path

from tf1port.pitfalls.catalogue import TRAITS
from tf1port.pitfalls.entry import Entry, entries, subjects
from tf1port.pitfalls.measure import COMMAND
from tf1port.pitfalls.terminal import code, effect

_NOTE = "<!-- Written by `python -m tf1port.pitfalls.page`; a test keeps it current. -->"
_HEAD = f"""# Known porting mistakes

Each mistake has an id that never changes: a report names it in its probable cause, the scanner at
the places that it concerns, and `--controls` makes the mistakes on purpose to see that the checks
notice them. *Caught by* names the checks that can be the first to fail; the diagnosis names no
mistake that a model cannot have.

`tf1port explain P36` shows one of them in the terminal; `tf1port explain` also finds them by words
and by the text of an error:

```console
$ tf1port explain clip by global norm
$ tf1port explain "Key rnn/basic_lstm_cell/kernel not found in checkpoint"
```

The third column was measured. It is what the wrong port does to a small example: the largest
absolute difference of its result from TF1's, and the largest value of that; or what it raises. The
code of both ports stands behind each name; it is what was run. All of it is run again by
`{COMMAND}`.

{_NOTE}

"""
_TABLE = """| id | mistake | max-abs (largest value) | caught by |
|---|---|---|---|
"""
_SUBJECT = """# {title}

Of the [known porting mistakes](../pitfalls.md). Each snippet was run as it stands here, with NumPy
as `np`, Keras 3 as `keras`, `keras.ops` as `ops`, in TF1's code `tensorflow.compat.v1` as `tf`;
`result` is what is compared. In TF1's code `variables` are loaded into the variables of these
names, and `train` is run `steps` times.

{note}
"""
_WRAP = textwrap.TextWrapper(96, break_long_words=False, break_on_hyphens=False)
_CODE = {"tf1": "In TF1", "wrong": "Wrong", "right": "Right"}


def pages() -> dict[str, str]:
    """The content of each page, by its path in docs/."""
    found = {"pitfalls.md": _HEAD + _TABLE + "".join(map(_row, entries().values()))}
    for subject, own in subjects().items():
        found[f"pitfalls/{subject}.md"] = "\n".join(_subject(own))
    return found


def _row(entry: Entry) -> str:
    link = f"[{entry.pitfall.name}](pitfalls/{entry.subject}.md#{entry.id.lower()})"
    cells = [entry.id, link, _short(entry), ", ".join(entry.pitfall.caught_by) or "an error"]
    return f"| {' | '.join(cells)} |\n"


def _short(entry: Entry) -> str:
    if entry.effect is None:
        return "–"
    if entry.effect.max_abs is None:
        return f"`{entry.effect.error.partition(':')[0]}`"
    return f"{entry.effect.max_abs:.2g} ({entry.effect.scale:.2g})"


def _subject(own: list[Entry]) -> Iterator[str]:
    title, shared = own[0].title, own[0].shared
    yield _SUBJECT.format(title=title, note=_NOTE)
    if shared:
        yield from ("All of them use:", "", *_fenced(shared.splitlines()))
    for entry in own:
        yield from _entry(entry)


def _entry(entry: Entry) -> Iterator[str]:
    yield f'## <a id="{entry.id.lower()}"></a>{entry.id}: {entry.pitfall.name}'
    yield from ("", *_wrapped(entry.pitfall.cause), *_wrapped(f"**Symptom.** {entry.symptom}"))
    if entry.errors:
        messages = (row for text in entry.errors for row in _item(f"`` {text} ``"))
        yield from ("Messages:", "", *messages, "")
    for part, title in _CODE.items():
        yield from (f"{title}:", "", *_fenced(code(entry, part)))
    if entry.own_given:
        yield from ("with", "", *_fenced(entry.own_given.splitlines()))
    yield from _wrapped(f"**Measured.** {effect(entry, '``')}")
    caught = ", ".join(entry.pitfall.caught_by) or "an error, before anything is compared"
    yield from _wrapped(f"**Caught by** {caught}.{_needs(entry)}")
    yield from _wrapped("**See** " + "; ".join(entry.references) + ".")


def _needs(entry: Entry) -> str:
    needs = ", ".join(text for trait, text in TRAITS.items() if trait in entry.pitfall.needs)
    return f" **Needs** {needs}." if needs else ""


def _wrapped(text: str) -> list[str]:
    """A paragraph, and an empty line."""
    return [*_WRAP.wrap(text), ""]


def _item(text: str) -> list[str]:
    first, *others = _WRAP.wrap(text)
    return [f"- {first}", *(f"  {line}" for line in others)]


def _fenced(rows: list[str]) -> list[str]:
    return ["```python", *rows, "```", ""]


def write(folder: Path) -> None:
    """Writes all pages into a folder."""
    for name, text in pages().items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    write(Path(__file__).parents[2] / "docs")
