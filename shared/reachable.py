"""Calls that wait for another process's answer, for as long as that is there."""

import socket
from concurrent import futures
from contextlib import suppress

PATIENCE = 5.0  # s that an answer may take before the process is looked for, and to look for it
TIMES = 3  # that it is looked for


def while_there(function, address):
    """The function, as one that raises ConnectionError where nothing answers at an address.

    The call that still waits goes on in its thread.

    Args:
        function: it waits for the process, without end where that is gone.
        address: host:port.
    """
    pool = futures.ThreadPoolExecutor(1)

    def call(*given, **options):
        future = pool.submit(function, *given, **options)
        while True:
            with suppress(futures.TimeoutError):
                return future.result(PATIENCE)
            if not any(_is_there(address) for _ in range(TIMES)):
                raise ConnectionError("nothing answers at %s" % address)

    return call


def _is_there(address):
    """Whether a process takes connections at an address."""
    host, _, port = address.rpartition(":")
    with suppress(OSError):
        socket.create_connection((host.strip("[]"), int(port)), PATIENCE).close()
        return True
    return False
