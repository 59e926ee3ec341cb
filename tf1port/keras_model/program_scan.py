"""The source of a Loop's call: one step as a function, which ops.scan repeats."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tf1port.keras_model.expressions import WIDTH
from tf1port.keras_model.program import Constant, Loop, Op, Value
from tf1port.keras_model.program_body import Body
from tf1port.keras_model.statements import folded, row


def scan(body: Body, loop: Loop) -> list[str]:
    """The lines of a call: a function of one step, which ops.scan repeats.

    ops.scan stacks values of the shapes of its states alone, so the states of every step are
    stacked, and an output that is no state becomes one. It iterates over one sequence whose
    length may be unknown; further sequences are indexed by the number of the step.
    """
    body.kept |= {"step", "states", "starts", "finals", "kept"}
    before = _computed_before(body, loop)
    states = [body.name(value) for value in loop.states]
    starts = [_start(body, value) for value in loop.initial]
    sequences = [_time_major(loop, value, body.tensor(value)) for value in loop.sequences]
    first = sequences[0] if sequences else f"ops.arange({body.size(loop.length)})"
    steps = [body.name(value) for value in loop.steps]
    time = body.name(loop.time)
    body.roles = {(id(value.producer), value.port): "output" for value in loop.outputs}
    for state, new in zip(loop.states, loop.new_states, strict=True):
        body.roles[id(new.producer), new.port] = f"new_{body.tensor(state)}"
    reads_of = zip(steps[1:], sequences[1:], strict=True)
    reads = [f"{name} = ops.take({text}, {time}, axis=0)" for name, text in reads_of]
    step_lines = body.lines(indent=12, returned=[*loop.new_states, *loop.outputs])
    new_states = [body.tensor(value) for value in loop.new_states]
    places = [_state_index(body, value, states, starts, new_states) for value in loop.outputs]
    if sequences and (reads or any(re.search(rf"\b{time}\b", line) for line in step_lines)):
        states.append(time)
        starts.append("ops.convert_to_tensor(0)")
        new_states.append(f"{time} + 1")
    returned = [f"finals[{index}]" for index in range(len(loop.initial))]
    pairs = zip(loop.outputs, places, strict=True)
    returned += [_time_major(loop, value, f"kept[{index}]") for value, index in pairs]
    returned = [returned[port] for port in sorted(body.source.users[id(loop)])]
    starts = [body.typed(text) for text in starts]  # which makes them longer
    targets = [
        name if any(name in text for text in returned) else "_" for name in ("finals", "kept")
    ]
    call = _scan_call(targets, starts, first)
    lines = [
        *before,
        f"        def step(states, {steps[0] if steps else time}):",
        *([f"            {row(states)} = states"] if states else []),
        *(f"            {line}" for line in reads),
        *step_lines,
        f"            states = [{', '.join(new_states)}]",
        "            return states, states",
        "",
        *call,
        f"        return {', '.join(returned)}",
    ]
    return [body.typed(line) for line in lines]


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


def _scan_call(targets: Sequence[str], starts: Sequence[str], first: str) -> list[str]:
    """The lines of the call of ops.scan, the initial states before it if long."""
    line = f"        {', '.join(targets)} = ops.scan(step, [{', '.join(starts)}], {first})"
    if len(line) <= WIDTH:
        return [line]
    call = f"        {', '.join(targets)} = ops.scan(step, starts, {first})"
    return [*folded(f"starts = [{', '.join(starts)}]", 8), call]
