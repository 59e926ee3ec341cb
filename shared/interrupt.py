"""Ctrl-C at a step's boundary instead of in its middle."""

import signal
import threading


class Interrupt:
    """While entered, the first SIGINT or SIGTERM only sets `requested`; the second one acts.

    Outside of the main thread, where Python delivers no signals, it does nothing.
    """

    def __init__(self):
        self.requested = False
        self._former = {}

    def __enter__(self):
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGINT, signal.SIGTERM):
                self._former[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *exception):
        self._restore()

    def _note(self, number, frame):
        self.requested = True
        self._restore()

    def _restore(self):
        while self._former:
            number, handler = self._former.popitem()
            signal.signal(number, handler)
