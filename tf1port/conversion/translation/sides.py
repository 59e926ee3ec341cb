"""The unmodified graph and its translation, each run on the same inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tf1port.conversion.end_to_end import QUANTITY, within_rounding
from tf1port.conversion.given import Given
from tf1port.conversion.original_graph import by_stored_name, inference, perturbed
from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.taken_branches import TakenBranches
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.runner import model_in_dtype
from tf1port.numerics import comparison
from tf1port.numerics.precision import floatx
from tf1port.tf1.session.whole_graph import WholeGraph

Arrays = Mapping[str, np.ndarray]
Weights = Mapping[str, Arrays]
Sizes = tuple[feeds.BatchSizes, int]  # and the length of the shortest row


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
            aliases=graph.aliases,
        )
        self._flags = graph.inference.flags if graph.inference else {}
        self._zeros = conversion.zero_states
        self._session.restore(conversion.checkpoint)
        self.constants: Mapping[str, Any] = {}  # fed besides, by tensor

    def assign(self, variables: Arrays, stream: np.random.Generator | None = None) -> None:
        """Sets the model's variables; with a stream also perturbs all other float variables."""
        values: dict[str, np.ndarray] = {}
        for name, value in variables.items():
            values |= by_stored_name(self._session.graph, name, value)
        values = {name: value for name, value in values.items() if self._has(name)}
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
    """The model in the dtype of the graph's session; in float64 where its rounding is asked for."""

    def __init__(
        self, conversion: Translated, model: keras.Model, weights: Weights, dtype: str
    ) -> None:
        self.conversion, self.dtype, self._weights = conversion, dtype, weights
        self.branches = TakenBranches(conversion.source)
        self._refused = TakenBranches(conversion.source)  # of batches that the graph refuses
        self._model = model_in_dtype(model, weights, dtype)

    def set_weights(self, weights: Weights) -> None:
        """Sets the weights by layer and role."""
        self._weights = weights
        layer_weights.set_weights_of(self._model, weights)

    def compare(self, inputs: Arrays, expected: Arrays, label: str) -> comparison.Check:
        """The comparison of all outputs with those of the graph."""
        actual = self._outputs(self._model, inputs, self.dtype)
        check = comparison.check(QUANTITY, expected, actual, dtype=self.dtype)
        check = check._replace(place=f"{check.place}, the graph as it stands, {label}")
        if self.dtype == "float64":
            return check
        return within_rounding(check, actual, partial(self._exact, inputs))

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

    def _exact(self, inputs: Arrays) -> dict[str, np.ndarray]:
        return self._outputs(
            model_in_dtype(self._model, self._weights, "float64"), inputs, "float64"
        )

    def _outputs(
        self, model, inputs: Arrays, dtype: str, branches: TakenBranches | None = None
    ) -> dict[str, np.ndarray]:
        names = [source["tensor"] for source in self.conversion.inputs.values()]
        model_inputs = [cast(inputs[name], dtype) for name in names]
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


def batch(
    conversion: Translated,
    chosen: Sizes,
    stream: np.random.Generator,
    given: Given,
    dtype: str,
) -> dict[str, np.ndarray]:
    """The inputs of a batch by tensor, random but for the given ones; real numbers in a dtype."""
    sizes, shortest = chosen
    inputs = feeds.batch(conversion.program, sizes, stream, shortest=shortest)
    values = {n: given.value(n, value.shape, value.dtype) for n, value in inputs.items()}
    inputs |= {name: value for name, value in values.items() if value is not None}
    return {name: cast(value, dtype) for name, value in inputs.items()}


def cast(value: np.ndarray, dtype: str) -> np.ndarray:
    """Real numbers in a dtype; any others as they are."""
    return value.astype(dtype) if value.dtype.kind == "f" else value
