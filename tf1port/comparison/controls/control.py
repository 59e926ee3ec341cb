"""What a negative control is."""

from collections.abc import Callable
from dataclasses import dataclass

from tf1port.comparison.sides.protocol import Side
from tf1port.pitfalls.catalogue import Pitfall


@dataclass(frozen=True)
class Control:
    """A known mistake that is made on purpose, and where it must be noticed.

    Attributes:
        pitfall: the mistake; a diagnosis has to name it.
        make: gives a right side the mistake: returns the wrong one.
        check: the number of the first check that fails (tf1port.comparison.ladder.checks).
        label: what the table of known mistakes calls it; empty: by the pitfall's name.
        models: of equivalence's models, those that it is tried with.
        named: False where the diagnosis cannot know.
        over_steps, over_examples: the mistake is one between time steps, or between the examples of
            a batch, of which there must be two.
    """

    pitfall: Pitfall
    make: Callable[[Side], Side]
    check: int
    label: str = ""
    models: tuple[str, ...] = ()
    named: bool = True
    over_steps: bool = False
    over_examples: bool = False

    @property
    def name(self) -> str:
        """What the table of known mistakes calls it."""
        return self.label or self.pitfall.name

    @property
    def what(self) -> str:
        """What was done, in a sentence."""
        return self.pitfall.cause
