"""What a comparison was made with, for its report."""

import importlib
import platform


def installed(*packages):
    """Versions of Python, NumPy and the named packages: a dict of strings."""
    found = {"python": platform.python_version()}
    for package in ("numpy", *packages):
        found[package] = importlib.import_module(package).__version__
    return found
