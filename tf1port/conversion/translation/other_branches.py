"""Batches that take the branches of a graph which none has taken yet.

Each has variables of its own, their numbers shuffled and half of them of the other sign: a
condition on a sum is then as often false as true, and any class as often the largest.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from tf1port.conversion.end_to_end import QUANTITY
from tf1port.conversion.given import Given
from tf1port.conversion.original_graph import POSITIVE, perturbed_by_role
from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.sides import GraphSide, KerasSide, Sizes, Weights, batch
from tf1port.errors import UserError
from tf1port.keras_model.blueprint import to_variables
from tf1port.numerics import comparison

_SIGNS = (-1, 1, -1, 1)


def other_branches(
    graph: GraphSide,
    keras_side: KerasSide,
    weights: Weights,
    sizes: Sequence[Sizes],
    unproved: list[str],
    *,
    stream: np.random.Generator,
    given: Given,
) -> Iterator[comparison.Check]:
    """Yields the comparisons of the batches that take a branch that no other one took.

    Args:
        sizes: that the graph accepts.
        unproved: a line is appended where the model does not take what the graph does.
    """
    conversion = graph.conversion
    rare = _rare_sizes(feeds.with_lengths(conversion.program), *sizes[0])
    for sign, chosen in itertools.product(_SIGNS, [*sizes, *rare]):
        if not keras_side.branches.untaken:
            return
        values = {name: _drawn(arrays, sign, stream) for name, arrays in weights.items()}
        graph.assign(to_variables(values, conversion.program))
        keras_side.set_weights(values)
        inputs = batch(conversion, chosen, stream, given, graph.dtype)
        try:
            expected = graph(inputs)
        except UserError:
            keras_side.follow(inputs)
            continue
        if not all(np.isfinite(value).all() for value in expected.values()):
            continue
        before, label = keras_side.branches.count, f"{chosen[0]}, another branch"
        try:
            check = keras_side.compare(inputs, expected, label)
        except UserError as reason:
            unproved.append(f"{QUANTITY}, {label}: {reason}")
            return
        if keras_side.branches.count > before or not check.passed:
            yield check


def _rare_sizes(lengths: list[str], sizes: feeds.BatchSizes, shortest: int) -> list[Sizes]:
    """Batches on which what is said of all rows is true more often: of no length, of one row.

    lengths: the tensors of the inputs that have some.
    """
    empty = [sizes._replace(empty=(tensor,)) for tensor in lengths]
    empty += [sizes._replace(empty=tuple(lengths))] if len(lengths) > 1 else []
    return [*((one, 0) for one in empty), *[(sizes._replace(rows=1), shortest)] * 3]


def _drawn(arrays, sign: int, stream: np.random.Generator) -> dict[str, np.ndarray]:
    shuffled = {role: stream.permuted(v.ravel()).reshape(v.shape) for role, v in arrays.items()}
    drawn = perturbed_by_role(shuffled, stream)
    return {role: v if role.endswith(POSITIVE) else sign * v for role, v in drawn.items()}
