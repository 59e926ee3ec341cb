"""Loops of tf.while_loop whose body is no known cell: the body is translated op by op."""

from __future__ import annotations

from tf1port.conversion.translation.axis_rules import transposed
from tf1port.conversion.translation.frames import Frame, find_frame
from tf1port.conversion.translation.sizes import sizes_of
from tf1port.errors import UserError
from tf1port.keras_model import naming
from tf1port.keras_model.program import Leaf, Loop, Op, Size, Sizes, Value, Weight, dims_in
from tf1port.tf1.graph.index import PASSING

RESULTS = {"Exit", "RefExit", "TensorArrayGatherV3", "TensorArraySizeV3"}
_ARRAYS = {"TensorArrayV3", "TensorArrayScatterV3"}
_READ, _SCATTER = "TensorArrayReadV3", "TensorArrayScatterV3"


def value(reader, node, tensor: str) -> Value:
    """The value of an output of a loop: a final state, or the stacked contents of a TensorArray.

    Raises:
        UserError: the loop ends otherwise than after a number of steps, or reads and writes its
            arrays otherwise than step by step.
    """
    graph = reader.graph
    if node.op.endswith("Exit"):
        frame = find_frame(graph, node)
        states = [variable.final for variable in frame.states]
        if tensor not in states:
            raise UserError(f"{node.name} is no state of its loop")
        return _loop(reader, frame)[states.index(tensor)]
    exit_ = graph.node(graph.origin(graph.inputs(node)[-1]))
    if exit_ is None or not exit_.op.endswith("Exit"):
        raise UserError(f"{node.name} ({node.op}) reads an array that no loop writes")
    frame = find_frame(graph, exit_)
    finals = [variable.final for variable, _ in frame.arrays.values()]
    if f"{exit_.name}:0" not in finals:
        raise UserError(f"{node.name} reads an array that is not written step by step")
    values = _loop(reader, frame)
    if node.op == "TensorArraySizeV3":
        length = reader.loops[frame.name].length
        return Value(Sizes((length,), True, node.name), "int32", (), dims=())
    value = values[len(frame.states) + finals.index(f"{exit_.name}:0")]
    if _is_batch_major(reader.loops[frame.name], value.port):
        return transposed(reader, value, _swap(value), scope=node.name)
    return value


def _loop(reader, frame: Frame) -> list[Value]:
    """The outputs of a loop: its final states, then its arrays."""
    if frame.name not in reader.loops:
        if reader.depth:
            raise UserError(f"the loop {frame.name} is within another one")
        reader.read(variable.initial for variable in frame.states)  # these are outside of the loop
        reader.depth += 1
        try:
            reader.loops[frame.name] = _read_loop(reader, frame)
        finally:
            reader.depth -= 1
    return _values(reader.loops[frame.name])


def _read_loop(reader, frame: Frame) -> Loop:
    initial = reader.read([variable.initial for variable in frame.states])
    time = Value(Leaf("time"), "int32", (), dims=())
    states = [
        Value(Leaf(_state_name(state, index)), state.dtype, state.shape, dims=sizes_of(state))
        for index, state in enumerate(initial)
    ]
    for counter in frame.counters:
        reader.set(counter.body, time)
    for variable, leaf in zip(frame.states, states, strict=True):
        reader.set(variable.body, leaf)
    new_tensors = [variable.new for variable in frame.states]
    new_tensors += [tensor for _, tensor in frame.arrays.values()]
    sequences, steps = _sequences(reader, frame, new_tensors)
    new_values = reader.read(new_tensors)
    count = len(frame.states)
    loop = Loop(
        sequences,
        steps,
        initial,
        states,
        time,
        new_values[:count],
        new_values[count:],
        _length(reader, frame, sequences),
        scope=frame.name,
    )
    _add_weights(reader, loop)
    _check_states(loop, frame)
    _check_sizes(loop)
    _move_time(reader, loop, frame)
    return loop


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
        stacked = [node for node in graph.consumers(variable.final) if node.op in RESULTS]
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


def _sequences(reader, frame: Frame, tensors) -> tuple[list[Value], list[Value]]:
    """The sequences [T, ...] that the steps read from TensorArrays, and the values of one step."""
    graph, sequence_names, outer = reader.graph, {}, []
    inside = {variable.body for variable in [*frame.counters, *frame.states]} | frame.arrays.keys()
    counters = {variable.body for variable in frame.counters}
    queue, visited = list(tensors), set(inside)
    while queue:
        name = queue.pop()
        entered, tensor = _entered(graph, name), graph.origin(name)
        node = graph.node(tensor)
        if tensor in visited or node is None:
            continue
        visited.add(tensor)
        if entered:
            outer.append(tensor)
        elif node.op == _READ:
            sequence_names[tensor] = _sequence_read(graph, node, counters)
        else:
            queue += graph.inputs(node)
    depth, reader.depth = reader.depth, reader.depth - 1  # these are outside of the loop
    try:
        reader.read(name for name in outer if graph.node(name).op not in _ARRAYS)
        sequences = reader.read(sequence_names.values())
    finally:
        reader.depth = depth
    steps = []
    for tensor, sequence in zip(sequence_names, sequences, strict=True):
        sizes = sizes_of(sequence) or ()
        steps.append(Value(Leaf("x_t"), sequence.dtype, sequence.axes[1:], dims=sizes[1:]))
        reader.set(tensor, steps[-1])
    return sequences, steps


def _entered(graph, tensor: str) -> bool:
    """Whether a tensor enters the loop from outside."""
    node = graph.node(tensor)
    while node is not None and node.op in PASSING:
        if node.op == "Enter":
            return True
        node = graph.node(graph.inputs(node)[0])
    return False


def _sequence_read(graph, node, counters: set[str]) -> str:
    """The sequence [T, ...] that a TensorArrayRead reads one step of."""
    _, index, flow = (graph.origin(name) for name in graph.inputs(node))
    scatter = graph.node(flow)
    if index not in counters or scatter is None or scatter.op != _SCATTER:
        raise UserError(f"{node.name} reads an array otherwise than step by step")
    return graph.inputs(scatter)[2]


def _length(reader, frame: Frame, sequences: list[Value]) -> Size:
    """The number of steps."""
    if sequences:
        return sequences[0].size(0)
    graph = reader.graph
    switch = graph.node(frame.counters[-1].body)
    merge = graph.inputs(switch)[0]
    for node in graph.consumers(merge):
        if node.op == "Less":
            (limit,) = reader.read([graph.inputs(node)[1]])
            known = reader.constant(limit)
            if known is not None:
                return int(known)
            if isinstance(limit.producer, Sizes):
                return limit.producer.sizes[0]
    raise UserError(f"how many steps the loop {frame.name} takes is not known")


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
        known = loop.length if isinstance(loop.length, int) else None
        dims: tuple[Size, ...] = (loop.length, *(sizes_of(value) or ()))
        shape: tuple[int | None, ...] = (known, *value.axes)
        if id(value) in loop.batch_major:
            dims, shape = (dims[1], dims[0], *dims[2:]), (shape[1], shape[0], *shape[2:])
        values.append(Value(loop, value.dtype, shape, port, dims))
    return values
