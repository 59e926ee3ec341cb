"""What only moves the numbers of a tensor about: reshaping, exchanged and reversed axes, joints.

Rules as in tf1port.conversion.translation.size_rules. What is undone by a later op goes away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from tf1port.conversion.translation.size_rules import has_sizes, known_sizes
from tf1port.conversion.translation.sizes import computed, product, sizes_of
from tf1port.keras_model.program import Constant, Op, Size, Sizes, Value


def _joined(reader, node, taken):
    """The sizes of some values side by side."""
    parts = taken[:-1] if node.op == "ConcatV2" else taken[1:]
    axis = reader.constant(taken[-1] if node.op == "ConcatV2" else taken[0])
    made = _side_by_side(parts, axis, reader.shape(f"{node.name}:0"))
    if made is None:
        return None
    (value,) = reader.plain(node, taken)
    value.dims = made
    return [value]


def _side_by_side(parts, axis, shape):
    """The sizes of some values side by side; None: they are not known."""
    if axis is None or shape is None or any(value.shape is None for value in parts):
        return None
    axis = int(axis) % len(shape)
    found = [parts[0].size(index) for index in range(len(shape))]
    for value in parts[1:]:
        found[axis] = computed("+", found[axis], value.size(axis))
    return tuple(found)


def _reshape(reader, node, taken):
    if not has_sizes(taken[1]):
        return None
    return [reshaped(reader, taken[0], known_sizes(taken[1]), node)]


def reshaped(reader, value: Value, target: Sequence[Size], node) -> Value:
    """A value in another shape: itself, or that which it was reshaped of, where it has that one."""
    source = value.rows_of or value
    sizes = sizes_of(source)
    if sizes is not None and _same(sizes, target):
        return source
    wanted = Value(Sizes(tuple(target), scope=node.name), "int32", (len(target),))
    shape = tuple(size if isinstance(size, int) and size >= 0 else None for size in target)
    made = Op("Reshape", {}, (source, wanted), (value.dtype,), (shape,), node.name)
    found = Value(made, value.dtype, shape)
    if sizes is not None and _is_rows(sizes, target):
        found.rows_of, found.dims = source, (product(sizes[:-1]), sizes[-1])
    elif -1 not in target:
        found.dims = tuple(target)
    else:
        found.dims = _filled(found, sizes, target)
    return found


def _is_rows(sizes: Sequence[Size], target: Sequence[Size]) -> bool:
    """Whether a target puts all axes but the last one together."""
    if len(sizes) < 3 or len(target) != 2:
        return False
    return sizes[-1] == target[1] and target[0] in (-1, product(sizes[:-1]))


def _filled(value: Value, sizes, target) -> tuple[Size, ...]:
    """The sizes of a target whose -1 is the rest of others, where that shows."""
    rest = list(target)
    rest.remove(-1)
    size: Size = value.size(list(target).index(-1))
    if sizes is not None:
        left = [one for one in sizes if not isinstance(one, int)]
        open_ = [one for one in rest if not isinstance(one, int)]
        whole = int(np.prod([one for one in sizes if isinstance(one, int)], dtype=int))
        known = int(np.prod([one for one in rest if isinstance(one, int)], dtype=int))
        if known and whole % known == 0 and all(one in left for one in open_):
            for one in open_:
                left.remove(one)
            size = product([*left, whole // known])
    return tuple(size if one == -1 else one for one in target)


def _same(sizes, target) -> bool:
    """Whether a shape is the target of a reshape, in which one size may be left open."""
    if len(sizes) != len(target):
        return False
    return all(one == other or other == -1 for one, other in zip(sizes, target, strict=True))


def _transpose(reader, node, taken):
    perm = reader.constant(taken[1])
    if perm is None or taken[0].shape is None:
        return None
    return [transposed(reader, taken[0], tuple(int(axis) for axis in perm), scope=node.name)]


def transposed(reader, value: Value, perm: tuple[int, ...], *, scope: str) -> Value:
    """A value with its axes in another order; itself where that was changed before."""
    producer = value.producer
    if isinstance(producer, Op) and "perm" in producer.attrs:
        before = producer.attrs["perm"]
        perm, value = tuple(before[axis] for axis in perm), producer.taken[0]
    if perm == tuple(range(len(perm))):
        return value
    sizes = sizes_of(value) or ()
    dims_ = tuple(sizes[axis] for axis in perm)
    shape = tuple(value.shape[axis] for axis in perm) if value.shape else None
    axes = np.array(perm)
    order = Value(Constant(axes), "int32", axes.shape)
    made = Op("Transpose", {"perm": perm}, (value, order), (value.dtype,), (shape,), scope)
    return Value(made, value.dtype, shape, dims=dims_)


def _reverse(reader, node, taken):
    """What is reversed twice is itself, also where its axes were exchanged between."""
    value, how = taken
    inner, perm = value, None
    if isinstance(value.producer, Op) and "perm" in value.producer.attrs:
        inner, perm = value.producer.taken[0], value.producer.attrs["perm"]
    before = inner.producer
    if not isinstance(before, Op) or before.op != node.op:
        return None
    if not _same_order(reader, node, how, before, perm or (0, 1)):
        return None
    source = before.taken[0]
    return [source if perm is None else transposed(reader, source, perm, scope=node.name)]


def _same_order(reader, node, how: Value, before: Op, perm) -> bool:
    """Whether a node reverses along the axis that an op reversed along, in the same way."""
    if node.op == "ReverseV2":
        axes, others = reader.constant(how), reader.constant(before.taken[1])
        known = axes is not None and others is not None
        return known and [perm[axis] for axis in axes.tolist()] == others.tolist()
    dims_ = (node.attr["seq_dim"].i, node.attr["batch_dim"].i)
    same = how is before.taken[1]
    return same and (perm[dims_[0]], perm[dims_[1]]) == (
        before.attrs["seq_dim"],
        before.attrs["batch_dim"],
    )


def _expand_dims(reader, node, taken):
    axis, sizes = reader.constant(taken[1]), sizes_of(taken[0])
    if axis is None or sizes is None:
        return None
    (value,) = reader.plain(node, taken)
    place = int(axis) % (len(sizes) + 1)
    value.dims = (*sizes[:place], 1, *sizes[place:])
    return [value]


def _squeeze(reader, node, taken):
    sizes = sizes_of(taken[0])
    if sizes is None:
        return None
    axes = {int(axis) % len(sizes) for axis in node.attr["squeeze_dims"].list.i}
    axes = axes or {axis for axis, size in enumerate(sizes) if size == 1}
    (value,) = reader.plain(node, taken)
    value.dims = tuple(size for axis, size in enumerate(sizes) if axis not in axes)
    return [value]


def _split(reader, node, taken):
    """The parts have the sizes of the whole but along the axis."""
    value, axis = (taken[0], taken[2]) if node.op == "SplitV" else taken[::-1]
    place, sizes = reader.constant(axis), sizes_of(value)
    if place is None or sizes is None:
        return None
    made = reader.plain(node, taken)
    for part in made:
        if part.shape is not None and part.shape[int(place)] is not None:
            own = list(sizes)
            own[int(place)] = part.shape[int(place)]
            part.dims = tuple(own)
    return made


def _packed_steps(reader, node, taken):
    """All steps of one sequence put together again are the sequence."""
    steps = [step for step in map(_step, taken) if step is not None]
    if len(steps) < max(2, len(taken)):
        return None
    sequence = steps[0][0]
    if sequence.size(1) != len(steps) or steps != [(sequence, i) for i in range(len(steps))]:
        return None
    axis = node.attr["axis"].i
    if axis in (1, -2):
        return [sequence]
    if axis == 0:
        return [transposed(reader, sequence, (1, 0, 2), scope=node.name)]
    return None


def _step(value: Value) -> tuple[Value, int] | None:
    """The sequence that a value is a step of, and the number of that."""
    producer = value.producer
    if isinstance(producer, Op) and "step" in producer.attrs:
        return producer.taken[0], producer.attrs["step"]
    return None


RULES: dict[str, Callable[..., list[Value] | None]] = {
    "Reshape": _reshape,
    "Transpose": _transpose,
    "ReverseV2": _reverse,
    "ReverseSequence": _reverse,
    "ExpandDims": _expand_dims,
    "Squeeze": _squeeze,
    "Split": _split,
    "SplitV": _split,
    "Pack": _packed_steps,
    "Concat": _joined,
    "ConcatV2": _joined,
}
