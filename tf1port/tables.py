"""Plain tables for the terminal."""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def table(rows: Iterable[Sequence[object]], align: str) -> list[str]:
    """Rows of cells as lines of text: columns as wide as their longest cell, two spaces apart.

    align: "<" for each column that is flush left, ">" for each that is flush right.
    """
    cells = [[str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    line = "  ".join("{:%s%d}" % column for column in zip(align, widths, strict=True))
    return [line.format(*row).rstrip() for row in cells]
