"""Loops of tf.while_loop whose body is no known cell: the body is translated op by op."""

from __future__ import annotations

import numpy as np

from tf1port.conversion.translation import arrays
from tf1port.conversion.translation.axis_rules import transposed
from tf1port.conversion.translation.endings import Bound, Ending, enters, find_ending, variables
from tf1port.conversion.translation.frames import Frame, find_frame
from tf1port.conversion.translation.sizes import computed, sizes_of
from tf1port.errors import UserError
from tf1port.keras_model import naming
from tf1port.keras_model.program import (
    Constant,
    Dim,
    Leaf,
    Loop,
    Op,
    Size,
    Sizes,
    Value,
    Weight,
    dims_in,
)

_STACK = "TensorArrayGatherV3"
RESULTS = {"Exit", "RefExit", _STACK, "TensorArraySizeV3"}


def value(reader, node, tensor: str) -> Value:
    """The value of an output of a loop: a final state, or the stacked contents of a TensorArray.

    Raises:
        UserError: it is not known after how many steps the loop ends at the latest, or it writes
            its arrays otherwise than step by step.
    """
    graph = reader.graph
    if node.op.endswith("Exit"):
        frame = find_frame(graph, node)
        if tensor in [variable.final for variable, _ in frame.arrays.values()]:
            raise UserError(f"{node.name} is an array that is not stacked")
        return _finals(reader, frame)[tensor]
    exit_ = graph.node(graph.origin(graph.inputs(node)[-1]))
    if exit_ is None or not exit_.op.endswith("Exit"):
        raise UserError(f"{node.name} ({node.op}) reads an array that no loop writes")
    frame = find_frame(graph, exit_)
    if f"{exit_.name}:0" not in [variable.final for variable, _ in frame.arrays.values()]:
        raise UserError(f"{node.name} reads an array that is not written step by step")
    stacked = _finals(reader, frame)[f"{exit_.name}:0"]
    assert isinstance(stacked.producer, Loop)
    batch_major = _is_batch_major(stacked.producer, stacked.port)
    if node.op == "TensorArraySizeV3":
        size = stacked.size(1 if batch_major else 0)
        return Value(Sizes((size,), True, node.name), "int32", (), dims=())
    return transposed(reader, stacked, _swap(stacked), scope=node.name) if batch_major else stacked


def _finals(reader, frame: Frame) -> dict[str, Value]:
    """The values of a loop's variables at its end, by their tensors; of an array all its rows."""
    if frame.name not in reader.loops:
        loop = _read_loop(reader, frame)
        names = [variable.final for variable in frame.states]
        names += [variable.final for variable, _ in frame.arrays.values()]
        finals = dict(zip(names, _values(loop), strict=False))
        steps = _values(loop)[-1] if loop.condition is not None else loop.length_value
        finals.update((variable.final, steps) for variable in frame.counters)
        if reader.states is not None and not reader.depth:
            tensors = [variable.final for variable in frame.states]
            reader.states.add(loop.initial, _values(loop), tensors)
        reader.loops[frame.name] = finals
    return reader.loops[frame.name]


def _read_loop(reader, frame: Frame) -> Loop:
    graph, ending = reader.graph, find_ending(reader.graph, frame)
    arrays_written = frame.arrays.values()
    new_tensors = [variable.new for variable in frame.states]
    new_tensors += [tensor for _, tensor in arrays_written]
    outside, reads = _outside(graph, frame, [frame.condition, *new_tensors])
    names = [variable.initial for variable in frame.states]
    reader.read([*names, *outside])
    initial = reader.initial_states(names, frame.name)
    length, condition = _length(reader, frame, ending)
    if condition and reader.states is not None and not reader.depth:
        raise UserError(f"the loop {frame.name} ends by itself: drop --stateful")
    sequences = {} if condition else _sequences(reader, reads, length)
    if sequences:  # its number of steps may be open where the graph has fixed it
        length = next(iter(sequences.values())).size(0)
    time, states = _leaves(reader, frame, initial)
    steps = [_step(sequence) for sequence in sequences.values()]
    for tensor, step in zip(sequences, steps, strict=True):
        reader.set(tensor, step)
    reader.depth += 1
    try:
        new_values = reader.read([*new_tensors, *condition])
    finally:
        reader.depth -= 1
    count = len(frame.states)
    loop = Loop(
        [*sequences.values()],
        steps,
        initial,
        states,
        time,
        new_values[:count],
        new_values[count : len(new_tensors)],
        length,
        condition=new_values[-1] if condition else None,
        scope=frame.name,
    )
    if not reader.depth:
        _add_weights(reader, loop)
    _check_states(loop, frame)
    _check_sizes(loop)
    if loop.condition is not None or isinstance(length, Value):
        _set_padded(reader, loop, frame)
    _move_time(reader, loop, frame)
    return loop


