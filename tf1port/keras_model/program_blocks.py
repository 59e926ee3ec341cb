"""Which ops of a Program stand together in a layer of their own, and in which order."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tf1port.keras_model.program import Constant, Loop, Op, Producer, Sizes, Use, Value


def users_of(order, outputs):
    """By producer and port: the value, and what takes it; the outputs are taken by themselves."""
    found: dict[int, dict[int, tuple[Value, list[object]]]] = {}
    for producer in order:
        for value in leaves(producer):
            of = found.setdefault(id(value.producer), {})
            of.setdefault(value.port, (value, []))[1].append(producer)
    for value in outputs:
        of = found.setdefault(id(value.producer), {})
        of.setdefault(value.port, (value, []))[1].append(value)
    return found


def leaves(producer: Producer) -> Iterable[Value]:
    """The tensors that a producer takes, those whose sizes it takes included."""
    for value in producer.operands:
        if isinstance(value.producer, Sizes):
            yield from leaves(value.producer)
        elif not isinstance(value.producer, Constant):
            yield value


def sized(value: Value) -> list[Value]:
    """The tensors whose sizes a value is made of."""
    return list(leaves(value.producer))


def blocks_of(order: Sequence[Producer], is_dynamic: Callable[[Op], bool]) -> dict[int, list[Op]]:
    """The ops that stand in layers of their own: those that are dynamic, with sizes that only a run
    knows, and what lies between them without a layer between."""
    depths: dict[int, int] = {}
    for producer in order:
        below = [depths.get(id(value.producer), 0) for value in producer.operands]
        depths[id(producer)] = max(below, default=0) + isinstance(producer, Use | Loop)
    ops_ = [one for one in order if isinstance(one, Op)]
    parent = {id(op): id(op) for op in ops_}

    def root(key: int) -> int:
        while parent[key] != key:
            parent[key] = parent[parent[key]]  # or long chains take long
            key = parent[key]
        return key

    for op in ops_:
        for value in leaves(op):
            other = value.producer
            if isinstance(other, Op) and depths[id(other)] == depths[id(op)]:
                parent[root(id(op))] = root(id(other))
    groups: dict[int, list[Op]] = {}
    for op in ops_:
        groups.setdefault(root(id(op)), []).append(op)
    found: dict[int, list[Op]] = {}
    for group in groups.values():
        if any(is_dynamic(op) for op in group):
            found.update((id(op), group) for op in group)
    return found


def arranged(order: Sequence[Producer], blocks: dict[int, list[Op]]) -> list[Producer]:
    """Producers in order, of each block the first one alone, after all that the block takes."""
    if not blocks:
        return list(order)
    found: dict[int, Producer] = {}
    begun: set[int] = set()  # for a block also takes sizes of its own ops
    stack = [(producer, False) for producer in reversed(order)]
    while stack:
        producer, done = stack.pop()
        block: Sequence[Producer] = blocks.get(id(producer), [producer])
        if done:
            found[id(block[0])] = block[0]
        if id(block[0]) in begun:
            continue
        begun.add(id(block[0]))
        stack.append((producer, True))
        inner = {id(one) for one in block}
        taken = [value.producer for one in block for value in one.operands]
        stack += [(one, False) for one in reversed(taken) if id(one) not in inner]
    return list(found.values())
