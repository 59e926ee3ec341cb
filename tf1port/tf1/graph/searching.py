"""The errors of a search of a third-party graph, each as one line."""

from collections.abc import Iterator
from contextlib import contextmanager

from tf1port import limits
from tf1port.errors import UserError
from tf1port.tf1.graph.runs import UnknownCell


@contextmanager
def searching(meta: str) -> Iterator[None]:
    """A context in which a graph is searched, with a time limit.

    Args:
        meta: the file of the graph.

    Raises:
        UserError: as `guarded`.
    """
    with limits.step(limits.SEARCH), guarded(meta):
        yield


@contextmanager
def guarded(meta: str) -> Iterator[None]:
    """A context in which a graph is read, or results read from it are used.

    Raises:
        UserError: a cell is not known, or the graph's nodes do not fit each other.
    """
    try:
        yield
    except UnknownCell as error:
        raise UserError(f"{meta}: {error}") from None
    except (AttributeError, LookupError, StopIteration, TypeError, ValueError) as error:
        reason = " ".join(str(error).split())[:80] or type(error).__name__
        raise UserError(
            f"{meta} builds its network in a way that convert does not know, or is damaged "
            f"({reason})"
        ) from error
