"""What a scan leaves out: `[tool.tf1port.scan]` of pyproject.toml, flags, and comments."""

from __future__ import annotations

import fnmatch
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tf1port.errors import UserError
from tf1port.reading import read_toml
from tf1port.scanning.idioms import BY_ID
from tf1port.scanning.idioms.idiom import Idiom

# Folders of others.
DEFAULT = ("__pycache__", "node_modules", "site-packages")
KEYS = ("exclude", "ignore", "select")
COMMENT = re.compile(r"#\s*tf1port:\s*ignore(?:\[([^\]]*)\]|(?!\w))")


@dataclass(frozen=True)
class Settings:
    """What a scan looks at.

    Attributes:
        folder: that `exclude` is relative to, the one of pyproject.toml.
        exclude: patterns of paths, or of the name of a file or folder.
        ignore, select: ids of idioms, or how they begin: `S1`, `S512`. Empty select: all.
    """

    folder: str = "."
    exclude: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    select: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in (*self.ignore, *self.select):
            if not name or not any(id.startswith(name) for id in BY_ID):
                raise UserError(
                    f"there is no idiom {name!r}: give an id such as S102, or how ids begin, S1"
                )

    def wants(self, idiom: Idiom) -> bool:
        """Whether an idiom is reported."""
        if idiom.id.startswith(self.ignore or ("-",)):
            return False
        return not self.select or idiom.id.startswith(self.select)

    def excludes(self, path: str) -> bool:
        """Whether a file or folder, or one that it is in, is left out by its path or its name."""
        if not self.exclude:
            return False
        words = os.path.relpath(path, self.folder).split(os.sep)
        names = [*words, *("/".join(words[:count]) for count in range(2, len(words) + 1))]
        patterns = [pattern.rstrip("/") for pattern in self.exclude]
        return any(fnmatch.fnmatch(name, pattern) for name in names for pattern in patterns)


def read(
    paths: Sequence[str],
    *,
    exclude: Sequence[str] = (),
    ignore: Sequence[str] = (),
    select: Sequence[str] = (),
) -> Settings:
    """The settings of the nearest pyproject.toml at or above the paths, and what is given here.

    Raises:
        UserError: it is no TOML, has a key or a type that is not known, or names no idiom.
    """
    folder, table = _table(paths)
    known = {key: (*_words(table, key, folder), *given)
             for key, given in zip(KEYS, (exclude, ignore, select), strict=True)}  # fmt: skip
    return Settings(folder, **known)


def ignored(line: str, id: str) -> bool:
    """Whether a line says `# tf1port: ignore[ID,…]` of this idiom, or of all."""
    comment = COMMENT.search(line)
    if not comment:
        return False
    names = [name.strip() for name in (comment[1] or "").split(",")]
    return comment[1] is None or any(name and id.startswith(name) for name in names)


def _table(paths: Sequence[str]) -> tuple[str, dict[str, object]]:
    """The nearest folder with such a table, and the table; or the current one."""
    for folder in _above(paths):
        path = os.path.join(folder, "pyproject.toml")
        if not os.path.isfile(path):
            continue
        table: object = read_toml(path)
        for key in ("tool", "tf1port", "scan"):
            table = table.get(key, {}) if isinstance(table, dict) else {}
        if not isinstance(table, dict):
            raise UserError(f"{path}: tool.tf1port.scan is {table!r}: give a table")
        unknown = sorted(set(table) - set(KEYS))
        if unknown:
            raise UserError(
                f"{path}: [tool.tf1port.scan] has {unknown[0]!r}: {', '.join(KEYS)} are known"
            )
        return folder, table
    return os.getcwd(), {}


def _above(paths: Sequence[str]) -> Iterator[str]:
    folder = os.path.commonpath([os.path.abspath(path) for path in paths])
    while True:
        yield folder
        above = os.path.dirname(folder)
        if above == folder:
            return
        folder = above


def _words(table: dict[str, object], key: str, folder: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
        path = os.path.join(folder, "pyproject.toml")
        raise UserError(f"{path}: {key} is {value!r}: give a list of strings")
    return value