def _leaves(reader, frame: Frame, initial: list[Value]) -> tuple[Value, list[Value]]:
    """The number of a step and the states before it, which the graph's loop variables become."""
    starts = [reader.graph.constant(counter.initial) for counter in frame.counters]
    time = Value(Leaf("time"), str(starts[0].dtype) if starts else "int32", (), dims=())
    states = [
        Value(Leaf(_state_name(state, index)), state.dtype, state.shape, dims=sizes_of(state))
        for index, state in enumerate(initial)
    ]
    pairs = [(counter, time) for counter in frame.counters]
    for variable, leaf in [*pairs, *zip(frame.states, states, strict=True)]:
        reader.set(variable.tested, leaf)
        reader.set(variable.body, leaf)
    return time, states


def _outside(graph, frame: Frame, tensors: list[str]) -> tuple[list[str], list[str]]:
    """What some tensors of a loop are computed from: tensors from outside; reads at each step."""
    changing = {t for variable in variables(frame) for t in (variable.tested, variable.body)}
    counters = {variable.body for variable in frame.counters}
    outside, reads, queue, visited = [], [], list(tensors), set(changing)
    while queue:
        name = queue.pop()
        node = graph.node(name)
        if name in visited or node is None:
            continue
        visited.add(name)
        if enters(node, frame):
            outside.append(graph.origin(graph.inputs(node)[0]))
            continue
        if node.op == arrays.READ and graph.origin(graph.inputs(node)[1]) in counters:
            reads.append(name)
        queue += graph.inputs(node)
    makers = [(name, graph.node(name)) for name in dict.fromkeys(outside)]
    made_of = [graph.inputs(node)[2] for _, node in makers if node.op == arrays.SCATTER]
    flows = {arrays.ARRAY, arrays.SCATTER}
    return made_of + [name for name, node in makers if node.op not in flows], reads


def _sequences(reader, reads: list[str], length: Size | Value) -> dict[str, Value]:
    """The sequences [T, ...] that are read at each step, all of them, by the tensor of a step."""
    graph = reader.graph
    names = [arrays.sequence(graph, graph.node(tensor)) for tensor in reads]
    pairs = zip(reads, reader.read(names), strict=True)
    return {tensor: sequence for tensor, sequence in pairs if _has(reader, sequence, length)}


def _has(reader, sequence: Value, length: Size | Value) -> bool:
    """Whether a sequence has a number of steps, in the graph if not in the model."""
    size = sequence.size(0)
    return length in (size, reader.fixed(size))


def _step(sequence: Value) -> Value:
    sizes = sizes_of(sequence) or ()
    return Value(Leaf("x_t"), sequence.dtype, sequence.axes[1:], dims=sizes[1:])


def _length(reader, frame: Frame, ending: Ending) -> tuple[Size | Value, list[str]]:
    """The number of steps of a loop, at most; its condition, if it may take fewer."""
    limits = [bound for bound in ending.bounds if not bound.longest]
    lengths = [_of_bound(reader, bound) for bound in limits or ending.bounds]
    numbers = [length for length in lengths if isinstance(length, int)]
    length = min(numbers) if numbers else lengths[0]
    is_known = len(set(lengths)) == 1 or len(numbers) == len(lengths)
    return length, [] if is_known and not ending.by_value else [frame.condition]


def _of_bound(reader, bound: Bound) -> Size | Value:
    (limit,) = reader.read([_rows(reader.graph, bound.tensor)])
    known = reader.constant(limit)
    if known is not None:
        return max(int(known.max()), 0) + bound.plus if bound.longest else int(known) + bound.plus
    if isinstance(limit.producer, Sizes):
        return computed("+", limit.producer.sizes[0], bound.plus)
    scope = limit.producer.scope
    if bound.longest and limit.axes:
        axes = Value(Constant(np.arange(1)), "int32", (1,))
        limit = _op("Max", (limit, axes), f"{scope}/longest")
    if bound.plus:
        limit = _op("AddV2", (limit, _number(limit, bound.plus)), f"{scope}/steps")
    return _op("Maximum", (limit, _number(limit, 1)), f"{scope}/steps") if bound.longest else limit


def _rows(graph, tensor: str) -> str:
    """The number of steps of dynamic_rnn: min(T, max(1, longest)), where T gives the same.

    The steps that it leaves out lie behind the ends of all rows: they would keep the states and
    write zeros.
    """
    steps, at_least_one = _operands(graph, tensor, "Minimum")
    one, longest = _operands(graph, at_least_one, "Maximum")
    if graph.constant(one) != 1:
        return tensor
    node, origin = graph.node(graph.origin(longest)), graph.origin(longest)
    is_longest = origin == graph.origin(steps) or (node is not None and node.op == "Max")
    return steps if is_longest else tensor


def _operands(graph, tensor: str, op: str) -> list[str]:
    """The two operands of an op that computes a tensor; of another op the tensor itself, twice."""
    node = graph.node(graph.origin(tensor))
    return graph.inputs(node) if node is not None and node.op == op else [tensor, tensor]


