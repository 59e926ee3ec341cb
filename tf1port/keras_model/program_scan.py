"""The source of a Loop's call: one step as a function, which ops.scan repeats."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tf1port.keras_model.expressions import WIDTH
from tf1port.keras_model.program import Constant, Loop, Op, Value, dependent
from tf1port.keras_model.program_blocks import leaves
from tf1port.keras_model.program_body import Body
from tf1port.keras_model.statements import folded, row


def scan(body: Body, loop: Loop) -> list[str]:
    """The lines of a layer's call: one step as a function, repeated, and what is returned."""
    ports = sorted(body.source.users[id(loop)])
    before = _computed_before(body, loop)
    lines, results = repeated(body, loop, ports, indent=8)
    returned = [results[port] for port in ports]
    lines = [*before, *lines, *folded(f"return {', '.join(returned)}", 8)]
    return [body.typed(line) for line in lines]


def repeated(
    body: Body, loop: Loop, ports: Sequence[int], *, indent: int
) -> tuple[list[str], list[str]]:
    """The lines of a function of one step and of its repetition, and the texts of all results.

    ops.scan stacks values of the shapes of its states alone, so the states of every step are
    stacked, and an output that is no state becomes one. It iterates over one sequence whose
    length may be unknown; further sequences are indexed by the number of the step.

    Args:
        ports: of the results that are used.
    """
    body.roles |= {(id(value.producer), value.port): "output" for value in loop.outputs}
    finals, kept = (body.names.new(name) for name in ("finals", "kept"))
    inner = body.nested(loop.inner)
    scanned = _Scanned(inner, loop, indent)
    sequences = [_time_major(loop, value, body.tensor(value)) for value in loop.sequences]
    lines = scanned.step(sequences)
    results = scanned.results(finals, kept)
    used = [results[port] for port in ports]
    targets = [n if any(re.search(rf"\b{n}\b", t) for t in used) else "_" for n in (finals, kept)]
    first = sequences[0] if sequences else scanned.numbers
    starts = [body.typed(text) for text in scanned.starts]  # which makes them longer
    return [*lines, "", *_scan_call(body, targets, scanned.name, starts, first, indent)], results


