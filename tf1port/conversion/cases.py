"""Random cases for a checkpoint's recurrent part: inputs, initial states and lengths."""

from typing import NamedTuple

import numpy as np

from tf1port.cells.families import FAMILIES
from tf1port.tf1.session.recurrent_subgraph import static_sizes

BATCHES, STEPS = (3, 1, 8), (5, 1, 12)  # where the graph leaves them open


class Case(NamedTuple):
    """Random inputs [B, T, F] of the first cell, initial states, lengths [B] or None.

    ids: [B, T] whose embedding the inputs are; None where there is none.
    """

    inputs: np.ndarray
    states: list[tuple[np.ndarray, ...]]
    lengths: np.ndarray | None
    ids: np.ndarray | None = None

    @property
    def where(self):
        return f"{self.inputs.shape[0]} rows, {self.inputs.shape[1]} steps"

    def cast(self, dtype):
        """The same case in another dtype."""
        states = [tuple(value.astype(dtype) for value in state) for state in self.states]
        return self._replace(inputs=self.inputs.astype(dtype), states=states)

    def full(self):
        """The case with all rows of the full length."""
        if self.lengths is None:
            return self
        return self._replace(lengths=np.full_like(self.lengths, self.inputs.shape[1]))

    def first_step(self):
        """The case of the first step alone."""
        lengths = None if self.lengths is None else np.minimum(self.lengths, 1)
        ids = None if self.ids is None else self.ids[:, :1]
        return self._replace(inputs=self.inputs[:, :1], lengths=lengths, ids=ids)


def sizes(conversion):
    """Pairs of batch size and steps to try, as the graph leaves them open."""
    batch = steps = None
    run = conversion.network.recurrent[0].run
    if conversion.graph is not None and run is not None:
        batch, steps = static_sizes(conversion.graph, run)
    if batch is not None and steps is not None:
        return [(batch, steps)]
    least = conversion.network.shortest
    return [(batch or b, steps or max(t, least)) for b, t in zip(BATCHES, STEPS, strict=True)]


def case(conversion, stream, batch, steps):
    """A random Case in float64; where the graph has lengths a full row, a short and a middling."""
    blueprint = conversion.blueprint
    states: list[tuple[np.ndarray, ...]] = []
    drawn: dict[str, np.ndarray] = {}
    for cell, layer in zip(blueprint.cells, conversion.network.recurrent, strict=True):
        size = FAMILIES[cell.family].sizes(cell.weights)
        state = [stream.normal(0, 0.5, (batch, n)) for n in (size.outputs, size.units)]
        if layer.run is not None:  # one tensor of zeros may stand for several states
            names = layer.run.initial
            state = [drawn.setdefault(*pair) for pair in zip(names, state, strict=False)]
        states.append(tuple(state[: cell.kinds]))
    lengths, run = None, conversion.network.recurrent[0].run
    if run is not None and run.lengths is not None:
        # A head that gathers at the last step of each row cannot do so where there is none.
        shortest = 1 if blueprint.after and blueprint.takes != "steps" else 0
        some = [steps, shortest, (steps + 1) // 2] if blueprint.masked else [steps]
        lengths = np.resize(some, batch).astype("int64")
    features = len(blueprint.cells[0].weights["kernel"])
    inputs, ids = stream.normal(size=(batch, steps, features)), None
    if [spec.kind for spec in blueprint.before] == ["Embedding"]:  # what the cell is used to
        rows = blueprint.before[-1].weights["embeddings"].astype("float64")
        ids = stream.integers(len(rows), size=(batch, steps))
        inputs = rows[ids]
    return Case(inputs, states, lengths, ids)
