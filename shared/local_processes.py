"""A cluster on one machine, for trying it out: a process for each of its tasks."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack, contextmanager

from shared import parent
from shared.cluster import VARIABLE
from shared.interrupt import Interrupt

GRACE = 2.0  # s that the others have to end by themselves after one has failed
_POLL = 0.05  # s between two looks at the processes


def run(command, clusters):
    """Runs a command once for each task of a cluster; returns the exit code of the first fault.

    Only the chief writes to this terminal; what another one says is shown where it failed. A signal
    is passed on to all that train, and none is left behind, even where this process is killed.

    Args:
        command: the words of the command.
        clusters: shared.cluster.Cluster of each process.
    """
    with Interrupt() as interrupt, _started(command, clusters) as processes:
        while not interrupt.requested and not _over(processes):
            time.sleep(_POLL)
        if interrupt.requested:
            trainers = [pair for pair, one in zip(processes, clusters) if not one.is_server]
            for process, _ in trainers:
                process.send_signal(signal.SIGTERM)
            _wait(trainers, parent.STOPPING)
            return 128 + interrupt.signal
        if _failed(processes):
            _wait(processes, GRACE)
        return _code_of_first_fault(processes, _failed(processes))


@contextmanager
def _started(command, clusters):
    """The processes, each with the file of its standard error (None: the chief's is ours)."""
    with ExitStack() as stack:
        processes = []
        for cluster in clusters:
            chief = not cluster.is_server and cluster.is_chief
            errors = None if chief else stack.enter_context(tempfile.TemporaryFile())
            process = parent.start(
                command,
                env=dict(os.environ, **{VARIABLE: cluster.config()}),
                first=0 if cluster.is_server else signal.SIGTERM,
                stdout=None if chief else subprocess.DEVNULL,
                stderr=errors,
                start_new_session=True,  # Ctrl-C comes to us alone, and from us to each once
            )
            stack.callback(_end, process)
            processes.append((process, errors))
        yield processes


def _end(process):
    """Ends a process by its own handle."""
    if process.poll() is None:
        process.kill()
    process.wait()
    process.stdin.close()


def _failed(processes):
    """The numbers of the processes that have failed."""
    return [number for number, (process, _) in enumerate(processes) if process.poll()]


def _over(processes):
    """Whether all processes have ended, or one has failed."""
    return bool(_failed(processes)) or all(process.poll() == 0 for process, _ in processes)


def _wait(processes, seconds):
    """Waits until all processes have ended, but not longer than that."""
    end = time.monotonic() + seconds
    while time.monotonic() < end and any(process.poll() is None for process, _ in processes):
        time.sleep(_POLL)


def _code_of_first_fault(processes, failed):
    """The exit code of the chief, if it failed, or of another one, whose last line is shown."""
    if not failed:
        return 0
    first = next((n for n in failed if processes[n][1] is None), failed[0])  # the chief, if it did
    process, errors = processes[first]
    if errors is not None:
        errors.seek(0)
        lines = errors.read().decode("utf-8", "replace").splitlines()
        print("a worker failed: %s" % (lines[-1] if lines else "no message"), file=sys.stderr)
    code = process.returncode
    return code if code > 0 else 128 - code
