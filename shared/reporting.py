"""The end of a command: its exit code, and one line on standard error for an exception."""

import os
import sys
import threading
import traceback
from contextlib import contextmanager

from shared.errors import UserError, disk_reason, line

INTERRUPTED = 130  # what a shell reports after Ctrl-C
INTERNAL = 4  # not 1, Python's own after a traceback: that is the code of two sides that differ
TRACEBACK = "TF1PORT_TRACEBACK"  # environment variable


def interpreter():
    """This Python, as a command that is printed has to name it: from here, or by its whole path."""
    path = sys.executable or "python"
    try:
        relative = os.path.relpath(path)
    except ValueError:  # on another drive
        return path
    return path if relative.startswith(os.pardir) else relative


def reporting(command):
    """Runs `command()`; an exception becomes one line on standard error. Returns an exit code.

    That is the command's own, 2 after a UserError, INTERNAL after any other exception.
    """
    try:
        with _short_errors_of_threads():
            return command() or 0
    except UserError as error:
        print("error: %s" % line(error), file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        if os.environ.get(TRACEBACK):
            traceback.print_exc()
        print(_internal_error(error), file=sys.stderr)
        return INTERNAL


@contextmanager
def _short_errors_of_threads():
    """While entered, an exception that ends a thread becomes one line as well.

    Or none, where it is the disk's: TensorFlow writes events in a thread, and whoever waits for it
    raises the same.
    """
    former = getattr(threading, "excepthook", None)  # since Python 3.8

    def report(arguments):
        if former and os.environ.get(TRACEBACK):
            former(arguments)
        elif not disk_reason(arguments.exc_value):
            print(_internal_error(arguments.exc_value), file=sys.stderr)

    threading.excepthook = report
    try:
        yield
    finally:
        if former:
            threading.excepthook = former


def _internal_error(error):
    """One line: what was raised, and the last line of the project's own that it came through."""
    own = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    frames = [
        (os.path.relpath(frame.filename, own), frame.lineno)
        for frame in traceback.extract_tb(error.__traceback__)
    ]
    # An environment may lie within the project's folder.
    last = [
        (path, line)
        for path, line in frames
        if not path.startswith(".") and "site-packages" not in path
    ]
    text = "%s: %s" % (type(error).__name__, error)
    place = "%s:%s" % (last or frames)[-1]
    return "internal error: %s (%s): please report it; %s=1 shows all of it" % (
        line(text.partition("\n")[0].rstrip(": ")), place, TRACEBACK,
    )  # fmt: skip
