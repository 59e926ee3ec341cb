"""The finished parts of a comparison, kept in its folder until all of it is written.

So an interrupted comparison continues: the same command finds what is done. A part holds the key of
what it was computed from, and is ignored where that has changed.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from shared.files import replacing

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("shared", "legacy_tf1", "modern_tf2", "tf1port", "equivalence")


class PartsStore:
    """Values by name, as JSON files in a folder.

    Args:
        folder: is made when the first value is kept.
        facts: what the values depend on besides the project's code; JSON.
    """

    def __init__(self, folder, facts):
        self.folder = folder
        text = json.dumps([facts, _code()], sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()

    def part(self, name, make):
        """The value kept under a name, or else that of `make()`, which is kept."""
        found = self.take(name)
        if found is None:
            found = make()
            self.keep(name, found)
        return found

    def take(self, name):
        """The value kept under a name; None where there is none of this key."""
        try:
            with open(self._path(name), encoding="utf-8") as file:
                held = json.load(file)
            return held["value"] if held["key"] == self.key else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def keep(self, name, value):
        """Keeps a value; numbers need not be finite."""
        os.makedirs(self.folder, exist_ok=True)
        with replacing(self._path(name)) as beside, open(beside, "w", encoding="utf-8") as file:
            json.dump({"key": self.key, "value": value}, file)

    def clear(self):
        """Forgets all parts."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name):
        return os.path.join(self.folder, f"{name}.json")


def _code():
    """A digest of the project's own source: a part computed by other code is worth nothing."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _sources():
    return [path for package in _PACKAGES for path in sorted((_ROOT / package).rglob("*.py"))]
