"""Compares the outputs of the unmodified graph with those of its translation, on the same inputs.

Of what convert read only the names of the fed and fetched tensors are used. It is run at several
sizes, and once more with random values of all variables on both sides: biases of zero, or untrained
states, would hide an op that the model lacks.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf1port.conversion.end_to_end import QUANTITY, ROUNDINGS
from tf1port.conversion.given import NOTHING, Given
from tf1port.conversion.original_graph import POSITIVE, inference, perturbed
from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.taken_branches import TakenBranches
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.blueprint import to_variables
from tf1port.keras_model.runner import upcast_model
from tf1port.numerics import comparison
from tf1port.numerics.differences import difference
from tf1port.numerics.precision import floatx
from tf1port.tf1.session.whole_graph import WholeGraph

Arrays = Mapping[str, np.ndarray]
Weights = Mapping[str, Mapping[str, np.ndarray]]
_SIGNS = (-1, 1, -1, 1)  # of variables, for batches that look for branches not taken
_OWN_REASON = f"{ROUNDINGS} times the difference of Keras' float32 from its float64"


class GraphSide:
    """A session on the subgraph of the outputs, without dropout, in float64 where that runs."""

    def __init__(self, conversion: Translated, *, upcast: bool) -> None:
        self.conversion = conversion
        self.dtype = "float64" if upcast else conversion.program.dtype
        graph = conversion.graph
        self._session = WholeGraph(
            inference(graph),
            upcast=upcast,
            targets=[*conversion.outputs.values()],
            trust=graph.trust,
            aliases=graph.aliases,
        )
        self._flags = graph.inference.flags if graph.inference else {}
        self._zeros = conversion.zero_states
        self._session.restore(conversion.checkpoint)
        self.constants: Mapping[str, Any] = {}  # fed besides, by tensor

    def assign(self, variables: Arrays, stream: np.random.Generator | None = None) -> None:
        """Sets the model's variables; with a stream also perturbs all other float variables."""
        values = {name: value for name, value in variables.items() if self._has(name)}
        if stream is not None:
            remaining = [name for name in self._variables() if name not in values]
            for name, value in self._session.read(remaining).items():
                if np.issubdtype(value.dtype, np.floating):
                    values[name] = perturbed(value, stream, role=name)
        self._session.assign(values)

    def __call__(self, inputs: Arrays) -> dict[str, np.ndarray]:
        """The outputs by name. Raises UserError where the graph does not accept the inputs."""
        given = {name: v for name, v in inputs.items() if v.any() or name not in self._zeros}
        feed = {self._session.tensor(name): value for name, value in given.items()}
        constants = {name: value for name, value in self.constants.items() if name not in inputs}
        for name, value in {**self._flags, **constants}.items():
            if name.rpartition(":")[0] in self._session.operations:
                feed[self._session.tensor(name)] = value
        fetches = {
            name: self._session.tensor(tensor) for name, tensor in self.conversion.outputs.items()
        }
        try:
            return dict(self._session.run(fetches, feed))
        except ValueError as error:
            raise UserError(str(error).partition("\n")[0]) from None

    def _has(self, name: str) -> bool:
        return name in self._session.operations

    def _variables(self) -> list[str]:
        kinds = ("Variable", "VariableV2", "VarHandleOp")
        return [
            name for name, operation in self._session.operations.items() if operation.type in kinds
        ]


