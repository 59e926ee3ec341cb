"""Processes that end with the one that started them, even where that one was killed.

The parent holds one end of a pipe and writes nothing: however it ends, the system closes that end,
and a thread of the child sees the pipe's end.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time

STOPPING = 60.0  # s that a process has to end by itself after it has noticed
_VARIABLE = "ENDS_WITH_STANDARD_INPUT"  # environment variable: the signal that it then gets, or 0


def start(command, *, env=None, first=signal.SIGTERM, **options):
    """Starts one of the project's commands, which will not outlive this process.

    Args:
        command: its words. env: its environment variables, as for Popen.
        first: the signal that it gets when this process has gone, before it is ended; 0: none.
        options: further ones of Popen.

    Returns:
        The Popen, whose standard input has to stay open.
    """
    environment = dict(os.environ if env is None else env, **{_VARIABLE: "%d" % first})
    return subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, **options)


def end_with_starter():
    """Lets this process end with the one that started it, if that was by `start`."""
    first = os.environ.pop(_VARIABLE, None)
    if first is not None:
        _after(_input_has_ended, first=int(first), patience=STOPPING)


def end_with_parent():
    """Lets this process, one of multiprocessing's, end with the one that started it."""
    import multiprocessing

    parent = multiprocessing.parent_process()
    assert parent is not None
    _after(parent.join)


def _after(wait, *, first=0, patience=0.0):
    """Ends this process after `wait` has returned, in a thread: `patience` s after a signal."""

    def end():
        wait()
        if first:
            os.kill(os.getpid(), first)
        time.sleep(patience)
        os._exit(1)

    threading.Thread(target=end, daemon=True).start()


def _input_has_ended():
    while os.read(0, 4096):
        pass
