"""The graph of a translated model as it trains: its loss, its gradients, its own optimizer."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.conversion.given import NOTHING, Given
from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.numerics.differences import difference
from tf1port.numerics.draws import finite
from tf1port.tf1.graph.dependencies import behind
from tf1port.tf1.graph.optimizers import find_applied
from tf1port.tf1.graph.training_ops import (
    NoTraining,
    check_repeatable,
    clipping_of,
    find_loss,
    find_train_op,
)
from tf1port.tf1.session.copying import copied
from tf1port.tf1.session.loss_gradients import check_loss
from tf1port.tf1.session.sparse_labels import sparse_labels
from tf1port.tf1.session.whole_graph import WholeGraph, row_gradients

if TYPE_CHECKING:
    from tf1port.verification.keras_training import KerasTraining

Arrays = Mapping[str, np.ndarray]
# The largest difference between the graph in training and without dropout, if it has none.
_SAME = {"float64": 1e-6, "float32": 1e-4}
_FLOATS = (tf1.float16, tf1.float32, tf1.float64)


class GraphTraining:
    """A session on the whole graph as it trains, from given values."""

    def __init__(
        self,
        conversion: Translated,
        variables: Arrays,
        dtype: str,
        given: Given = NOTHING,
    ) -> None:
        self.conversion, self.dtype, self._given = conversion, dtype, given
        if conversion.program.optimizer is None:
            raise NoTraining("no optimizer is applied to its variables, or none that Keras has")
        if conversion.graph.joined:
            raise NoTraining("its variables are in parts")
        if conversion.own_gradients:
            name = conversion.own_gradients[0]
            raise NoTraining(f"{name} has a gradient of its own, which the model has not")
        graph, upcast = conversion.graph, dtype != conversion.program.dtype
        options = {"upcast": upcast, "aliases": graph.aliases}
        self._session = graph_call(WholeGraph, graph.whole, **options)
        graph_call(self._session.restore, conversion.checkpoint)
        graph_call(self._session.assign, {n: v for n, v in variables.items() if n in self._nodes})
        graph_loaded = self._session.graph
        self._applied = find_applied(graph_loaded)
        counters = conversion.counters.items()
        self._powers = [name for key, name in counters if key.startswith("beta") and "power" in key]
        loss = find_loss(graph_loaded)
        check_repeatable(graph, loss)
        self._loss = self._tensor(loss)
        self._outputs = {name: self._tensor(tensor) for name, tensor in conversion.outputs.items()}
        self._output_gradients = self._find_output_gradients()
        self._train = graph_call(
            self._session.operation, find_train_op(graph_loaded, self._applied)
        )
        self._sizes: tuple[Any, ...] = ()

    @property
    def _nodes(self):
        return self._session.graph.nodes

    @property
    def loss_outputs(self) -> list[str]:
        """The outputs that the loss is computed from."""
        return list(self._output_gradients)

    def find_sizes(self, learner: KerasTraining, stream: np.random.Generator) -> None:
        """Chooses sizes that the graph trains with, and at which its outputs equal the model's.

        Raises:
            NoTraining: there are none.
        """
        fault = NoTraining("no sizes were found that its placeholders take")
        candidates = (
            candidate for candidate in feeds.sizes(self.conversion.program) if not candidate.apart
        )
        for sizes, flat, scalar in itertools.product(candidates, (False, True), (1.0, 0.0)):
            self._sizes = sizes, flat, scalar
            try:
                batch = self._drawn(stream)
                loss, outputs = self._run([self._loss, self._outputs], batch)
                if np.ndim(loss) or not np.isfinite(loss):
                    raise NoTraining("its loss is no finite number")
                predicted = learner.outputs(self.model_inputs(batch))
            except (NoTraining, UserError) as error:
                fault = error if isinstance(error, NoTraining) else NoTraining(str(error))
                continue
            names = self.loss_outputs
            gap = difference({n: outputs[n] for n in names}, {n: predicted[n] for n in names})
            if gap.max_abs <= _SAME[self.dtype] * max(
                1.0, *(np.abs(outputs[n]).max() for n in names)
            ):
                return
            fault = NoTraining("it computes something else in training (dropout, or moments)")
        raise fault

    def batch(self, stream: np.random.Generator) -> dict[Any, np.ndarray]:
        """A feed of random numbers for one step, with a finite loss.

        Raises:
            NoTraining: none of some has one.
        """
        return graph_call(finite, partial(self._drawn, stream), self.loss, "its loss is")[0]

    def _drawn(self, stream: np.random.Generator) -> dict[Any, np.ndarray]:
        """A feed of random numbers."""
        sizes, flat, scalar = self._sizes
        program = self.conversion.program
        inputs = feeds.batch(program, sizes, stream, shortest=1)
        feed = {
            self._tensor(name): cast_floats(value, self.dtype) for name, value in inputs.items()
        }
        mode = self.conversion.graph.inference
        for name, value in (mode.flags if mode else {}).items():
            if name.rpartition(":")[0] in self._nodes:
                feed[self._tensor(name)] = np.asarray(value)
        for operation in self._session.placeholders:
            tensor = operation.outputs[0]
            if tensor not in feed and operation.type != "PlaceholderWithDefault":
                feed[tensor] = self._random_feed(tensor, sizes, flat, scalar, stream)
        label_options = {"rows": sizes.rows, "classes": self._classes(), "stream": stream}
        feed |= sparse_labels(self._session.placeholders, **label_options)
        return self._given.feed(self._session.placeholders, feed)

    def model_inputs(self, batch: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
        """The values of a batch that are inputs of the model, by the graph's tensors."""
        names = [source["tensor"] for source in self.conversion.inputs.values()]
        return {name: batch[self._tensor(name)] for name in names}

    def loss(self, batch: Mapping[Any, np.ndarray]) -> np.ndarray:
        """The graph's own loss."""
        return self._run(self._loss, batch)

    def loss_and_gradients(self, batch: Mapping[Any, np.ndarray], outputs: Arrays):
        """The graph's loss of given outputs, and its gradients with respect to them."""
        feed = {self._given_outputs[name]: outputs[name] for name in self.loss_outputs}
        return self._run([self._loss_of_given, self._output_gradients], {**batch, **feed})

    def gradients(self, batch: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
        """The graph's own gradients by variable, before they are clipped."""
        graph, tensors = self._session.graph, {}
        names = {name for spec in self.conversion.program.specs for name in spec.sources.values()}
        for name in sorted(names):
            rows, applied = row_gradients(graph, name), self._applied.get(name)
            # A table that is multiplied as well has one gradient as a whole, and not by rows.
            if applied is not None:
                tensors[name] = clipping_of(graph, applied.arguments["grad"]).gradient
            elif rows:
                tensors[name] = rows
        result = {}
        for name, tensor in tensors.items():
            if isinstance(tensor, str):
                result[name] = self._run(self._tensor(tensor), batch)
                continue
            shape = self.conversion.checkpoint.shapes[name]
            result[name] = np.zeros(shape, self.dtype)
            for values, ids in tensor:
                rows = self._run([self._tensor(values), self._tensor(ids)], batch)
                np.add.at(result[name], rows[1], rows[0])
        return result

    def check_loss(self, batch: Mapping[Any, np.ndarray], gradients: Arrays) -> None:
        """Refuses a loss that the graph's own gradients of a batch are not of."""
        graph_call(check_loss, self._session, self._loss, batch, gradients, self.dtype)

    def assign(self, slots: Arrays) -> None:
        """Sets slots of the optimizer by variable."""
        present = {name: value for name, value in slots.items() if name in self._nodes}
        graph_call(self._session.assign, present)

    def step(self, batch: Mapping[Any, np.ndarray]) -> None:
        """Trains one step of the graph's own optimizer."""
        self._run(self._train, batch)
        # The upcast graph multiplies the powers of beta in float64, the original one in float32.
        self._session.round(self._powers)

    def _find_output_gradients(self) -> dict[str, Any]:
        """The gradients of the loss with respect to the outputs that it is computed from."""
        with self._session.imported.as_default():
            given = {n: tf1.placeholder(t.dtype, t.shape) for n, t in self._outputs.items()}
            replaced = {self._outputs[name].ref(): tensor for name, tensor in given.items()}
            loss = copied(self._loss, replaced)
            if loss is None:
                loss, given = self._loss, self._outputs
            self._given_outputs, self._loss_of_given = given, loss
            tensors = list(given.values())
            try:
                gradients = tf1.gradients(loss, tensors, stop_gradients=tensors)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise NoTraining(
                    f"the gradient of its loss cannot be built here ({error})"
                ) from None
        by_output = {n: g for n, g in zip(self._outputs, gradients, strict=True) if g is not None}
        if not by_output:
            raise NoTraining("its loss is computed of none of the outputs")
        self._check_penalties()
        return by_output

    def _check_penalties(self) -> None:
        """Refuses a loss with terms of the variables themselves, which the model's has not."""
        program, graph = self.conversion.program, self._session.graph
        names = {name for spec in program.specs for name in spec.sources.values()}
        cut = {output.op.name for output in self._outputs.values()}
        upstream, _ = behind(graph, [self._loss.name], cut=cut)
        carried = program.optimizer.penalized if program.optimizer else frozenset()
        penalized = sorted((names & upstream) - carried)
        if penalized:
            raise NoTraining(
                f"its loss has a term of {penalized[0]} itself, which the model has not"
            )

    def _random_feed(self, tensor, sizes, flat, scalar, stream):
        """Random numbers for a placeholder that is no input of the model, such as labels."""
        if tensor.shape.rank is None:
            raise NoTraining(f"its placeholder {tensor.op.name} has no shape")
        if tensor.dtype == tf1.string:
            raise NoTraining(f"its input {tensor.op.name} is text")
        first, second = (sizes.steps, sizes.rows) if sizes.time_first else (sizes.rows, sizes.steps)
        defaults = [first, second, *[sizes.rest] * tensor.shape.rank]
        if tensor.shape.rank == 1:
            defaults = [sizes.rows * sizes.steps if flat else sizes.rows]
        shape = [
            size or default for size, default in zip(tensor.shape.as_list(), defaults, strict=False)
        ]
        dtype = tensor.dtype.as_numpy_dtype
        if tensor.dtype == tf1.bool:
            return np.zeros(shape, bool)
        if tensor.dtype in _FLOATS:
            return np.asarray(stream.uniform(0.1, 1.0, size=shape) if shape else scalar, dtype)
        return stream.integers(self._classes(), size=shape).astype(dtype)

    def _classes(self) -> int:
        """The number of classes that every output has."""
        shapes = [self._outputs[name].shape for name in self.loss_outputs]
        return min([int(shape[-1]) for shape in shapes if shape.rank and shape[-1]], default=2)

    def _tensor(self, name: str) -> Any:
        return graph_call(self._session.tensor, name)

    def _run(self, fetches, feed):
        return graph_call(self._session.run, fetches, feed)


def graph_call(function, *arguments, **options):
    """Calls a function; a UserError is raised as NoTraining."""
    try:
        return function(*arguments, **options)
    except UserError as error:
        raise NoTraining(str(error)) from None


def cast_floats(value: np.ndarray, dtype: str) -> np.ndarray:
    """Real numbers in a dtype; any others as they are."""
    return value.astype(dtype) if value.dtype.kind == "f" else value
