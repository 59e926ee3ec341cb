"""What a comparison was made with, for its report."""

import importlib
import platform
from contextlib import suppress


def installed(*packages):
    """Versions of Python, NumPy and those of the named packages that are there, by name."""
    found = {"python": platform.python_version()}
    for package in ("numpy", *packages):
        with suppress(ModuleNotFoundError):
            found[package] = importlib.import_module(package).__version__
    return found