class KerasSide:
    """The model in the dtype of the graph's session, and upcast to float64."""

    def __init__(self, conversion: Translated, model: keras.Model, upcast, dtype: str) -> None:
        self.conversion, self.dtype, self._upcast = conversion, dtype, upcast
        self.branches = TakenBranches(conversion.source)
        self._refused = TakenBranches(conversion.source)  # of batches that the graph refuses
        self._model = upcast if dtype == "float64" else type(model).from_config(model.get_config())

    def set_weights(self, weights: Weights) -> None:
        """Sets the weights by layer and role."""
        for model in {id(model): model for model in (self._upcast, self._model)}.values():
            layer_weights.set_weights_of(model, weights)

    def compare(self, inputs: Arrays, expected: Arrays, label: str) -> comparison.Check:
        """The comparison of all outputs with those of the graph."""
        actual = self._outputs(self._model, inputs, self.dtype)
        check = comparison.check(QUANTITY, expected, actual, dtype=self.dtype)
        check = check._replace(place=f"{check.place}, the graph as it stands, {label}")
        if self.dtype == "float64" or not np.isfinite(check.max_abs):
            return check
        exact = self._outputs(self._upcast, inputs, "float64")
        upcast = {name: value.astype("float64") for name, value in actual.items()}
        bound = ROUNDINGS * difference(upcast, exact).max_abs
        return check._replace(bound=bound, reason=_OWN_REASON) if bound > check.bound else check

    def follow(self, inputs: Arrays) -> None:
        """Notes which branches the model takes on a batch on which the graph does not run."""
        with contextlib.suppress(UserError):
            self._outputs(self._model, inputs, self.dtype, branches=self._refused)

    def untaken(self) -> tuple[list[str], list[str]]:
        """A line for each branch that no batch took, and that only refused batches took."""
        unproved, notes = [], []
        for line, branch in self.branches.untaken:
            where = f"the branch {branch} of ops.cond in line {line} of the source"
            if self._refused.took(line, branch):
                notes.append(f"the graph does not run on batches that take {where}")
            else:
                unproved.append(f"{QUANTITY}: no batch takes {where}: give one with --data")
        return unproved, notes

    def _outputs(
        self, model, inputs: Arrays, dtype: str, branches: TakenBranches | None = None
    ) -> dict[str, np.ndarray]:
        names = [source["tensor"] for source in self.conversion.inputs.values()]
        model_inputs = [_cast(inputs[name], dtype) for name in names]
        with floatx(dtype), branches or self.branches:
            try:
                outputs = model(
                    model_inputs if len(model_inputs) > 1 else model_inputs[0], training=False
                )
            except (ValueError, tf.errors.OpError) as error:
                line = str(error).strip().partition("\n")[0]
                raise UserError(f"the model does not take what the graph does: {line}") from None
        if not isinstance(outputs, dict):
            outputs = {next(iter(self.conversion.outputs)): outputs}
        compared = self.conversion.outputs  # a final state may be no tensor of the graph
        return {name: np.array(outputs[name]) for name in outputs if name in compared}


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
    keras_side = KerasSide(conversion, model, upcast_model(model, upcast), graph.dtype)
    random_values = {
        name: {role: perturbed(value, stream, role=role) for role, value in arrays.items()}
        for name, arrays in upcast.items()
    }
    for start, values in (("", upcast), (", variables drawn anew", random_values)):
        graph.assign(to_variables(values, conversion.program), stream if start else None)
        keras_side.set_weights(values)
        for number, (sizes, shortest) in enumerate(usable_sizes[:1] if start else usable_sizes):
            inputs = _batch(conversion, sizes, stream, shortest, given)
            fed = "" if not number and not start else _draw_states(conversion, inputs, stream)
            label = f"{given.path or sizes}{start}{fed}"
            inputs = {name: _cast(value, graph.dtype) for name, value in inputs.items()}
            try:
                yield keras_side.compare(inputs, graph(inputs), label)
            except UserError as reason:
                unproved.append(f"{QUANTITY}, {label}: {reason}")
    if keras_side.branches.untaken:
        rare = _rare_sizes(conversion, *usable_sizes[0])
        further = itertools.product(_SIGNS, [*usable_sizes, *rare])
        yield from _other_branches(conversion, graph, keras_side, upcast, further, stream, given)
    for lines, found in zip(untaken or (), keras_side.untaken(), strict=False):
        lines += found


def _rare_sizes(
    conversion: Translated, sizes: feeds.BatchSizes, shortest: int
) -> list[tuple[feeds.BatchSizes, int]]:
    """Batches on which what is said of all rows is true more often: of no length, of one row."""
    lengths = feeds.with_lengths(conversion.program)
    empty = [sizes._replace(empty=(tensor,)) for tensor in lengths]
    empty += [sizes._replace(empty=tuple(lengths))] if len(lengths) > 1 else []
    return [*((one, 0) for one in empty), *[(sizes._replace(rows=1), shortest)] * 3]


