"""Ctrl-C and SIGTERM at a step's boundary instead of in its middle."""

import signal
import threading


class Interrupt:
    """While entered, the first SIGINT or SIGTERM is only noted; the second one acts.

    Outside of the main thread, where Python delivers no signals, it does nothing.

    Attributes:
        signal: the number of the signal that came, or None.
    """

    def __init__(self):
        self.signal = None
        self._former = {}

    @property
    def requested(self):
        """Whether a signal came."""
        return self.signal is not None

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception):
        self._restore()

    def _note(self, number, frame):
        self.signal = number
        self._restore()

    def _restore(self):
        while self._former:
            number, handler = self._former.popitem()
            signal.signal(number, handler)
