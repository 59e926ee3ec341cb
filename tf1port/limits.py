"""Limits of third-party files: their sizes, the time of a run, and a listener for its begin.

In a process of its own (tf1port.isolation) the listener is the parent, which ends the process where
a step takes longer: some kernels have no deadline, and TensorFlow runs some at import of a graph.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 60.0  # of one run, import or search of a graph, and of reading one variable
TOML = 200_000  # bytes: tomllib's time grows with the square of what is nested
JSON = 100_000_000  # bytes: the map of a model with a million weights' names has less
# Bytes that an archive unpacks to: so many, or so many times its own size.
UNPACKED, UNPACKED_TIMES = 1_000_000_000, 20
SEARCH = "searching the graph"
_TIMES = {SEARCH: 10}  # times the limit: a search cannot hang, but is long for a large graph

_steps: list[str] = []
_listeners: list[Callable[[str | None], None]] = []
_seconds: list[float] = []


def configure(seconds: float, listener: Callable[[str | None], None]) -> None:
    """Sets the limit of this process.

    Args:
        seconds: that a step may take.
        listener: called with the step that begins or continues, and with None where none does.
    """
    _seconds[:], _listeners[:] = [seconds], [listener]


def seconds() -> float:
    """The time limit of a step, in s."""
    return _seconds[0] if _seconds else SECONDS


def allowed(name: str, limit: float) -> float:
    """The time limit of a step by name, in s, from the general limit."""
    return _TIMES.get(name, 1) * limit


def exceeded(name: str, limit: float | None = None) -> str:
    """The message on a step that took too long, for a limit or that of this process."""
    limit = allowed(name, seconds() if limit is None else limit)
    return f"{name} did not finish within {limit:g} s: --time-limit gives it longer"


@contextmanager
def step(name: str) -> Iterator[None]:
    """A step with a limit, such as "running the graph"."""
    _steps.append(name)
    _notify()
    try:
        yield
    finally:
        _steps.pop()
        _notify()


def _notify() -> None:
    for listener in _listeners:
        listener(_steps[-1] if _steps else None)
