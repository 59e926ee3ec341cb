"""The finished results of a comparison, stored in its folder until the report is written.

So an interrupted comparison continues: the same command loads what is done. A result is stored with
a key of its inputs and of the code, and is ignored where that has changed.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path

from shared.files import replacing

_ROOT = Path(__file__).parent.parent
_PACKAGES = ("shared", "legacy_tf1", "modern_tf2", "tf1port", "equivalence")


class ResultStore:
    """Values by name, as JSON files in a folder.

    Args:
        folder: is created when the first value is saved.
        facts: what the values depend on besides the project's code; JSON.
    """

    def __init__(self, folder, facts):
        self.folder = folder
        text = json.dumps([facts, _code()], sort_keys=True)
        self.key = hashlib.sha256(text.encode()).hexdigest()

    def get(self, name, compute):
        """The value saved under a name, or else that of `compute()`, which is saved."""
        value = self.load(name)
        if value is None:
            value = compute()
            self.save(name, value)
        return value

    def load(self, name):
        """The value saved under a name; None where there is none of this key."""
        try:
            with open(self._path(name), encoding="utf-8") as file:
                entry = json.load(file)
            return entry["value"] if entry["key"] == self.key else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def save(self, name, value):
        """Saves a value; numbers need not be finite."""
        os.makedirs(self.folder, exist_ok=True)
        with replacing(self._path(name)) as beside, open(beside, "w", encoding="utf-8") as file:
            json.dump({"key": self.key, "value": value}, file)

    def clear(self):
        """Removes all values."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, name):
        return os.path.join(self.folder, f"{name}.json")


def _code():
    """A digest of the project's own source: results of other code are invalid."""
    digest = hashlib.sha256()
    for path in _sources():
        digest.update(str(path.relative_to(_ROOT)).encode() + b"\0" + path.read_bytes())
    return digest.hexdigest()


def _sources():
    return [path for package in _PACKAGES for path in sorted((_ROOT / package).rglob("*.py"))]
