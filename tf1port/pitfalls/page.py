"""docs/pitfalls.md from the catalogue: `python -m tf1port.pitfalls.page > docs/pitfalls.md`."""

from tf1port.pitfalls.catalogue import ALL, TRAITS

_HEAD = """# Known porting mistakes

Each mistake has an id that never changes: a report names it in its probable cause, and
`--controls` makes the mistakes on purpose to see that the checks notice them. *Caught by* names the
checks that can be the first to fail, *needs* the features that a model must have for it: the
diagnosis names no mistake that a model cannot have.

<!-- Written by `python -m tf1port.pitfalls.page`; a test keeps it current. -->

| id | mistake | what is wrong | caught by | needs |
|---|---|---|---|---|
"""


def page():
    """The page as Markdown."""
    rows = (
        [p.id, p.name, p.cause, ", ".join(p.caught_by), _needs(p) or "–"]
        for p in sorted(ALL, key=lambda pitfall: int(pitfall.id[1:]))
    )
    return _HEAD + "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _needs(pitfall):
    return ", ".join(text for trait, text in TRAITS.items() if trait in pitfall.needs)


if __name__ == "__main__":
    print(page(), end="")
