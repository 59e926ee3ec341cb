"""The source of a Loop's call: one step as a function, which ops.scan repeats."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tf1port.keras_model.expressions import WIDTH
from tf1port.keras_model.program import Constant, Loop, Value
from tf1port.keras_model.program_body import Body
from tf1port.keras_model.statements import row


def scan(body: Body, loop: Loop) -> list[str]:
    """The lines of a call: a function of one step, which ops.scan repeats.

    ops.scan stacks values of the shapes of its states alone, so the states of every step are
    stacked, and an output that is no state becomes one. It iterates over one sequence whose
    length may be unknown; further sequences are indexed by the number of the step.
    """
    states = [body.name(value) for value in loop.states]
    starts = [_start(body, value) for value in loop.initial]
    sequences = [body.tensor(value) for value in loop.sequences]
    first = sequences[0] if sequences else f"ops.arange({body.size(loop.length)})"
    steps = [body.name(value) for value in loop.steps]
    time = body.name(loop.time)
    pairs = zip(steps[1:], sequences[1:], strict=True)
    reads = [f"{name} = ops.take({text}, {time}, axis=0)" for name, text in pairs]
    step_lines = body.lines(indent=12, returned=[*loop.new_states, *loop.outputs])
    new_states = [body.tensor(value) for value in loop.new_states]
    places = [_state_index(body, value, states, starts, new_states) for value in loop.outputs]
    if sequences and (reads or any(re.search(rf"\b{time}\b", line) for line in step_lines)):
        states.append(time)
        starts.append("ops.convert_to_tensor(0)")
        new_states.append(f"{time} + 1")
    returned = [f"finals[{index}]" for index in range(len(loop.initial))]
    returned += [f"kept[{index}]" for index in places]
    returned = [returned[port] for port in sorted(body.source.users[id(loop)])]
    starts = [body.typed(text) for text in starts]  # which makes them longer
    targets = [
        name if any(name in text for text in returned) else "_" for name in ("finals", "kept")
    ]
    call = _scan_call(targets, starts, first)
    lines = [
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


def _start(body: Body, value: Value) -> str:
    """A state at the start, as a tensor."""
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
    """The lines of the call of ops.scan, with the initial states on lines of their own if long."""
    line = f"        {', '.join(targets)} = ops.scan(step, [{', '.join(starts)}], {first})"
    if len(line) <= WIDTH:
        return [line]
    states = [f"            {text}," for text in starts]
    call = f"        {', '.join(targets)} = ops.scan(step, starts, {first})"
    return ["        starts = [", *states, "        ]", call]
