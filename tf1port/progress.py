"""A bar on standard error for what takes long; nothing where that is no terminal."""

import sys

from tqdm import tqdm


def line(text):
    """A line on standard error, above the bar if there is one."""
    tqdm.write(text, file=sys.stderr)


def progress(items, what, *, unit, total=None, delay=0):
    """The items, with a bar while they are taken; none in the first `delay` seconds."""
    quiet = not sys.stderr.isatty()
    return tqdm(
        items, desc=what, unit=unit, total=total, delay=delay, disable=quiet, leave=not delay
    )
