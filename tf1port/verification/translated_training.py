"""How a translated model learns against how its graph does.

The graph is the one that knows its loss: it is asked for the loss of the model's outputs and for
the gradient by them, which the model takes back to its weights. The optimizer is the file's own.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import keras
import numpy as np
import tensorflow as tf
import tensorflow.compat.v1 as tf1

from tf1port.conversion.translation import feeds
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.blueprint import to_variables
from tf1port.keras_model.runner import widened
from tf1port.numerics import comparison, optimizers
from tf1port.numerics.differences import difference
from tf1port.numerics.precision import floatx
from tf1port.tf1.graph.ends import behind
from tf1port.tf1.graph.optimizers import find_applied
from tf1port.tf1.session.training import NoTraining, clipping_of, find_loss, find_train_op
from tf1port.tf1.session.whole_graph import WholeGraph, row_gradients

Arrays = Mapping[str, np.ndarray]
Weights = Mapping[str, Mapping[str, np.ndarray]]
# How far the graph may be from itself without dropout: not as far as a dropout takes it.
_SAME = {"float64": 1e-6, "float32": 1e-4}
_FLOATS = (tf1.float16, tf1.float32, tf1.float64)


def training_checks(
    conversion: Translated,
    model: keras.Model,
    weights: Weights,
    *,
    steps: int = 0,
    seed: int = 0,
) -> Iterator[comparison.Rung]:
    """Yields a comparison of the gradients of a batch, and of the losses of some steps.

    Args:
        model: as its file has it, with its optimizer. weights: its weights by layer and role.
        steps: how many both train, from the checkpoint with its optimizer's state.
        seed: of the random batches.

    Raises:
        NoTraining: the graph has none, or none that runs here.
    """
    stream = np.random.default_rng(seed)
    graph, learner = _started(conversion, model, weights, stream)
    batch = graph.batch(stream)
    expected = graph.gradients(batch)
    found, _ = learner.gradients(graph, batch)
    names = sorted(expected.keys() & found.keys())
    if not names:
        raise NoTraining("the model trains nothing that the graph trains")
    scale = max(1.0, *(np.abs(expected[name]).max() for name in names))
    sides = ({name: of[name] / scale for name in names} for of in (expected, found))
    yield comparison.rung("gradients of a batch", *sides, dtype=graph.dtype)
    left = sorted(expected.keys() ^ found.keys())
    if left:
        raise NoTraining(f"one side alone trains {', '.join(left[:3])}")
    if not steps:
        return
    learner.restore_optimizer()
    losses = []
    for _ in range(steps):
        batch = graph.batch(stream)
        losses.append((graph.loss(batch), learner.step(graph, batch)))
        graph.step(batch)
    sides = ({"step": np.array(values)} for values in zip(*losses, strict=True))
    yield comparison.rung("losses of resumed steps", *sides, dtype=graph.dtype)


def _started(conversion: Translated, model: keras.Model, weights: Weights, stream):
    """Both sides at the checkpoint, in float64, or in float32 where the graph knows no other."""
    dtype = conversion.program.dtype
    dtypes = ["float64", dtype] if conversion.program.upcasts else [dtype]
    for dtype in dtypes:
        own = {n: {r: v.astype(dtype) for r, v in of.items()} for n, of in weights.items()}
        try:
            graph = _GraphTraining(conversion, to_variables(own, conversion.program), dtype)
            learner = _KerasTraining(conversion, model, own, dtype)
            graph.find_sizes(learner, stream)
        except NoTraining as error:
            fault = error
        else:
            return graph, learner
    raise fault


class _GraphTraining:
    """A session on the whole graph as it trains, from given values."""

    def __init__(self, conversion: Translated, variables: Arrays, dtype: str) -> None:
        self.conversion, self.dtype = conversion, dtype
        if conversion.program.optimizer is None:
            raise NoTraining("no optimizer is applied to its variables, or none that Keras has")
        if conversion.graph.joined:
            raise NoTraining("its variables are in parts")
        graph, upcast = conversion.graph, dtype != conversion.program.dtype
        options = {"widened": upcast, "trust": graph.trust, "aliases": graph.aliases}
        self._whole = _known(WholeGraph, graph.graph_def, **options)
        _known(self._whole.restore, conversion.checkpoint)
        _known(self._whole.assign, {n: v for n, v in variables.items() if n in self._nodes})
        whole = self._whole.graph
        self._applied = find_applied(whole)
        counters = conversion.counters.items()
        self._powers = [name for key, name in counters if key.startswith("beta") and "power" in key]
        self._loss = self._tensor(find_loss(whole))
        self._outputs = {name: self._tensor(of) for name, of in conversion.outputs.items()}
        self._pulls = self._find_pulls()
        self._train = _known(self._whole.operation, find_train_op(whole, self._applied))
        self._sizes: tuple[Any, ...] = ()

    @property
    def _nodes(self):
        return self._whole.graph.nodes

    @property
    def pulled(self) -> list[str]:
        """The outputs that the loss is computed of."""
        return list(self._pulls)

    def find_sizes(self, learner: _KerasTraining, stream: np.random.Generator) -> None:
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
        found = {self._tensor(name): _cast(value, self.dtype) for name, value in own.items()}
        outside = self.conversion.graph.outside
        for name, value in (outside.flags if outside else {}).items():
            if name.rpartition(":")[0] in self._nodes:
                found[self._tensor(name)] = np.asarray(value)
        for operation in self._whole.placeholders:
            tensor = operation.outputs[0]
            if tensor not in found and operation.type != "PlaceholderWithDefault":
                found[tensor] = self._drawn(tensor, sizes, flat, scalar, stream)
        return found

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
            rows = row_gradients(whole, name)
            if name in self._applied and not rows:
                tensors[name] = clipping_of(whole, self._applied[name].arguments["grad"]).gradient
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
        return _known(self._whole.tensor, name)

    def _run(self, fetches, feed):
        return _known(self._whole.run, fetches, feed)


class _KerasTraining:
    """The model in one dtype, with the optimizer of its file."""

    def __init__(self, conversion: Translated, model: keras.Model, weights: Weights, dtype: str):
        self.conversion, self.dtype = conversion, dtype
        self._own = getattr(model, "optimizer", None)
        self.model = type(model).from_config(model.get_config())
        if dtype == "float64":
            self.model = widened(model, weights)
        for name, arrays in weights.items():
            layer_weights.set_weights(self.model.get_layer(name), arrays)

    def outputs(self, fed: Arrays, *, numpy: bool = True) -> dict[str, Any]:
        """The model's outputs by name."""
        taken = [fed[of["tensor"]] for of in self.conversion.inputs.values()]
        with floatx(self.dtype):
            try:
                made = self.model(taken if len(taken) > 1 else taken[0], training=False)
            except (ValueError, tf.errors.OpError) as error:
                raise NoTraining(str(error).partition("\n")[0]) from None
        if not isinstance(made, dict):
            made = {next(iter(self.conversion.outputs)): made}
        return {name: np.array(value) for name, value in made.items()} if numpy else made

    def gradients(self, graph: _GraphTraining, batch) -> tuple[dict[str, np.ndarray], np.ndarray]:
        """The gradients by TF1's names, and the loss."""
        variables, gradients, loss = self._pulled(graph, batch)
        by_id = {id(v): g for v, g in zip(variables, gradients, strict=True) if g is not None}
        found = {}
        for spec in self.conversion.program.specs:
            own = layer_weights.variables(self.model.get_layer(spec.name))
            pulled = {role: by_id.get(id(variable)) for role, variable in own.items()}
            known = {role: one for role, one in pulled.items() if one is not None}
            arrays = {role: np.array(tf.convert_to_tensor(one)) for role, one in known.items()}
            if arrays.keys() != own.keys():
                continue  # a layer that is not trained
            arrays = layer_weights.to_tf1(spec.parts, arrays, linear=True)
            found.update({name: arrays[role] for role, name in spec.sources.items()})
        return found, loss

    def restore_optimizer(self) -> None:
        """Takes the optimizer of the file over, with its state.

        Its constants are rounded as TF1 holds them (D13), an Adam has TF1's powers of beta (D8).

        Raises:
            NoTraining: there is none, or it is not of this model's weights.
        """
        if self._own is None:
            raise NoTraining("the model has no optimizer")
        told = self.conversion.program.optimizer
        if told is not None and told.unproved:
            raise NoTraining("; ".join(told.unproved))
        kind = type(self._own)
        kind = optimizers.TF1PowersAdam if kind is keras.optimizers.Adam else kind
        dtype = self.conversion.program.dtype
        options = optimizers.as_held(self._own.get_config(), dtype=dtype)
        with floatx(self.dtype):
            self.optimizer = kind.from_config(options)
            self.optimizer.build(self.model.trainable_variables)
            for variable, held in zip(self.optimizer.variables, self._own.variables, strict=True):
                variable.assign(np.array(held).astype(variable.dtype))

    def step(self, graph: _GraphTraining, batch) -> np.ndarray:
        """Trains one step; returns the loss before it."""
        variables, gradients, loss = self._pulled(graph, batch)
        try:
            self.optimizer.apply(gradients, variables)
        except (tf.errors.OpError, ValueError, TypeError) as error:
            line = str(error).partition("\n")[0]
            raise NoTraining(
                f"the model's optimizer does not run in {self.dtype}: {line}"
            ) from None
        return loss

    def _pulled(self, graph: _GraphTraining, batch):
        """The variables, their gradients, the loss."""
        variables = self.model.trainable_variables
        with floatx(self.dtype), tf.GradientTape() as tape:
            made = self.outputs(graph.fed(batch), numpy=False)
            taken = [made[name] for name in graph.pulled]
        loss, pulls = graph.loss_of(batch, {name: np.array(made[name]) for name in graph.pulled})
        values = [variable.value for variable in variables]
        pulled = [tf.constant(pulls[name]) for name in graph.pulled]
        return variables, tape.gradient(taken, values, output_gradients=pulled), loss


def _known(function, *arguments, **options):
    """What the graph gives; raises NoTraining where it gives nothing."""
    try:
        return function(*arguments, **options)
    except UserError as error:
        raise NoTraining(str(error)) from None


def _cast(value: np.ndarray, dtype: str) -> np.ndarray:
    return value.astype(dtype) if value.dtype.kind == "f" else value
