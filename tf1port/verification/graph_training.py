"""The graph of a translated model as it trains: its loss, its gradients, its own optimizer."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.numerics.differences import difference
from tf1port.tf1.graph.ends import behind
from tf1port.tf1.graph.optimizers import find_applied
from tf1port.tf1.session.sparse_labels import sparse_labels
from tf1port.tf1.session.training import NoTraining, clipping_of, find_loss, find_train_op
from tf1port.tf1.session.whole_graph import WholeGraph, row_gradients

if TYPE_CHECKING:
    from tf1port.verification.keras_training import KerasTraining

Arrays = Mapping[str, np.ndarray]
# How far the graph may be from itself without dropout: not as far as a dropout takes it.
_SAME = {"float64": 1e-6, "float32": 1e-4}
_FLOATS = (tf1.float16, tf1.float32, tf1.float64)


class GraphTraining:
    """A session on the whole graph as it trains, from given values."""

    def __init__(self, conversion: Translated, variables: Arrays, dtype: str) -> None:
        self.conversion, self.dtype = conversion, dtype
        if conversion.program.optimizer is None:
            raise NoTraining("no optimizer is applied to its variables, or none that Keras has")
        if conversion.graph.joined:
            raise NoTraining("its variables are in parts")
        if conversion.own_gradients:
            name = conversion.own_gradients[0]
            raise NoTraining(f"{name} has a gradient of its own, which the model has not")
        graph, upcast = conversion.graph, dtype != conversion.program.dtype
        options = {"upcast": upcast, "trust": graph.trust, "aliases": graph.aliases}
        self._whole = known(WholeGraph, graph.graph_def, **options)
        known(self._whole.restore, conversion.checkpoint)
        known(self._whole.assign, {n: v for n, v in variables.items() if n in self._nodes})
        whole = self._whole.graph
        self._applied = find_applied(whole)
        counters = conversion.counters.items()
        self._powers = [name for key, name in counters if key.startswith("beta") and "power" in key]
        self._loss = self._tensor(find_loss(whole))
        self._outputs = {name: self._tensor(of) for name, of in conversion.outputs.items()}
        self._pulls = self._find_pulls()
        self._train = known(self._whole.operation, find_train_op(whole, self._applied))
        self._sizes: tuple[Any, ...] = ()

    @property
    def _nodes(self):
        return self._whole.graph.nodes

    @property
    def pulled(self) -> list[str]:
        """The outputs that the loss is computed of."""
        return list(self._pulls)

    def find_sizes(self, learner: KerasTraining, stream: np.random.Generator) -> None:
        """Chooses sizes that the graph trains with, and where it computes what the model does.

        Raises:
            NoTraining: there are none.
        """
        fault = NoTraining("no sizes were found that its placeholders take")
        tried = (one for one in feeds.sizes(self.conversion.program) if not one.apart)
        for sizes, flat, scalar in itertools.product(tried, (False, True), (1.0, 0.0)):
            self._sizes = sizes, flat, scalar
            try:
                batch = self.batch(stream)
                loss, outputs = self._run([self._loss, self._outputs], batch)
                if np.ndim(loss) or not np.isfinite(loss):
                    raise NoTraining("its loss is no finite number")
                own = learner.outputs(self.fed(batch))
            except (NoTraining, UserError) as error:
                fault = error if isinstance(error, NoTraining) else NoTraining(str(error))
                continue
            names = self.pulled
            gap = difference({n: outputs[n] for n in names}, {n: own[n] for n in names})
            if gap.max_abs <= _SAME[self.dtype] * max(
                1.0, *(np.abs(outputs[n]).max() for n in names)
            ):
                return
            fault = NoTraining("it computes something else in training (dropout, or moments)")
        raise fault

    def batch(self, stream: np.random.Generator) -> dict[Any, np.ndarray]:
        """A feed of random numbers for one step."""
        sizes, flat, scalar = self._sizes
        program = self.conversion.program
        own = feeds.batch(program, sizes, stream, shortest=1)
        found = {self._tensor(name): cast_floats(value, self.dtype) for name, value in own.items()}
        outside = self.conversion.graph.outside
        for name, value in (outside.flags if outside else {}).items():
            if name.rpartition(":")[0] in self._nodes:
                found[self._tensor(name)] = np.asarray(value)
        for operation in self._whole.placeholders:
            tensor = operation.outputs[0]
            if tensor not in found and operation.type != "PlaceholderWithDefault":
                found[tensor] = self._drawn(tensor, sizes, flat, scalar, stream)
        how = {"rows": sizes.rows, "classes": self._classes(), "stream": stream}
        return {**found, **sparse_labels(self._whole.placeholders, **how)}

    def fed(self, batch: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
        """What of a batch is the model's, by the graph's tensors."""
        names = [of["tensor"] for of in self.conversion.inputs.values()]
        return {name: batch[self._tensor(name)] for name in names}

    def loss(self, batch: Mapping[Any, np.ndarray]) -> np.ndarray:
        """The graph's own loss."""
        return self._run(self._loss, batch)

    def loss_of(self, batch: Mapping[Any, np.ndarray], outputs: Arrays):
        """The graph's loss of other outputs, and its gradients by them."""
        given = {self._outputs[name]: outputs[name] for name in self.pulled}
        return self._run([self._loss, self._pulls], {**batch, **given})

    def gradients(self, batch: Mapping[Any, np.ndarray]) -> dict[str, np.ndarray]:
        """The graph's own gradients by variable, before they are clipped."""
        whole, tensors = self._whole.graph, {}
        known = {name for spec in self.conversion.program.specs for name in spec.sources.values()}
        for name in sorted(known):
            rows, applied = row_gradients(whole, name), self._applied.get(name)
            # A table that is multiplied as well has one gradient as a whole, and not by rows.
            if applied is not None:
                tensors[name] = clipping_of(whole, applied.arguments["grad"]).gradient
            elif rows:
                tensors[name] = rows
        found = {}
        for name, tensor in tensors.items():
            if isinstance(tensor, str):
                found[name] = self._run(self._tensor(tensor), batch)
                continue
            shape = self.conversion.checkpoint.shapes[name]
            found[name] = np.zeros(shape, self.dtype)
            for values, ids in tensor:
                rows = self._run([self._tensor(values), self._tensor(ids)], batch)
                np.add.at(found[name], rows[1], rows[0])
        return found

    def assign(self, slots: Arrays) -> None:
        """Sets slots of the optimizer by variable."""
        own = {name: value for name, value in slots.items() if name in self._nodes}
        known(self._whole.assign, own)

    def step(self, batch: Mapping[Any, np.ndarray]) -> None:
        """Trains one step of the graph's own optimizer."""
        self._run(self._train, batch)
        # In float64 TF1 multiplies the powers up in float64, the graph that it stands for does not.
        self._whole.round(self._powers)

    def _find_pulls(self) -> dict[str, Any]:
        """The gradients of the loss by the outputs that it is computed of."""
        outputs = list(self._outputs.values())
        with self._whole.imported.as_default():
            try:
                found = tf1.gradients(self._loss, outputs, stop_gradients=outputs)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                raise NoTraining(
                    f"the gradient of its loss cannot be built here ({error})"
                ) from None
        pulls = {n: g for n, g in zip(self._outputs, found, strict=True) if g is not None}
        if not pulls:
            raise NoTraining("its loss is computed of none of the outputs")
        self._check_penalties()
        return pulls

    def _check_penalties(self) -> None:
        """Refuses a loss with terms of the variables themselves, which the model's has not."""
        program, whole = self.conversion.program, self._whole.graph
        names = {name for spec in program.specs for name in spec.sources.values()}
        cut = {one.op.name for one in self._outputs.values()}
        found, _ = behind(whole, [self._loss.name], cut=cut)
        own = sorted(names & found)
        if own:
            raise NoTraining(f"its loss has a term of {own[0]} itself, which the model has not")

    def _drawn(self, tensor, sizes, flat, scalar, stream):
        """Random numbers for what the loss takes beside the model's inputs."""
        if tensor.shape.rank is None:
            raise NoTraining(f"its placeholder {tensor.op.name} has no shape")
        first, second = (sizes.steps, sizes.rows) if sizes.time_first else (sizes.rows, sizes.steps)
        open_ = [first, second, *[sizes.rest] * tensor.shape.rank]
        if tensor.shape.rank == 1:
            open_ = [sizes.rows * sizes.steps if flat else sizes.rows]
        shape = [size or one for size, one in zip(tensor.shape.as_list(), open_, strict=False)]
        dtype = tensor.dtype.as_numpy_dtype
        if tensor.dtype == tf1.bool:
            return np.zeros(shape, bool)
        if tensor.dtype in _FLOATS:
            return np.asarray(stream.uniform(0.1, 1.0, size=shape) if shape else scalar, dtype)
        return stream.integers(self._classes(), size=shape).astype(dtype)

    def _classes(self) -> int:
        """The number of classes that every output has."""
        sizes = [self._outputs[name].shape[-1] for name in self.pulled]
        return min([int(size) for size in sizes if size], default=2)

    def _tensor(self, name: str) -> Any:
        return known(self._whole.tensor, name)

    def _run(self, fetches, feed):
        return known(self._whole.run, fetches, feed)


def known(function, *arguments, **options):
    """What the graph gives; raises NoTraining where it gives nothing."""
    try:
        return function(*arguments, **options)
    except UserError as error:
        raise NoTraining(str(error)) from None


def cast_floats(value: np.ndarray, dtype: str) -> np.ndarray:
    """Real numbers in a dtype; any others as they are."""
    return value.astype(dtype) if value.dtype.kind == "f" else value
