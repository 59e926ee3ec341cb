"""A progress bar on standard error; none where that is no terminal."""

import sys

from tqdm import tqdm


def line(text):
    """A line on standard error, above the bar if there is one."""
    tqdm.write(text, file=sys.stderr)


def progress(items, label, *, unit, total=None, delay=0):
    """Iterates over the items with a progress bar, which is shown after `delay` seconds."""
    quiet = not sys.stderr.isatty()
    return tqdm(
        items, desc=label, unit=unit, total=total, delay=delay, disable=quiet, leave=not delay
    )


def reached(items, label, *, unit, total, place):
    """Iterates with a bar of `total` parts, `place(item)` of which are done when an item comes."""
    with progress(None, label, unit=unit, total=total) as bar:
        for item in items:
            bar.update(place(item) - bar.n)
            yield item
        bar.update(total - bar.n)
