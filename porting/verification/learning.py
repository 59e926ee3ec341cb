"""Holds how a converted model learns against how the checkpoint's own graph does.

The graph is the one that knows its loss: it is asked for the loss of the model's outputs and for
the gradient by them, which the model then takes back through its layers to its weights.
"""

import functools

import keras
import numpy as np
import tensorflow as tf

from porting import ladder, optimizers
from porting.graphs.probing import row_order
from porting.graphs.training_run import TrainingRun
from porting.models import layer_weights
from porting.models.blueprint import to_variables
from porting.models.build import build
from porting.models.keras_run import from_cells, widened
from porting.sides import floatx


def training_rungs(conversion, weights, *, dtype, steps=0, seed=0):
    """Yields a porting.ladder.Rung for the gradients of a batch, and for the losses of some steps.

    Args:
        conversion: porting.conversion.Conversion.
        weights: of the model, by layer and role.
        dtype: "float64", or "float32" where the graph knows no other.
        steps: how many both train, from the checkpoint with its optimizer's state.
        seed: of the random batches.

    Raises:
        NoTraining: the graph has none, or none that runs here.
    """
    stream = np.random.default_rng(seed)
    # The graph takes the variables as the model has them, with its rounding of the forget bias.
    variables = to_variables(weights, conversion.blueprint)
    run = TrainingRun(conversion, variables, dtype=dtype)
    model = _Model(conversion, weights, dtype=dtype)
    feed = run.batch(stream)
    expected = run.gradients(feed)
    found, _ = model.gradients(run, feed)
    names = expected.keys() & found.keys()  # not those of layers before the cells, nor untrained
    scale = max(1.0, *(np.abs(expected[name]).max() for name in names))
    sides = ({name: of[name] / scale for name in sorted(names)} for of in (expected, found))
    yield ladder.rung("gradients of a batch", *sides, dtype=dtype)
    if not steps:
        return
    run.check_clipping(found.keys())
    losses = []
    for _ in range(steps):
        feed = run.batch(stream)
        losses.append((run.take(feed).loss, model.step(run, feed)))
        run.step(feed)
    sides = ({"step": np.array(values)} for values in zip(*losses, strict=True))
    yield ladder.rung("losses of resumed steps", *sides, dtype=dtype)


def slots_rung(conversion, model):
    """The slots of a model's optimizer as TF1's, against those of the checkpoint."""
    optimizer, read = conversion.blueprint.optimizer, conversion.checkpoint.read
    specs = {spec.name: spec for spec in conversion.blueprint.specs}
    expected, found = {}, {}
    for slot, layers in optimizer.sources.items():
        for name, sources in layers.items():
            held = layer_weights.slots(model, model.get_layer(name), slot)
            values = {role: np.array(variable) for role, variable in held.items()}
            values = layer_weights.to_tf1(specs[name].parts, values, linear=True)
            for role, variable in sources.items():
                expected[variable] = optimizer.as_keras(read(variable))
                found[variable] = values.get(role, np.array(np.nan))
    return ladder.rung("carried slots", expected, found, dtype=conversion.blueprint.dtype)


def _optimizer(blueprint):
    """Keras' optimizer with TF1's powers of beta (D8) and its constants, rounded as there (D13)."""
    found = blueprint.optimizer
    options = found.options
    if blueprint.dtype == "float32":
        options = {
            name: float(np.float32(value)) if isinstance(value, float) else value
            for name, value in options.items()
        }
    adam = found.kind == "Adam"
    return (optimizers.TF1PowersAdam if adam else getattr(keras.optimizers, found.kind))(**options)


class _Model:
    """The part of the Keras model behind what its cells take, in one dtype, with its optimizer."""

    def __init__(self, conversion, weights, *, dtype):
        self.conversion, self.blueprint, self.dtype = conversion, conversion.blueprint, dtype
        with floatx(dtype):
            built = build(self.blueprint)
            if dtype == "float64":
                built = widened(built, weights)
            for name, arrays in weights.items():
                layer_weights.set_weights(built.get_layer(name), arrays)
            built.compile(_optimizer(self.blueprint))
            self.blueprint.optimizer.restore(built)
        self.whole, self.cells = built, from_cells(built, self.blueprint, ids=False)
        self._row_order = functools.cache(functools.partial(row_order, conversion))

    def gradients(self, run, feed):
        """The gradients by TF1's names, and the loss."""
        variables, gradients, loss = self._pulled(run, feed)
        by_id = {id(variable): value for variable, value in zip(variables, gradients, strict=True)}
        found = {}
        for spec in [*self.blueprint.recurrent, *self.blueprint.after]:
            own = layer_weights.variables(self.whole.get_layer(spec.name))
            learning = {role: by_id.get(id(variable)) for role, variable in own.items()}
            arrays = {role: np.array(v) for role, v in learning.items() if v is not None}
            arrays = layer_weights.to_tf1(spec.parts, arrays, linear=True)
            sources = spec.sources.items()
            found.update({name: arrays[role] for role, name in sources if role in arrays})
        return found, loss

    def step(self, run, feed):
        """Trains one step; returns the loss before it."""
        variables, gradients, loss = self._pulled(run, feed)
        self.whole.optimizer.apply(gradients, variables)
        return loss

    def _pulled(self, run, feed):
        """The variables, their gradients, the loss."""
        taken = run.take(feed)
        inputs = taken.inputs
        if self.blueprint.masked:
            lengths = taken.lengths[:, None]
            inputs = [inputs, np.arange(taken.inputs.shape[1]) < lengths]
        variables = self.cells.trainable_variables
        with floatx(self.dtype), tf.GradientTape() as tape:
            made = self.cells(inputs, training=run.training)
        rows = made.numpy().reshape(-1, made.shape[-1])
        order = np.arange(len(rows))
        if len(made.shape) == 3:
            order = self._row_order(*made.shape[:2])
        rows_first = np.array_equal(order, np.arange(len(rows)))
        sizes = made.shape[:-1] if rows_first else made.shape[-2::-1]
        loss, pull = run.loss_of(feed, rows[order], sizes=sizes)
        back = np.empty_like(rows)
        back[order] = pull
        pulled = tf.constant(back.reshape(made.shape))
        values = [variable.value for variable in variables]
        return variables, tape.gradient(made, values, output_gradients=pulled), loss
