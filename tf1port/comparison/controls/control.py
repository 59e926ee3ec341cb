"""The type of a negative control."""

from collections.abc import Callable
from dataclasses import dataclass

from tf1port.comparison.sides.protocol import Side
from tf1port.pitfalls.catalogue import Pitfall


@dataclass(frozen=True)
class Control:
    """A known mistake that is made on purpose, and where it must be noticed.

    Attributes:
        pitfall: the mistake; a diagnosis has to name it.
        make: a function from a right side to one with the mistake.
        check: the number of the first check that fails (tf1port.comparison.ladder.checks).
        label: its name in the table of known mistakes; empty: the pitfall's name.
        models: of equivalence's models, those that it is tried with.
        named: False where the diagnosis cannot find its cause.
        over_steps, over_examples: the mistake is between time steps, or between the examples of a
            batch: at least two are needed.
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
        """Its name in the table of known mistakes."""
        return self.label or self.pitfall.name

    @property
    def description(self) -> str:
        """The mistake in a sentence."""
        return self.pitfall.cause
