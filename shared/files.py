"""Files that are either whole or not there: written beside, then renamed."""

import json
import os
import shutil
import tempfile
from contextlib import contextmanager

from shared.errors import UserError


@contextmanager
def replacing(path):
    """Yields a path beside `path` to write to, renamed to it at the end or removed on failure."""
    folder, name = os.path.split(str(path))
    beside = os.path.join(folder, ".part-" + name)
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


@contextmanager
def replacing_folder(path):
    """Yields the path of a new folder to fill, renamed to `path` at the end.

    Raises:
        UserError: there is no writing beside `path`.
    """
    target = os.path.abspath(str(path))
    try:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        beside = tempfile.mkdtemp(prefix=".part-", dir=os.path.dirname(target))
    except OSError as error:
        raise UserError("cannot write to %s: %s" % (path, error.strerror or error)) from None
    try:
        folder = os.path.join(beside, os.path.basename(target))
        yield folder
        os.rename(folder, target)
    finally:
        shutil.rmtree(beside)
