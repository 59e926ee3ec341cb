"""The choice between two branches as part of a Program."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from tf1port.keras_model.program import Leaf, Producer, Value, dependent, in_order, independent

Branch = tuple[str, bool]  # the tensor of the graph that chooses, and whether it is true


@dataclass(eq=False)
class Switched(Leaf):
    """A value as one branch of a choice has it."""

    source: Value | None = None
    branch: Branch = ("", False)


@dataclass(eq=False)
class Choice(Producer):
    """One of two values, of which only the chosen one is computed.

    predicate: the tensor of the graph that chooses; `chosen` is its value. results: the value of
    each branch, by whether the predicate is true.
    """

    predicate: str
    chosen: Value
    results: dict[bool, Value]
    scope: str = ""

    def leaves(self, branch: bool) -> list[Value]:
        """The values that a branch has from outside."""
        result = self.results[branch]
        producers = in_order([result])
        return [
            Value(producer, producer.source.dtype, producer.source.shape)
            for producer in producers
            if isinstance(producer, Switched)
            and producer.source is not None
            and producer.branch == (self.predicate, branch)
        ]

    def inner(self, branch: bool) -> list[Producer]:
        """The producers that are computed in a branch alone, in order."""
        return dependent([self.results[branch]], self.leaves(branch))

    @property
    def operands(self) -> Sequence[Value]:
        """All values from outside of the branches."""
        values = [self.chosen]
        for branch in (True, False):
            leaves = self.leaves(branch)
            values += [source_of(leaf) for leaf in leaves]
            values += independent([self.results[branch]], leaves)
        return values


def source_of(leaf: Value) -> Value:
    """The value that a Switched one is."""
    assert isinstance(leaf.producer, Switched)
    assert leaf.producer.source is not None
    return leaf.producer.source
