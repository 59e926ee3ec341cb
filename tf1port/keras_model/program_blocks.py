"""Which ops of a Program are grouped into a layer of their own, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tf1port.keras_model.program import Constant, Loop, Op, Producer, Sizes, Use, Value


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


def sized(value: Value) -> list[Value]:
    """The tensors whose sizes a value is computed from."""
    return list(leaves(value.producer))


def blocks_of(order: Sequence[Producer], is_dynamic: Callable[[Op], bool]) -> dict[int, list[Op]]:
    """The ops that are grouped into layers of their own, by id.

    These are the dynamic ops, whose sizes are known only when the model runs, and the ops that are
    connected to them without a layer in between.
    """
    depths: dict[int, int] = {}
    for producer in order:
        below = [depths.get(id(value.producer), 0) for value in producer.operands]
        depths[id(producer)] = max(below, default=0) + isinstance(producer, Use | Loop)
    ops = [producer for producer in order if isinstance(producer, Op)]
    parent = {id(op): id(op) for op in ops}

    def root(key: int) -> int:
        while parent[key] != key:
            parent[key] = parent[parent[key]]  # or long chains take long
            key = parent[key]
        return key

    for op in ops:
        for value in leaves(op):
            producer = value.producer
            if isinstance(producer, Op) and depths[id(producer)] == depths[id(op)]:
                parent[root(id(op))] = root(id(producer))
    groups: dict[int, list[Op]] = {}
    for op in ops:
        groups.setdefault(root(id(op)), []).append(op)
    blocks: dict[int, list[Op]] = {}
    for group in groups.values():
        if any(is_dynamic(op) for op in group):
            blocks.update((id(op), group) for op in group)
    return blocks


def arranged(order: Sequence[Producer], blocks: dict[int, list[Op]]) -> list[Producer]:
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
