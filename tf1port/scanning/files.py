"""The Python files and notebooks under some paths."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from tf1port.errors import UserError
from tf1port.scanning.settings import DEFAULT, Settings

SUFFIXES = (".py", ".ipynb", ".pyw")


def source_files(paths: Sequence[str], settings: Settings) -> list[str]:
    """The files, each once, in the order of their paths; folders that are links are not entered.

    Raises:
        UserError: a path is missing, or there is no such file in a folder.
    """
    every: dict[str, None] = {}
    for path in paths:
        if not os.path.lexists(path):
            raise UserError(f"{path} is missing: give Python files, notebooks or folders")
        every |= dict.fromkeys(sorted(_under(path, settings)))
    return list(every)


def _under(path: str, settings: Settings) -> Iterator[str]:
    if not os.path.isdir(path):
        if not settings.excludes(path):
            yield path
        return
    seen = False
    for folder, folders, names in os.walk(path):
        folders[:] = sorted(name for name in folders if not _left_out(folder, name, settings))
        for name in sorted(names):
            if name.endswith(SUFFIXES):
                seen = True
                whole = os.path.normpath(os.path.join(folder, name))
                if not settings.excludes(whole):
                    yield whole
    if not seen:
        raise UserError(f"{path} has no Python file and no notebook (.py, .ipynb)")


def _left_out(folder: str, name: str, settings: Settings) -> bool:
    path = os.path.join(folder, name)
    environment = os.path.exists(os.path.join(path, "pyvenv.cfg"))
    return name.startswith(".") or name in DEFAULT or environment or settings.excludes(path)
