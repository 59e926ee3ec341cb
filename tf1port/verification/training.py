"""Compares how a converted model trains with how the checkpoint's own graph does.

Only the graph has the loss: it computes the loss of the model's outputs and its gradient with
respect to them, which is then backpropagated through the model's layers. Layers, penalties and
optimizer are those of the `.keras` file.
"""

from contextlib import contextmanager
from functools import cache, partial

import keras
import numpy as np
import tensorflow as tf

from tf1port.keras_model import layer_weights
from tf1port.keras_model.blueprint import to_variables
from tf1port.keras_model.runner import from_cells, in_dtype
from tf1port.numerics import comparison, optimizers
from tf1port.numerics.draws import finite
from tf1port.numerics.precision import floatx
from tf1port.tf1.graph.optimizers import AVERAGES
from tf1port.tf1.graph.training_ops import NoTraining
from tf1port.tf1.session.probing import row_order
from tf1port.tf1.session.training import TrainingRun
from tf1port.verification.graph_training import graph_call
from tf1port.verification.optimizer import slots_as_tf1


def training_checks(conversion, weights, *, model, dtype, steps=0, seed=0, given=None):
    """Yields a Check for the gradients of a batch, and for the losses of some steps.

    Args:
        conversion: tf1port.conversion.stack.Conversion.
        weights: of the model, by layer and role.
        model: keras.Model as it was loaded, with its optimizer; it is left as it is.
        dtype: "float64", or "float32" where the graph knows no other.
        steps: how many both train, from the checkpoint with its optimizer's state.
        seed: of the random batches.
        given: tf1port.conversion.given.Given.

    Raises:
        NoTraining: the graph has none, or none that runs here.
    """
    stream = np.random.default_rng(seed)
    # The graph runs with the model's values of the variables: the forget bias was rounded.
    variables = to_variables(weights, conversion.blueprint)
    run = TrainingRun(conversion, variables, dtype=dtype, given=given)
    slots = slots_as_tf1(conversion, model)
    model = _ModelTraining(conversion, model, dtype=dtype)
    draw = partial(run.batch, stream)
    feed, expected = graph_call(finite, draw, run.gradients, "its gradients are")
    run.check_loss(feed, expected)
    actual, _ = model.gradients(run, feed)
    names = expected.keys() & actual.keys()
    if not names:
        raise NoTraining("the model trains nothing that the graph trains")
    scale = max(1.0, *(np.abs(expected[name]).max() for name in names))
    sides = (
        {name: gradients[name] / scale for name in sorted(names)}
        for gradients in (expected, actual)
    )
    yield comparison.check("gradients of a batch", *sides, dtype=dtype)
    if not steps:
        return
    run.check_clipping(actual.keys())
    if conversion.blueprint.optimizer.unproved:
        raise NoTraining("; ".join(conversion.blueprint.optimizer.unproved))
    model.restore_optimizer()
    run.assign(slots)
    losses = []
    for _ in range(steps):
        feed = run.batch(stream)
        losses.append((run.cell_inputs(feed).loss, model.step(run, feed)))
        run.step(feed)
    sides = ({"step": np.array(values)} for values in zip(*losses, strict=True))
    yield comparison.check("losses of resumed steps", *sides, dtype=dtype)
    before = [] if model.ids else _before(conversion)
    uncompared = sorted({*expected.keys() - actual.keys(), *before})
    if uncompared:
        raise NoTraining(f"of {', '.join(uncompared)} the graph's own are used, not the model's")


def _before(conversion):
    """The variables of the layers before the cells, whose outputs are fed to the model."""
    layers = conversion.network.before
    pairs = [pair for layer in layers for pair in layer.variables.items()]
    return [name for role, name in pairs if role not in AVERAGES]


