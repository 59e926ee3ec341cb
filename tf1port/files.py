"""Atomic writes: files are written beside their target, then renamed."""

import json
import os
from contextlib import contextmanager, suppress


@contextmanager
def replacing(path):
    """Yields a path beside `path` to write to, renamed to it at the end or removed on failure."""
    beside = _beside(path)
    try:
        yield beside
        os.replace(beside, str(path))
    finally:
        if os.path.exists(beside):
            os.remove(beside)


@contextmanager
def replacing_all(paths):
    """Yields paths beside `paths`, renamed to them at the end, or removed on failure.

    The last file is the mark of the others: it goes before any of them is replaced and comes after
    them, so that where it is, all are of one writing, whenever the process is killed.
    """
    besides = [_beside(path) for path in paths]
    try:
        yield besides
        with suppress(FileNotFoundError):
            os.remove(paths[-1])
        for beside, path in zip(besides, paths, strict=True):
            os.replace(beside, path)
    finally:
        for beside in filter(os.path.exists, besides):
            os.remove(beside)


def write_json(path, value):
    """Writes `value` as indented JSON. Raises ValueError where a number is not finite."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, allow_nan=False)
        file.write("\n")


def _beside(path):
    """Where a file is written before it gets its name: tf1port.isolation clears it away."""
    folder, name = os.path.split(str(path))
    return os.path.join(folder, f".part-{os.getpid()}-{name}")
