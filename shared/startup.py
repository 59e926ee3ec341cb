"""Importing TensorFlow and Keras: without what they write, and without what they need not load."""

import os
import re
import sys
import tempfile
from contextlib import contextmanager

# Which processor and which GPU there is, and that nobody has set up a log for that yet.
_HARMLESS = re.compile(
    rb"WARNING: All log messages before absl::InitializeLog\(\) is called are written to STDERR$"
    rb"|[IW]\d{4} |\d{4}-\d\d-\d\d \S+ [IW] |E\d{4} .*(failed call to cuInit|cuda_platform)|\s*$"
)

# What Keras loads, where it is installed, for its wrappers (with SciPy) and for its pictures:
# 2.1 of the 6.3 s that its import takes.
OPTIONAL_OF_KERAS = ("sklearn", "matplotlib")


@contextmanager
def quiet():
    """While entered, standard error is held back; at the end come its lines that tell of a fault.

    Held back is the file descriptor, which libraries write to. Where an exception is raised, all of
    the lines come.
    """
    try:
        kept = os.dup(2)
    except OSError:  # it is closed
        yield
        return
    with tempfile.TemporaryFile() as file:
        _redirect(file.fileno())
        failed = True
        try:
            yield
            failed = False
        finally:
            _redirect(kept)
            os.close(kept)
            file.seek(0)
            lines = file.read().splitlines(True)
            os.write(2, b"".join(line for line in lines if failed or not _HARMLESS.match(line)))


@contextmanager
def without(*names):
    """While entered, these modules cannot be imported, but for those that were; then they can.

    For optional imports of a library.
    """
    hidden = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]


def _redirect(descriptor):
    if sys.stderr:
        sys.stderr.flush()
    os.dup2(descriptor, 2)
