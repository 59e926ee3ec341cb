"""Which ops of a Program are grouped into a layer of their own, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from collections.abc import Set as AbstractSet

from tf1port.keras_model.program import (
    Constant,
    Dim,
    Loop,
    Number,
    Op,
    Producer,
    Sizes,
    Use,
    Value,
    dims_in,
)
from tf1port.keras_model.program_conditions import Choice


def users_of(order, outputs):
    """By producer and port: the value and its consumers; an output is a consumer of itself."""
    users: dict[int, dict[int, tuple[Value, list[object]]]] = {}
    for producer in order:
        for value in leaves(producer):
            by_port = users.setdefault(id(value.producer), {})
            by_port.setdefault(value.port, (value, []))[1].append(producer)
    for value in outputs:
        by_port = users.setdefault(id(value.producer), {})
        by_port.setdefault(value.port, (value, []))[1].append(value)
    return users


def leaves(producer: Producer) -> Iterable[Value]:
    """The tensors that a producer depends on, including those of which it needs only the sizes."""
    for value in producer.operands:
        if isinstance(value.producer, Sizes):
            yield from leaves(value.producer)
        elif not isinstance(value.producer, Constant):
            yield value


def _is_start(value: Value) -> bool:
    """Whether a value is one number in some sizes, as the states of a loop are at its start."""
    op = value.producer
    made_of = (Sizes, Constant)
    return (
        isinstance(op, Op)
        and op.op == "Fill"
        and all(isinstance(operand.producer, made_of) for operand in op.operands)
    )


def starts(order: Iterable[Producer], users) -> set[int]:
    """The ids of the ops that the layers of loops compute by themselves, as only these use them.

    Args:
        users: as users_of gives them.
    """
    loops = {id(loop): loop for loop in order if isinstance(loop, Loop)}
    ops = {id(v.producer) for loop in loops.values() for v in loop.operands if _is_start(v)}
    used_by = {key: [user for _, all_ in users[key].values() for user in all_] for key in ops}
    return {key for key in ops if all(id(user) in loops for user in used_by[key])}


def sparse_to_keras(order: Iterable[Producer]) -> set[int]:
    """The ids of the ops whose outputs are sparse tensors to Keras: it would trace a layer so.

    ops.multiply of keras.Input's tensors takes a factor that is no such tensor for a sparse one,
    and what is computed of its output inherits that; ops.cast and layers do not.
    """
    found: set[int] = set()
    for op in order:
        if isinstance(op, Op) and op.op != "Cast":
            is_scaled = op.op == "Mul" and any(isinstance(v.producer, Constant) for v in op.inputs)
            if is_scaled or any(id(value.producer) in found for value in op.inputs):
                found.add(id(op))
    return found


def arguments(
    values: Iterable[Value], within: AbstractSet[int] = frozenset()
) -> tuple[list[Value], dict[Dim, tuple[Value, int]]]:
    """What a layer takes to know some values and sizes.

    Args:
        within: the ids of the ops that the layer computes by itself, from sizes.

    Returns: the tensors; the sizes that are those of an axis of one of them.
    """
    tensors: dict[tuple[int, int], Value] = {}
    sizes: list[Value] = []
    for value in values:
        if isinstance(value.producer, Sizes):
            sizes.append(value)
        elif id(value.producer) in within:
            sizes += value.producer.operands
        elif not isinstance(value.producer, Constant):
            tensors.setdefault((id(value.producer), value.port), value)
    known: dict[Dim, tuple[Value, int]] = {}
    for value in tensors.values():
        for axis, size in enumerate(value.dims or ()):
            if isinstance(size, Dim):
                known.setdefault(size, (value, axis))
    for dim in (dim for value in sizes for dim in _dims(value)):
        if dim not in known:
            tensors.setdefault((id(dim.value.producer), dim.value.port), dim.value)
    return list(tensors.values()), known


def _dims(value: Value) -> Iterable[Dim | Number]:
    """The sizes of tensors, and the numbers, that sizes are computed from."""
    producer = value.producer
    return (
        (dim for s in producer.sizes for dim in dims_in(s)) if isinstance(producer, Sizes) else ()
    )


def blocks_of(
    order: Sequence[Producer], is_dynamic: Callable[[Op | Choice], bool]
) -> dict[int, list[Op | Choice]]:
    """The ops that are grouped into layers of their own, by id.

    These are the dynamic ops, whose sizes are known only when the model runs, and the ops that are
    connected to them without a layer in between.
    """
    depths: dict[int, int] = {}
    for producer in order:
        below = [depths.get(id(value.producer), 0) for value in producer.operands]
        depths[id(producer)] = max(below, default=0) + isinstance(producer, Use | Loop)
    ops = [producer for producer in order if isinstance(producer, Op | Choice)]
    parent = {id(op): id(op) for op in ops}

    def root(key: int) -> int:
        while parent[key] != key:
            parent[key] = parent[parent[key]]  # or long chains take long
            key = parent[key]
        return key

    for op in ops:
        for value in leaves(op):
            producer = value.producer
            if isinstance(producer, Op | Choice) and depths[id(producer)] == depths[id(op)]:
                parent[root(id(op))] = root(id(producer))
    groups: dict[int, list[Op | Choice]] = {}
    for op in ops:
        groups.setdefault(root(id(op)), []).append(op)
    blocks: dict[int, list[Op | Choice]] = {}
    for group in groups.values():
        if any(is_dynamic(op) for op in group):
            blocks.update((id(op), group) for op in group)
    return blocks


def arranged(order: Sequence[Producer], blocks: dict[int, list[Op | Choice]]) -> list[Producer]:
    """Producers in order; a block is represented by its first op, after all inputs of the block."""
    if not blocks:
        return list(order)
    ordered: dict[int, Producer] = {}
    visited: set[int] = set()  # for a block also takes sizes of its own ops
    stack = [(producer, False) for producer in reversed(order)]
    while stack:
        producer, is_ready = stack.pop()
        block: Sequence[Producer] = blocks.get(id(producer), [producer])
        if is_ready:
            ordered[id(block[0])] = block[0]
        if id(block[0]) in visited:
            continue
        visited.add(id(block[0]))
        stack.append((producer, True))
        inner = {id(member) for member in block}
        producers = [value.producer for member in block for value in member.operands]
        stack += [(member, False) for member in reversed(producers) if id(member) not in inner]
    return list(ordered.values())
