"""A possible cause of a difference: a pitfall of the catalogue, described for the case at hand."""

from typing import NamedTuple

from tf1port.pitfalls.catalogue import Pitfall


class Cause(NamedTuple):
    """A pitfall, with a description of its own where its name is not enough.

    rounding: the difference that may remain because the graph rounds a number that was solved for.
    """

    pitfall: Pitfall
    words: str = ""
    rounding: float = 0.0

    def __str__(self):
        return f"{self.words or self.pitfall.name} ({self.pitfall.id})"


def of_change(change, words="{}"):
    """The Cause of a tf1port.pitfalls.weights.Change."""
    return Cause(change.pitfall, words.format(change.cause))
