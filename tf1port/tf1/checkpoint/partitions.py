"""Partitioned variables whose parts were saved under names of their own (`kernel/part_0`, …)."""

import re

import numpy as np

# Anything else below a part would be a scope that somebody called part_0.
_PART = re.compile(
    r"(?P<whole>.+)/part_(?P<number>\d+)"
    r"(?P<rest>/(?:ExponentialMovingAverage|[A-Z][A-Za-z]*(?:_\d+)?))?"
)


def stored_names(shapes):
    """By a variable's name those that it is stored under: itself, or its parts in order.

    Args:
        shapes: {name: tuple} of all that a checkpoint holds.
    """
    parts = _parts(shapes)
    inside = {name for names in parts.values() for name in names}
    whole = {name: [name] for name in shapes if name not in inside}
    return dict(sorted({**whole, **parts}.items()))


def whole_name(name):
    """The name of the variable that one of this name would be a part of, or a slot of a part."""
    match = _PART.fullmatch(name)
    return match["whole"] + (match["rest"] or "") if match else name


def split(array, shapes):
    """An array as parts of these shapes, the way back of joining them."""
    if len(shapes) == 1:
        return [array]
    along = axis(shapes)
    ends = np.cumsum([shape[along] for shape in shapes])
    return np.split(array, ends[:-1], axis=along)


def axis(shapes):
    """The axis along which parts are joined: where they differ, else TF1's default, the first."""
    differing = [
        size for size, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1
    ]
    return differing[0] if differing else 0


def joined_shape(shapes):
    """The shape of the parts put together; that of the only one where there is one."""
    if len(shapes) == 1:
        return shapes[0]
    along = axis(shapes)
    whole = list(shapes[0])
    whole[along] = sum(shape[along] for shape in shapes)
    return tuple(whole)


def _fit(shapes):
    """Whether parts of these shapes can be joined: one rank above 0, one differing axis at most."""
    ranks = {len(shape) for shape in shapes}
    if len(ranks) > 1 or 0 in ranks:
        return False
    return sum(len(set(sizes)) > 1 for sizes in zip(*shapes, strict=True)) <= 1


def _parts(shapes):
    """By a whole variable's name those of its parts, in order; only complete sets."""
    numbered: dict[str, dict[int, str]] = {}
    for name in shapes:
        match = _PART.fullmatch(name)
        if match:
            numbered.setdefault(whole_name(name), {})[int(match["number"])] = name
    return {
        whole: [parts[number] for number in range(len(parts))]
        for whole, parts in numbered.items()
        if set(parts) == set(range(len(parts)))
        and whole not in shapes
        and _fit([shapes[name] for name in parts.values()])
    }
