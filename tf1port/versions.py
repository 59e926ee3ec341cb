"""The versions of packages, for a report."""

import importlib
import platform
from contextlib import suppress


def installed(*packages):
    """Versions of Python, NumPy and those of the named packages that are installed, by name."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", *packages):
        with suppress(ModuleNotFoundError):
            versions[package] = importlib.import_module(package).__version__
    return versions
