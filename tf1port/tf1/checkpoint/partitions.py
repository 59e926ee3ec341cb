"""Partitioned variables, saved under a name per partition (`kernel/part_0`, …)."""

import re

import numpy as np

# Any other name below part_0 is of a scope that a program called part_0.
_PARTITION = re.compile(
    r"(?P<whole>.+)/part_(?P<number>\d+)"
    r"(?P<rest>/(?:ExponentialMovingAverage|[A-Z][A-Za-z]*(?:_\d+)?))?"
)


def stored_names(shapes):
    """The stored names by variable: its own, or those of its partitions in order.

    Args:
        shapes: {name: tuple} of everything in a checkpoint.
    """
    partitions = _partitions(shapes)
    partition_names = {name for names in partitions.values() for name in names}
    whole = {name: [name] for name in shapes if name not in partition_names}
    return dict(sorted({**whole, **partitions}.items()))


def whole_name(name):
    """The name of the whole variable, of one of its partitions or of a slot of a partition."""
    match = _PARTITION.fullmatch(name)
    return match["whole"] + (match["rest"] or "") if match else name


def part_number(name):
    """The number of a partition, or of that of a slot; None of any other variable."""
    match = _PARTITION.fullmatch(name)
    return int(match["number"]) if match else None


def split(array, shapes):
    """Splits an array into partitions of these shapes: the inverse of concatenation."""
    if len(shapes) == 1:
        return [array]
    along = axis(shapes)
    ends = np.cumsum([shape[along] for shape in shapes])
    return np.split(array, ends[:-1], axis=along)


def axis(shapes):
    """The axis of partition: where the shapes differ, else TF1's default, the first."""
    differing = [
        size for size, sizes in enumerate(zip(*shapes, strict=True)) if len(set(sizes)) > 1
    ]
    return differing[0] if differing else 0


def joined_shape(shapes):
    """The shape of the partitions concatenated."""
    if len(shapes) == 1:
        return shapes[0]
    along = axis(shapes)
    whole = list(shapes[0])
    whole[along] = sum(shape[along] for shape in shapes)
    return tuple(whole)


def _fit(shapes):
    """Whether the shapes can be concatenated: one rank above 0, at most one differing axis."""
    ranks = {len(shape) for shape in shapes}
    if len(ranks) > 1 or 0 in ranks:
        return False
    return sum(len(set(sizes)) > 1 for sizes in zip(*shapes, strict=True)) <= 1


def _partitions(shapes):
    """The names of its partitions in order, by whole variable; complete sets only."""
    numbered: dict[str, dict[int, str]] = {}
    for name in shapes:
        match = _PARTITION.fullmatch(name)
        if match:
            numbered.setdefault(whole_name(name), {})[int(match["number"])] = name
    return {
        whole: [partitions[number] for number in range(len(partitions))]
        for whole, partitions in numbered.items()
        if set(partitions) == set(range(len(partitions)))
        and whole not in shapes
        and _fit([shapes[name] for name in partitions.values()])
    }
