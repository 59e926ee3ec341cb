"""A bar on standard error for what takes long; nothing where that is no terminal."""

import sys

from tqdm import tqdm


def progress(items, what, *, unit, total=None):
    """The items, with a bar while they are taken."""
    return tqdm(items, desc=what, unit=unit, total=total, disable=not sys.stderr.isatty())
