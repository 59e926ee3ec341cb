"""Compares the outputs of the unmodified graph with those of its translation, on the same inputs.

Of what convert read only the names of the fed and fetched tensors are used. It is run at several
sizes, and once more with random values of all variables on both sides: biases of zero, or untrained
states, would hide an op that the model lacks.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import keras
import numpy as np

from tf1port.conversion.end_to_end import QUANTITY
from tf1port.conversion.given import NOTHING, Given
from tf1port.conversion.original_graph import perturbed_by_role
from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.other_branches import other_branches
from tf1port.conversion.translation.sides import (
    Arrays,
    GraphSide,
    KerasSide,
    Sizes,
    Weights,
    batch,
)
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.keras_model.blueprint import to_variables
from tf1port.numerics import comparison
from tf1port.numerics.draws import finite, is_finite


def end_to_end(
    conversion: Translated,
    model: keras.Model,
    weights: Weights,
    unproved: list[str],
    *,
    seed: int = 0,
    given: Given = NOTHING,
    untaken: tuple[list[str], list[str]] | None = None,
) -> Iterator[comparison.Check]:
    """Yields a comparison per size and set of variables, and those that take another branch.

    Args:
        model: as its file has it. weights: its weights by layer and role.
        unproved: a line is appended for each comparison that was not possible.
        seed: of the random inputs and variables.
        given: values of placeholders in place of random ones.
        untaken: a line is appended to the first for each branch that no batch took, to the second
            for each one that only batches take on which the graph does not run.
    """
    stream = np.random.default_rng(seed)
    try:
        graph, usable_sizes = _fitting(conversion, stream, given)
    except UserError as reason:
        unproved.append(f"{QUANTITY}: {reason}")
        return
    upcast = {name: _all_cast(arrays, "float64") for name, arrays in weights.items()}
    keras_side = KerasSide(conversion, model, upcast, graph.dtype)
    random_values = {n: perturbed_by_role(arrays, stream) for n, arrays in upcast.items()}
    for start, values in (("", upcast), (", variables drawn anew", random_values)):
        graph.assign(to_variables(values, conversion.program), stream if start else None)
        keras_side.set_weights(values)
        for number, (sizes, shortest) in enumerate(usable_sizes[:1] if start else usable_sizes):
            draws_states = bool(conversion.zero_states) and bool(number or start)
            fed = ", from states drawn at random" if draws_states else ""
            label = f"{given.path or sizes}{start}{fed}"
            draw = partial(
                _inputs, conversion, (sizes, shortest), stream, given, graph.dtype, draws_states
            )
            try:
                yield keras_side.compare(*finite(draw, graph, "its outputs are"), label)
            except UserError as reason:
                unproved.append(f"{QUANTITY}, {label}: {reason}")
    if keras_side.branches.untaken:
        yield from other_branches(
            graph, keras_side, upcast, usable_sizes, unproved, stream=stream, given=given
        )
    for lines, found in zip(untaken or (), keras_side.untaken(), strict=False):
        lines += found


def _inputs(
    conversion: Translated, sizes: Sizes, stream, given: Given, dtype: str, draws_states: bool
) -> dict[str, np.ndarray]:
    """The inputs of a batch; with states at random that are zeros in the graph, which are fed."""
    inputs = batch(conversion, sizes, stream, given, dtype)
    for name in conversion.zero_states if draws_states else ():
        value = inputs[name]
        inputs[name] = stream.normal(0, 0.5, value.shape).astype(value.dtype)
    return inputs


def _fitting(conversion: Translated, stream, given: Given):
    """A GraphSide in float64, else in float32, and the sizes that it accepts."""
    for upcast in (True, False) if conversion.program.upcasts else (False,):
        try:
            graph = GraphSide(conversion, upcast=upcast)
            graph.constants = given.constants
            return graph, _usable_sizes(conversion, graph, stream, given)
        except UserError as error:
            fault = error
    raise fault


def _usable_sizes(conversion: Translated, graph: GraphSide, stream, given: Given) -> list[Sizes]:
    """A small and a large size that a graph accepts, each with the shortest row for it."""
    usable: list[Sizes] = []
    fault = UserError("it takes no size that was tried")
    for sizes in feeds.sizes(conversion.program):
        if len(usable) == (1 if given.arrays else 2) or any(
            known.steps == sizes.steps for known, _ in usable
        ):
            continue
        for shortest in (0, 1):
            inputs = batch(conversion, (sizes, shortest), stream, given, graph.dtype)
            try:
                outputs = graph(inputs)
            except UserError as error:
                fault = error
                continue
            if is_finite(outputs):
                usable.append((sizes, shortest))
                break
    if not usable:
        raise fault
    return [*usable, *_ended(conversion, graph, stream, *usable[0])]


def _ended(conversion: Translated, graph: GraphSide, stream, sizes: feeds.BatchSizes, shortest):
    """The same sizes with rows that all end early, as decoders do, where a graph accepts these."""
    sizes = sizes._replace(ended=True)
    if not feeds.with_lengths(conversion.program):
        return []
    inputs = batch(conversion, (sizes, shortest), stream, NOTHING, graph.dtype)
    try:
        outputs = graph(inputs)
    except UserError:
        return []
    return [(sizes, shortest)] if is_finite(outputs) else []


def _all_cast(arrays: Arrays, dtype: str) -> dict[str, np.ndarray]:
    return {role: value.astype(dtype) for role, value in arrays.items()}