class _Scanned:
    """What ops.scan repeats for a loop.

    Attributes:
        states, starts: the names of the states and their texts before the first step.
    """

    def __init__(self, body: Body, loop: Loop, indent: int) -> None:
        self.body, self.loop, self.pad = body, loop, " " * indent
        self.name, self._row = body.names.new("step"), body.names.new("states")
        self.states = [body.name(value) for value in loop.states]
        self.starts = [_start(body, value) for value in loop.initial]
        self._steps = [body.name(value) for value in loop.steps]
        self._time = body.name(loop.time)
        for state, new in zip(loop.states, loop.new_states, strict=True):
            body.roles[id(new.producer), new.port] = f"new_{body.tensor(state)}"
        self._places: list[int] = []

    @property
    def numbers(self) -> str:
        """The numbers of all steps; of themselves they would have the width of the floats."""
        length = self.body.tensor(self.loop.length_value)
        return f'ops.arange({length}, dtype="{self.loop.time.dtype}")'

    def step(self, sequences: Sequence[str]) -> list[str]:
        """The lines of the function of one step."""
        reads_of = zip(self._steps[1:], sequences[1:], strict=True)
        reads = [f"{name} = ops.take({text}, {self._time}, axis=0)" for name, text in reads_of]
        conditional = self.loop.condition is not None
        lines = self._conditional() if conditional else self._unconditional(reads)
        argument = "_" if conditional else (self._steps or [self._time])[0]
        inner = self.pad + " " * 4
        unpacked = [f"{inner}{row(self.states)} = {self._row}"] if self.states else []
        return [f"{self.pad}def {self.name}({self._row}, {argument}):", *unpacked, *lines]

    def _unconditional(self, reads: Sequence[str]) -> list[str]:
        body, loop, pad = self.body, self.loop, self.pad + " " * 4
        lines = body.lines(indent=len(pad), returned=[*loop.new_states, *loop.outputs])
        new_states = self._new_states(body)
        is_used = any(re.search(rf"\b{self._time}\b", line) for line in lines)
        if loop.sequences and (reads or is_used):
            self._count(new_states)
        return [
            *(f"{pad}{line}" for line in reads),
            *lines,
            f"{pad}{self._row} = [{', '.join(new_states)}]",
            f"{pad}return {self._row}, {self._row}",
        ]

    def _conditional(self) -> list[str]:
        """A step that is taken while the condition holds.

        The graph does not compute the step after that: it may divide by zero, whose gradient would
        not be finite, or read past the end of a sequence. So it is no matter of ops.where.
        """
        loop, pad = self.loop, self.pad + " " * 4
        assert loop.condition is not None
        tested = dependent([loop.condition], loop.leaves)
        condition = self.body.nested(tested)
        remaining = [producer for producer in loop.inner if producer not in tested]
        shared = [value for producer in remaining for value in leaves(producer)]
        shared = [v for v in [*shared, *loop.results] if v.producer in tested]
        lines = condition.lines(indent=len(pad), returned=[loop.condition, *shared])
        body = condition.nested(remaining)
        step_lines = body.lines(indent=len(pad) + 4, returned=[*loop.new_states, *loop.outputs])
        new_states = self._new_states(body)
        self._count(new_states)
        function, after = (body.names.new(name) for name in ("next_states", "after"))
        test = condition.tensor(loop.condition)
        call = f"{after} = ops.cond({test}, {function}, lambda: {self._row})"
        return [
            *lines,
            "",
            f"{pad}def {function}():",
            *step_lines,
            *folded(f"return [{', '.join(new_states)}]", len(pad) + 4),
            "",
            *folded(call, len(pad)),
            f"{pad}return {after}, {after}",
        ]

    def _new_states(self, body: Body) -> list[str]:
        """The texts of the states after a step, among them all outputs."""
        new_states = [body.tensor(value) for value in self.loop.new_states]
        self._places = [
            _state_index(body, value, self.states, self.starts, new_states)
            for value in self.loop.outputs
        ]
        return new_states

    def _count(self, new_states: list[str]) -> None:
        """Makes the number of the step the last state."""
        dtype = self.loop.time.dtype
        self.states.append(self._time)
        option = "" if dtype == "int32" else f', dtype="{dtype}"'
        self.starts.append(f"ops.convert_to_tensor(0{option})")
        new_states.append(f"{self._time} + 1")

    def results(self, finals: str, kept: str) -> list[str]:
        """The texts of the values of the loop."""
        loop, count = self.loop, f"{finals}[{len(self.states) - 1}]"
        texts = [f"{finals}[{index}]" for index in range(len(loop.initial))]
        for value, place in zip(loop.outputs, self._places, strict=True):
            text = f"{kept}[{place}]"
            if loop.condition is not None:
                padded = id(value) in loop.padded
                text = self._zeros_after(value, text, count) if padded else f"{text}[:{count}]"
            texts.append(_time_major(loop, value, text))
        return texts if loop.condition is None else [*texts, count]

    def _zeros_after(self, value: Value, text: str, count: str) -> str:
        taken = f"ops.reshape({self.numbers} < {count}, {row(['-1', *['1'] * len(value.axes)])})"
        return f"ops.where({taken}, {text}, ops.zeros_like({text}))"


def _computed_before(body: Body, loop: Loop) -> list[str]:
    """The lines of what every step uses and the layer computes by itself, from sizes."""
    lines = []
    for value in loop.invariant:
        op = value.producer
        if isinstance(op, Op) and id(op) in body.source.within_loops:
            call = body.translated(op).call
            lines += folded(f"{body.name(value)} = {call}", 8)
    return [*lines, ""] if lines else []


def _time_major(loop: Loop, value: Value, text: str) -> str:
    """The text of a sequence as [T, B, ...], or of a stacked output from that."""
    return f"ops.swapaxes({text}, 0, 1)" if id(value) in loop.batch_major else text


def _start(body: Body, value: Value) -> str:
    """A state at the start, as a tensor."""
    op = value.producer
    is_known = (id(op), value.port) in body.texts
    if isinstance(op, Op) and not is_known and id(op) in body.source.within_loops:
        return body.translated(op).call
    text = body.tensor(value)
    constant = isinstance(value.producer, Constant) and not text.startswith("ops.")
    return f'ops.convert_to_tensor({text}, dtype="{value.dtype}")' if constant else text


def _state_index(body: Body, value: Value, states, starts, new_states) -> int:
    """The index of an output among the states, to which it is added where it is none."""
    text = body.tensor(value)
    if text not in new_states:
        states.append(body.names.new("last"))
        sizes = row([str(body.size(value.size(axis))) for axis in range(len(value.axes))])
        starts.append(f'ops.zeros({sizes}, dtype="{value.dtype}")')
        new_states.append(text)
    return new_states.index(text)


def _scan_call(
    body: Body, targets: Sequence[str], step: str, starts: Sequence[str], first: str, indent: int
) -> list[str]:
    """The lines of the call of ops.scan, the initial states before it if long."""
    before = f"{' ' * indent}{', '.join(targets)} = ops.scan({step}, "
    line = f"{before}[{', '.join(starts)}], {first})"
    if len(line) <= WIDTH:
        return [line]
    name = body.names.new("starts")
    return [*folded(f"{name} = [{', '.join(starts)}]", indent), f"{before}{name}, {first})"]
