"""What a difference may come from: a pitfall of the catalogue, in the words of the case at hand."""

from typing import NamedTuple

from tf1port.pitfalls.catalogue import Pitfall


class Cause(NamedTuple):
    """A pitfall, and what to call it where its name is not enough.

    rounding: what it may leave of the difference where the graph rounds what was solved for.
    """

    pitfall: Pitfall
    words: str = ""
    rounding: float = 0.0

    def __str__(self):
        return f"{self.words or self.pitfall.name} ({self.pitfall.id})"


def of_change(change, words="{}"):
    """The Cause of a tf1port.pitfalls.weights.Change."""
    return Cause(change.pitfall, words.format(change.cause))
