"""How long one run or import of a third party's graph may take, and who is told that it begins.

In a process of its own (tf1port.isolation) the parent is told, and ends the process where a step
takes longer: some kernels know no deadline, and TensorFlow runs some while it imports a graph.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

SECONDS = 60.0
SEARCH = "searching the graph"
_TIMES = {SEARCH: 10}  # of the limit: a search waits for nothing, and is long for a large graph

_steps: list[str] = []
_listeners: list[Callable[[str | None], None]] = []
_seconds: list[float] = []


def configure(seconds: float, tell: Callable[[str | None], None]) -> None:
    """Sets the limit of this process.

    Args:
        seconds: that a step may take.
        tell: called with the step that begins or goes on, and with None where none does.
    """
    _seconds[:], _listeners[:] = [seconds], [tell]


def seconds() -> float:
    """What a step may take, in s."""
    return _seconds[0] if _seconds else SECONDS


def allowed(what: str, limit: float) -> float:
    """What a step may take, in s, under a limit."""
    return _TIMES.get(what, 1) * limit


def exceeded(what: str, limit: float | None = None) -> str:
    """What to say of a step that took too long, under a limit or that of this process."""
    limit = allowed(what, seconds() if limit is None else limit)
    return f"{what} did not finish within {limit:g} s: --time-limit gives it longer"


@contextmanager
def step(what: str) -> Iterator[None]:
    """Within it the process does one step that counts, such as "running the graph"."""
    _steps.append(what)
    _tell()
    try:
        yield
    finally:
        _steps.pop()
        _tell()


def _tell() -> None:
    for tell in _listeners:
        tell(_steps[-1] if _steps else None)