def _op(op: str, inputs: tuple[Value, ...], scope: str) -> Value:
    """A single integer that is computed from others and is not in the graph."""
    dtype = inputs[0].dtype
    return Value(Op(op, {}, inputs, (dtype,), ((),), scope), dtype, (), dims=())


def _number(like: Value, number: int) -> Value:
    return Value(Constant(np.array(number, like.dtype)), like.dtype, (), dims=())


def _set_padded(reader, loop: Loop, frame: Frame) -> None:
    """Finds the outputs that have zeros for the steps that the loop does not take.

    Raises:
        UserError: an array has another fixed size than the loop has steps at most.
    """
    for value, (variable, _) in zip(loop.outputs, frame.arrays.values(), strict=True):
        rows = arrays.size(reader.graph, variable.initial)
        if rows is None:
            continue
        (size,) = reader.read([rows])
        known = reader.constant(size)
        size = int(known) if known is not None else size
        if not isinstance(size, int) and isinstance(size.producer, Sizes):
            size = size.producer.sizes[0]
        if size != loop.length:
            raise UserError(f"{variable.initial} has another size than {frame.name} has steps")
        loop.padded.add(id(value))


def _move_time(reader, loop: Loop, frame: Frame) -> None:
    """Leaves the axes of sequences and outputs to the loop that the graph swaps around it."""
    graph = reader.graph
    for place, sequence in enumerate(loop.sequences):
        op = sequence.producer
        if isinstance(op, Op) and op.attrs.get("perm") == _swap(sequence):
            (source, _) = op.inputs
            if all(other is not source for other in loop.sequences):
                loop.sequences[place] = source
                loop.batch_major.add(id(source))
    for value, (variable, _) in zip(loop.outputs, frame.arrays.values(), strict=True):
        stacked = graph.ahead([variable.final], through={"Identity"}, ops={_STACK})
        users = [user for node in stacked for user in graph.consumers(f"{node.name}:0")]
        if value.shape and users and all(user.op == "Transpose" for user in users):
            loop.batch_major.add(id(value))


def _is_batch_major(loop: Loop, port: int) -> bool:
    """Whether the value of a port is an output [B, T, ...]."""
    place = port - len(loop.initial)
    return place >= 0 and id(loop.outputs[place]) in loop.batch_major


def _swap(value: Value) -> tuple[int, ...]:
    """The permutation that swaps the first two axes of a value."""
    return (1, 0, *range(2, len(value.axes)))


def _state_name(value: Value, index: int) -> str:
    return f"state_{index + 1}" if index else "state"


def _add_weights(reader, loop: Loop) -> None:
    """Makes the variables that the steps of a loop multiply by weights of its layer."""
    weights = [value.producer for value in loop.invariant if isinstance(value.producer, Weight)]
    free = [value.variable for value in weights if value.variable not in reader.raw]
    loop.variables.update(naming.of_weights(free))


def _check_states(loop: Loop, frame: Frame) -> None:
    """Refuses states that change their dtype or their rank."""
    for state, new in zip(loop.states, loop.new_states, strict=True):
        if state.dtype != new.dtype or state.shape is None or new.shape is None:
            raise UserError(f"a state of the loop {frame.name} changes its dtype or its shape")


def _check_sizes(loop: Loop) -> None:
    """Refuses outputs whose sizes are known only inside the loop: they are allocated before it."""
    inner = {id(producer) for producer in loop.inner} | {id(leaf.producer) for leaf in loop.leaves}
    for sizes in loop.output_sizes:
        if any(id(dim.value.producer) in inner for size in sizes for dim in dims_in(size)):
            raise UserError(f"how large its outputs are is not known before the loop {loop.scope}")


def _values(loop: Loop) -> list[Value]:
    values = []
    for port, value in enumerate(loop.initial):
        values.append(Value(loop, value.dtype, value.shape, port, sizes_of(value)))
    for port, value in enumerate(loop.outputs, len(loop.initial)):
        values.append(_stacked(loop, value, port))
    if loop.condition is not None:
        values.append(Value(loop, loop.time.dtype, (), len(values), ()))
    return values


def _stacked(loop: Loop, value: Value, port: int) -> Value:
    """The rows that a value has at all steps."""
    is_cut = loop.condition is not None and id(value) not in loop.padded
    known = loop.length if isinstance(loop.length, int) and not is_cut else None
    shape: tuple[int | None, ...] = (known, *value.axes)
    swapped = id(value) in loop.batch_major
    shape = (shape[1], shape[0], *shape[2:]) if swapped else shape
    result = Value(loop, value.dtype, shape, port)
    rows: Size = Dim(result, 1 if swapped else 0)
    if not isinstance(loop.length, Value) and not is_cut:
        rows = loop.length
    dims: tuple[Size, ...] = (rows, *(sizes_of(value) or ()))
    result.dims = (dims[1], dims[0], *dims[2:]) if swapped else dims
    return result
