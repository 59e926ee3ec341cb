"""The uses of a cell: its steps, and the runs over time that they form.

A loop is one of dynamic_rnn, whose body has the one step that all share; unrolled steps are those
of static_rnn or of a loop in Python; a fused run is one op over all steps.
"""

from dataclasses import dataclass
from typing import NamedTuple


class UnknownCell(ValueError):
    """The operations around a kernel are not those of a known cell."""


class Step(NamedTuple):
    """One use of a cell: tensors [B, F] or [B, U]; `c` and `new_c` are None for all but LSTMs.

    residual: the sum of x and new_h, which is the output instead of new_h; None if there is none.
    written: the output where an unrolled run has lengths; new_h and new_c then keep the states of
        rows that have ended.
    """

    x: str
    h: str
    new_h: str
    c: str | None = None
    new_c: str | None = None
    residual: str | None = None
    written: str | None = None

    @property
    def output(self):
        """The output of the step, the next layer's input."""
        return self.written or self.residual or self.new_h


@dataclass(frozen=True)
class Run:
    """One run of a cell over time.

    steps: in the order of time; a single one where the graph loops, none where it is fused.
    initial_h, initial_c: [B, U].
    inputs: the sequence [T, B, F] that a loop or a fused op reads; None where it is unrolled.
    outputs: the sequence [T, B, U] that a loop writes, where it writes one, or a fused op.
    final_h, final_c: the final states of a loop. Of an unrolled run they are in the last step.
    cell_states: the sequence [T, B, U] of a fused op's c.
    lengths: the tensor [B] of sequence lengths at which the run stops.
    padded: the outputs are zero past the lengths; else an unrolled run continues.
    """

    cell: str
    steps: tuple[Step, ...]
    initial_h: str
    initial_c: str | None = None
    looped: bool = False
    inputs: str | None = None
    outputs: str | None = None
    final_h: str | None = None
    final_c: str | None = None
    cell_states: str | None = None
    lengths: str | None = None
    padded: bool = True

    @property
    def first_inputs(self):
        """The input of the first step, or of the whole run."""
        return self.inputs or self.steps[0].x

    @property
    def initial(self):
        """The tensors of the initial states: (h,) or (h, c)."""
        return tuple(name for name in (self.initial_h, self.initial_c) if name is not None)

    @property
    def final(self):
        """The tensors of the final states: h, and c of an LSTM; each empty where there is none."""
        last = self.steps[-1] if self.steps else None
        names = (self.final_h, self.final_c)
        if last is not None and not self.looped:
            names = (last.new_h, last.new_c)
        return tuple(name or "" for name in names[: len(self.initial)])

    @property
    def residual(self):
        """Whether the output is the sum of the cell's input and output."""
        return any(step.residual for step in self.steps)

    @property
    def results(self):
        """The tensors of the run that may be inputs of later layers."""
        tensors = [self.outputs, self.final_h, *(step.output for step in self.steps)]
        return [tensor for tensor in tensors if tensor is not None]
