"""The table of docs/converting.md: which kinds of programs are carried, from the tests' own.

python -m tests.tf1port.programs.table
"""

from tests.tf1port.programs import (  # noqa: F401  (they enter their programs)
    conditions,
    decoders,
    loops,
    normalized,
    sequences,
    stacks,
)
from tests.tf1port.programs.program import PROGRAMS


def rows() -> list[str]:
    """The lines of the table, a kind of program each."""
    carried: dict[str, dict[str, None]] = {}
    for program in PROGRAMS.values():
        carried.setdefault(program.kind, {})[program.carried] = None
    lines = [f"| {kind} | {'; '.join(sorted(of))} |" for kind, of in sorted(carried.items())]
    return ["| program | carried and proved |", "|---|---|", *lines]


if __name__ == "__main__":
    print("\n".join(rows()))