class _ModelTraining:
    """A Keras model from the inputs of its cells on, in one dtype, with its optimizer."""

    def __init__(self, conversion, model, *, dtype):
        self.conversion, self.blueprint, self.dtype = conversion, conversion.blueprint, dtype
        self._file_optimizer = getattr(model, "optimizer", None)
        with floatx(dtype):
            copy = type(model).from_config(in_dtype(model.get_config(), dtype))
            for variable, loaded in zip(copy.weights, model.weights, strict=True):
                variable.assign(np.array(loaded).astype(variable.dtype))
        self.ids = self._takes_ids()
        self.model, self.cells = copy, from_cells(copy, self.blueprint, ids=self.ids)
        self._time_first: bool | None = None
        self._row_order = cache(partial(row_order, conversion))

    def _takes_ids(self):
        """Whether the graph is fed ids, which the model looks up in its own embedding."""
        ends = self.conversion.ends
        embedded = [spec.kind for spec in self.blueprint.before] == ["Embedding"]
        return embedded and ends is not None and ends.inputs.fed

    def _inputs(self, run, feed, cell_feed):
        """The inputs of the model: those of the cells, or the ids that they are embeddings of.

        Raises:
            NoTraining: the inputs of the cells are not the rows of the table for the ids.
        """
        if not self.ids:
            return cell_feed.inputs
        ids = run.fed_value(feed, self.conversion.ends.inputs.tensor)
        table = np.array(self.model.get_layer(self.blueprint.before[0].name).embeddings)
        if self._time_first is None:  # determined before the first step changes the table
            layouts = [
                layout
                for layout in (False, True)
                if _is_looked_up(table, ids, layout, cell_feed.inputs)
            ]
            if not layouts:
                raise NoTraining("the cells take something else than the rows of its table")
            self._time_first = layouts[0]
        return ids.swapaxes(0, 1) if self._time_first else ids

    def gradients(self, run, feed):
        """The gradients by TF1's names, and the loss."""
        variables, gradients, loss = self._backpropagate(run, feed)
        by_id = {id(variable): value for variable, value in zip(variables, gradients, strict=True)}
        result = {}
        before = self.blueprint.before if self.ids else []
        for spec in [*before, *self.blueprint.recurrent, *self.blueprint.after]:
            arrays = layer_weights.gradients(self.model.get_layer(spec.name), by_id)
            if not arrays:
                continue  # a layer that the file does not train
            arrays = layer_weights.to_tf1(spec.mappings, arrays, linear=True)
            sources = spec.sources.items()
            result.update({name: arrays[role] for role, name in sources if role in arrays})
        return result, loss

    def restore_optimizer(self):
        """Copies the model's own optimizer, with its state.

        Its constants are rounded as TF1 holds them (D13), an Adam has TF1's powers of beta (D8).

        Raises:
            NoTraining: there is none, or it is not of this model's weights.
        """
        if self._file_optimizer is None:
            raise NoTraining("the model has no optimizer")
        kind = type(self._file_optimizer)
        kind = optimizers.TF1PowersAdam if kind is keras.optimizers.Adam else kind
        options = optimizers.as_graph_constants(
            self._file_optimizer.get_config(), dtype=self.blueprint.dtype
        )
        with floatx(self.dtype), self._guarded():
            self.optimizer = kind.from_config(options)
            self.optimizer.build(self.model.trainable_variables)
            pairs = zip(self.optimizer.variables, self._file_optimizer.variables, strict=True)
            for variable, saved in pairs:
                variable.assign(np.array(saved).astype(variable.dtype))

    def step(self, run, feed):
        """Trains one step; returns the loss before it. Raises NoTraining where Keras does not."""
        variables, gradients, loss = self._backpropagate(run, feed)
        with self._guarded():
            self.optimizer.apply(gradients, variables)
        return loss

    @contextmanager
    def _guarded(self):
        """Errors of the optimizer, which a file may have of any class, raised as NoTraining."""
        try:
            yield
        except (tf.errors.OpError, ValueError, TypeError) as error:
            line = str(error).partition("\n")[0]
            raise NoTraining(
                f"the model's optimizer does not run in {self.dtype}: {line}"
            ) from None

    def _backpropagate(self, run, feed):
        """The variables, their gradients, the loss."""
        cell_feed = run.cell_inputs(feed)
        inputs = self._inputs(run, feed, cell_feed)
        if self.blueprint.masked:
            lengths = cell_feed.lengths[:, None]
            inputs = [inputs, np.arange(cell_feed.inputs.shape[1]) < lengths]
        variables = self.cells.trainable_variables
        with floatx(self.dtype), tf.GradientTape() as tape:
            outputs = self.cells(inputs, training=run.training)
            penalties = list(self.cells.losses)
        rows = outputs.numpy().reshape(-1, outputs.shape[-1])
        order = np.arange(len(rows))
        if len(outputs.shape) == 3:
            order = self._row_order(*outputs.shape[:2])
        rows_first = np.array_equal(order, np.arange(len(rows)))
        sizes = outputs.shape[:-1] if rows_first else outputs.shape[-2::-1]
        loss, row_gradients = run.loss_of(feed, rows[order], sizes=sizes)
        reordered = np.empty_like(rows)
        reordered[order] = row_gradients
        output_gradients = tf.constant(reordered.reshape(outputs.shape))
        values = [variable.value for variable in variables]
        ones = [tf.ones_like(penalty) for penalty in penalties]
        gradients = tape.gradient(
            [outputs, *penalties], values, output_gradients=[output_gradients, *ones]
        )
        return variables, gradients, loss


def _is_looked_up(table, ids, time_first, rows):
    """Whether rows [B, T, F] are those of a table for ids [B, T], or [T, B]."""
    if ids.ndim != 2:
        return False
    ids = ids.swapaxes(0, 1) if time_first else ids
    return ids.shape == rows.shape[:2] and np.allclose(table[ids], rows, rtol=1e-6, atol=0)
