"""The versions and the memory of a run, for its records alone."""

import importlib
import platform
import sys

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]


def installed(*packages):
    """Versions of Python, NumPy and the named packages: a dict of strings."""
    versions = {"python": platform.python_version()}
    for package in ("numpy", *packages):
        versions[package] = importlib.import_module(package).__version__
    return versions


def peak_memory_bytes():
    """The largest resident size that this process has had, in bytes; None on Windows."""
    if resource is None:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # Linux counts in KiB
