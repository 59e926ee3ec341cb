"""Atomic writes: files are written beside their target, then renamed."""

import json
import os
from contextlib import contextmanager


@contextmanager
def replacing(path):
    """Yields a path beside `path` to write to, renamed to it at the end or removed on failure."""
    folder, name = os.path.split(str(path))
    beside = os.path.join(folder, f".part-{os.getpid()}-{name}")
    try:
        yield beside
        os.replace(beside, str(path))
    finally:
        if os.path.exists(beside):
            os.remove(beside)


def write_json(path, value):
    """Writes `value` as indented JSON. Raises ValueError where a number is not finite."""
    with replacing(path) as beside, open(beside, "w", encoding="utf-8") as file:
        json.dump(value, file, indent=2, allow_nan=False)
        file.write("\n")
