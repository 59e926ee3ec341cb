"""docs/idioms.md from the table: `python -m tf1port.scanning.page > docs/idioms.md`."""

from tf1port.scanning.idioms import SECTIONS
from tf1port.scanning.idioms.idiom import Idiom

_HEAD = """# What the scanner knows

`tf1port scan` ([how](scanning.md)) reports each of these idioms by its id, which never changes.
*converted*: `tf1port convert` makes a Keras layer of the graph that the place builds. *rewritten*:
it is a matter of names. *by hand*: someone has to think. The pitfalls are those of
[pitfalls.md](pitfalls.md), the effort is of each place.

<!-- Written by `python -m tf1port.scanning.page`; a test keeps it current. -->
"""
_TABLE = """
| id | idiom | found by | in Keras 3 | becomes | effort | pitfalls |
|---|---|---|---|---|---|---|
"""
_MOST = 4  # names that are listed


def page() -> str:
    """The page as Markdown."""
    return _HEAD + "".join(
        f"\n## {title}\n{_TABLE}" + "".join(map(_row, sorted(table, key=lambda one: one.id)))
        for title, table in SECTIONS.items()
    )


def _row(idiom: Idiom) -> str:
    pitfalls = " ".join(idiom.pitfalls) or "–"
    cells = [idiom.id, idiom.name, _found_by(idiom), idiom.replacement]
    cells += [str(idiom.becomes), str(idiom.effort), pitfalls]
    return f"| {' | '.join(cells)} |\n"


def _found_by(idiom: Idiom) -> str:
    names = [f"`{pattern}`" for pattern in idiom.patterns[:_MOST]]
    more = len(idiom.patterns) - _MOST
    listed = ", ".join(names) + (f" and {more} more" if more > 0 else "")
    arguments = ", ".join(f"`{name}=`" for name in idiom.arguments[:_MOST])
    return f"{arguments} of {listed}" if arguments else listed


if __name__ == "__main__":
    print(page(), end="")