def _other_branches(
    conversion: Translated,
    graph: GraphSide,
    keras_side: KerasSide,
    weights: Mapping[str, Mapping[str, np.ndarray]],
    further,
    stream: np.random.Generator,
    given: Given,
) -> Iterator[comparison.Check]:
    """Yields the comparisons of further batches that take a branch that no other one took.

    Each has variables of its own, their numbers shuffled and half of them of the other sign: a
    condition on a sum is then as often false as true, and any class as often the largest.
    """
    for sign, (sizes, shortest) in further:
        if not keras_side.branches.untaken:
            return
        values = {name: _signed(arrays, sign, stream) for name, arrays in weights.items()}
        graph.assign(to_variables(values, conversion.program))
        keras_side.set_weights(values)
        inputs = _batch(conversion, sizes, stream, shortest, given)
        inputs = {name: _cast(value, graph.dtype) for name, value in inputs.items()}
        before = keras_side.branches.count
        try:
            expected = graph(inputs)
        except UserError:
            keras_side.follow(inputs)
            continue
        if not all(np.isfinite(value).all() for value in expected.values()):
            continue
        check = keras_side.compare(inputs, expected, f"{sizes}, another branch")
        if keras_side.branches.count > before or not check.passed:
            yield check


def _signed(arrays: Mapping[str, np.ndarray], sign: int, stream) -> dict[str, np.ndarray]:
    shuffled = {role: stream.permuted(v.ravel()).reshape(v.shape) for role, v in arrays.items()}
    drawn = {role: perturbed(value, stream, role=role) for role, value in shuffled.items()}
    return {role: v if role.endswith(POSITIVE) else sign * v for role, v in drawn.items()}


def _batch(conversion: Translated, sizes, stream, shortest: int, given: Given):
    """The inputs of a batch by tensor, random but for the given ones."""
    inputs = feeds.batch(conversion.program, sizes, stream, shortest=shortest)
    values = {n: given.value(n, value.shape, value.dtype) for n, value in inputs.items()}
    return inputs | {name: value for name, value in values.items() if value is not None}


def _draw_states(conversion: Translated, inputs: dict[str, np.ndarray], stream) -> str:
    """Draws the states that are zeros in the graph, whose tensors can be fed; returns a label."""
    for name in conversion.zero_states:
        value = inputs[name]
        inputs[name] = stream.normal(0, 0.5, value.shape).astype(value.dtype)
    return ", from states drawn at random" if conversion.zero_states else ""


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


def _usable_sizes(
    conversion: Translated, graph: GraphSide, stream, given: Given
) -> list[tuple[feeds.BatchSizes, int]]:
    """A small and a large size that a graph accepts, each with the shortest row for it."""
    usable: list[tuple[feeds.BatchSizes, int]] = []
    fault = UserError("it takes no size that was tried")
    for sizes in feeds.sizes(conversion.program):
        if len(usable) == (1 if given.arrays else 2) or any(
            known.steps == sizes.steps for known, _ in usable
        ):
            continue
        for shortest in (0, 1):
            inputs = _batch(conversion, sizes, stream, shortest, given)
            try:
                outputs = graph({name: _cast(value, graph.dtype) for name, value in inputs.items()})
            except UserError as error:
                fault = error
                continue
            if all(np.isfinite(value).all() for value in outputs.values()):
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
    inputs = feeds.batch(conversion.program, sizes, stream, shortest=shortest)
    try:
        outputs = graph({name: _cast(value, graph.dtype) for name, value in inputs.items()})
    except UserError:
        return []
    return [(sizes, shortest)] if all(np.isfinite(v).all() for v in outputs.values()) else []


def _cast(value: np.ndarray, dtype: str) -> np.ndarray:
    return value.astype(dtype) if value.dtype.kind == "f" else value


def _all_cast(arrays: Arrays, dtype: str) -> dict[str, np.ndarray]:
    return {role: value.astype(dtype) for role, value in arrays.items()}
