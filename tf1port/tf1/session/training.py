"""Runs the training ops of a TF1 graph: its loss, its gradients, its optimizer.

The placeholders are fed with random numbers of their shapes, and the inputs of the cells are
fetched: so the layers between need not be known.
"""

import itertools
from functools import partial
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError
from tf1port.numerics.draws import finite
from tf1port.tf1.graph.dependencies import behind
from tf1port.tf1.graph.layer_ops import GATHERS, products
from tf1port.tf1.graph.optimizers import find_applied
from tf1port.tf1.graph.training_ops import (
    NoTraining,
    check_repeatable,
    clipping_of,
    find_loss,
    find_train_op,
)
from tf1port.tf1.session.loss_gradients import check_loss
from tf1port.tf1.session.sparse_labels import sparse_labels
from tf1port.tf1.session.whole_graph import WholeGraph, row_gradients

ROWS = 4  # where a graph leaves a size open, both of the batch and of time
_FLOATS = {tf1.float32, tf1.float64, tf1.float16}


class CellInputs(NamedTuple):
    """The inputs [B, T, F] of the cells for a batch, lengths [B] or None; the graph's loss."""

    inputs: np.ndarray
    lengths: np.ndarray | None
    loss: np.ndarray


class TrainingRun:
    """A session on a whole graph, training from given values.

    Args:
        conversion: tf1port.conversion.stack.Conversion, with dense layers after the cells.
        variables: {name: array} of the network, in place of the checkpoint's.
        dtype: "float64" upcasts the graph's float32.
        given: tf1port.conversion.given.Given, values of placeholders in place of random ones.

    Raises:
        NoTraining: see there.
    """

    def __init__(self, conversion, variables, *, dtype, given=None):
        self._given = given
        self.network, self.dtype = conversion.network, dtype
        self._inference = conversion.graph.inference
        self.training = self._trains()
        self._masked = conversion.blueprint.masked
        self._shapes = conversion.checkpoint.shapes
        self._first = self.network.levels[0].forward[0].run
        self._whole = self._start(conversion, variables)
        self.graph, whole = self._whole.imported, self._whole.graph
        self._powers = _powers(conversion)
        self._penalized = conversion.blueprint.optimizer.penalized
        self._applied = find_applied(whole)
        self._clippings = {
            name: clipping_of(whole, applied.arguments["grad"])
            for name, applied in self._applied.items()
        }
        rows = {name: row_gradients(whole, name) for name in self._tables(self.network.before)}
        self._rows = {name: pairs for name, pairs in rows.items() if pairs}
        loss = find_loss(whole)
        check_repeatable(conversion.graph, loss)
        self._loss = self._tensor(loss)
        self._logits = self._tensor(self.network.after[-1].output)
        self._check_penalties()
        self._ids = self._find_ids()
        self._loss_gradient = self._differentiate()
        self._train = self._known(self._whole.operation, find_train_op(whole, self._applied))
        self._sizes = self._find_sizes()

    def _start(self, conversion, variables):
        """The WholeGraph with the checkpoint's values and the given variables."""
        graph, upcast = conversion.graph, self.dtype != conversion.blueprint.dtype
        try:
            whole = WholeGraph(graph.whole, upcast=upcast, aliases=graph.aliases)
            self._check(conversion, whole.graph)
            whole.restore(conversion.checkpoint)
            whole.assign(variables)
        except UserError as error:
            raise NoTraining(str(error)) from None
        return whole

    @staticmethod
    def _tables(layers):
        """The variables of the embeddings among layers."""
        return [layer.variables["embeddings"] for layer in layers if layer.kind == "embedding"]

    def _check_penalties(self):
        """Refuses a loss that depends on variables beside the logits."""
        cut = {self._logits.op.name}
        nodes, _ = behind(self._whole.graph, [self._loss.name], cut=cut)
        penalised = sorted(({*self.network.variables} & nodes) - self._penalized)
        if penalised:
            raise NoTraining(
                f"its loss has a term of {penalised[0]} itself, which the model has not"
            )

    def _differentiate(self):
        """The gradient of the loss by the logits, a new tensor of the imported graph."""
        with self.graph.as_default():
            try:
                (gradient,) = tf1.gradients(self._loss, self._logits)
            except (AttributeError, LookupError, TypeError, ValueError) as error:
                # An imported tf.cond lacks the contexts that its gradient needs.
                raise NoTraining(
                    f"the gradient of its loss cannot be built here ({error})"
                ) from None
        return gradient

    def batch(self, stream):
        """A feed of random numbers for one step, with a finite loss."""
        draw = partial(self._feed, stream, self._sizes)
        batch, _ = self._known(finite, draw, partial(self._run, self._loss), "its loss is")
        return batch

    def cell_inputs(self, feed):
        """The inputs of the cells for a batch, with the loss: CellInputs."""
        run = self._first
        names = [run.inputs] if run.inputs else [step.x for step in run.steps]
        inputs, loss = self._run([[self._tensor(n) for n in names], self._loss], feed)
        sequence = inputs[0].swapaxes(0, 1) if run.inputs else np.stack(inputs, axis=1)
        lengths = feed[self._tensor(run.lengths)] if self._masked else None
        return CellInputs(sequence, lengths, loss)

    def loss_of(self, feed, logits, *, sizes):
        """The graph's loss of other logits [rows, N], and its gradient by them.

        sizes: of the rows, [B, T] or [T, B], where the graph has logits of three dimensions.
        """
        shape = logits.shape
        if self._logits.shape.rank == 3:
            shape = (*sizes, shape[-1])
        fetches = [self._loss, self._loss_gradient]
        loss, gradient = self._run(fetches, {**feed, self._logits: logits.reshape(shape)})
        return loss, gradient.reshape(logits.shape)

    def gradients(self, feed):
        """The graph's own gradients by variable; that of a table as a whole."""
        tensors = {
            name: self._tensor(clipping.gradient)
            for name, clipping in self._clippings.items()
            if name in self.network.variables
        }
        gradients = dict(zip(tensors, self._run(list(tensors.values()), feed), strict=True))
        for name, pairs in self._rows.items():
            shape = self._whole.graph.shape_of(name) or self._shapes[name]
            gradients[name] = np.zeros(shape, self.dtype)
            for pair in pairs:
                values, ids = self._run([self._tensor(tensor) for tensor in pair], feed)
                np.add.at(gradients[name], ids, values)
        return gradients

    def check_loss(self, feed, gradients):
        """Refuses a loss that the graph's own gradients of a batch are not of."""
        self._known(check_loss, self._whole, self._loss, feed, gradients, self.dtype)

    def assign(self, slots):
        """Sets slots of the optimizer: {variable: array}."""
        own = {name: value for name, value in slots.items() if name in self._whole.graph.nodes}
        self._known(self._whole.assign, own)

    def fed_value(self, feed, tensor):
        """The value of a fed tensor in a batch."""
        return feed[self._tensor(tensor)]

    def check_clipping(self, variables):
        """Refuses to train only these variables where Keras would clip their gradients otherwise.

        Raises:
            NoTraining: it would.
        """
        for name, clipping in self._clippings.items():
            own = {self._clippings[v].gradient for v in variables & self._clippings.keys()}
            own |= {pair[0] for v in variables & self._rows.keys() for pair in self._rows[v]}
            if clipping.option == "clipnorm":
                raise NoTraining("it clips each gradient by its norm, and Keras splits kernels")
            if clipping.norm_tensors and clipping.norm_tensors != own:
                raise NoTraining("it clips by a norm of other gradients as well")
            if clipping.option != next(iter(self._clippings.values())).option:
                raise NoTraining(f"it clips the gradient of {name} in another way")

    def step(self, feed):
        """Trains one step of the graph's own optimizer."""
        self._run(self._train, feed)
        # The upcast graph accumulates them in float64, the original one does not.
        self._whole.round(self._powers)

    def _check(self, conversion, whole):
        if not self.network.after or self.network.compared < len(self.network.after):
            raise NoTraining("the layers between its cells and its loss are not known")
        if self.network.takes == "steps" and not self.network.after[0].inputs:
            raise NoTraining("a map does not give the order of the steps in its head's input")
        if conversion.blueprint.optimizer is None:
            raise NoTraining("no optimizer is applied to its variables, or none that Keras has")
        if conversion.ends is not None and conversion.ends.random:
            raise NoTraining(f"{conversion.ends.random[0]} drops outputs at random in every run")
        if conversion.graph.joined:
            raise NoTraining("its variables are partitioned")
        kernel = self.network.head_kernel
        forward = conversion.graph.nodes
        uses = [node for node in products(whole, kernel) if node.name in forward]
        if kernel and len(uses) != 1:
            raise NoTraining("it multiplies by the head's kernel at every step separately")

    def _trains(self):
        """Whether to run in training mode, with moments of batches: not if dropout runs as well.

        Without a batch normalization the mode makes no difference to the model.
        """
        if not all(layer.inputs for layer in self.network.after):
            return False  # of a map: in training its layers may differ from the graph
        kinds = {layer.kind for layer in [*self.network.before, *self.network.after]}
        if "batch_normalization" not in kinds:
            return not self._inference.flags
        always = bool(self._inference.always_by_batch(self.network.variables))
        if always and self._inference.random:
            raise NoTraining("dropout and the moments of its batches are there in training alone")
        by_flag = bool(self._inference.flags) and not self._inference.random
        return always or by_flag

    def _tensor(self, name):
        return self._known(self._whole.tensor, name)

    def _run(self, fetches, feed):
        return self._known(self._whole.run, fetches, feed)

    @staticmethod
    def _known(function, *arguments):
        """Calls a function of the whole graph; a UserError becomes NoTraining."""
        try:
            return function(*arguments)
        except UserError as error:
            raise NoTraining(str(error)) from None

    def _find_sizes(self):
        """The sizes of open dimensions that the graph can be run with."""
        for operation in self._whole.placeholders:
            if operation.outputs[0].shape.rank is None:
                raise NoTraining(f"its placeholder {operation.name} has no shape")
            if operation.outputs[0].dtype == tf1.string:
                raise NoTraining(f"its input {operation.name} is text")
        steps = len(self._first.steps) if self._first.inputs is None else ROWS
        fault: NoTraining | None = None
        # Ids may be labels as well, of fewer classes, or be shifted before they are looked up.
        options = (True, False), (ROWS, ROWS * steps, 1), (1.0, 0.0)
        for sizes in itertools.product(*options):
            try:
                cell_inputs = self.cell_inputs(self._feed(np.random.default_rng(0), sizes))
            except NoTraining as error:
                fault = error
                continue
            if np.all(np.isfinite(cell_inputs.loss)) and np.ndim(cell_inputs.loss) == 0:
                return sizes
        why = fault or "its loss is no finite number"
        raise NoTraining(f"its placeholders accept none of the sizes that were tried ({why})")

    def _feed(self, stream, sizes):
        feed = {}
        for operation in self._whole.placeholders:
            feed[operation.outputs[0]] = self._value(operation, stream, sizes)
        placeholders = self._whole.placeholders
        feed |= sparse_labels(placeholders, rows=ROWS, classes=self._classes(), stream=stream)
        for name, value in self._inference.flags.items():
            feed[self._tensor(name)] = value != self.training
        runs = [layer.run for layer in self.network.recurrent]
        for run in runs:
            if run.lengths is not None and self._masked:
                feed[self._tensor(run.lengths)] = self._lengths(run)
        return feed if self._given is None else self._given.feed(placeholders, feed)

    def _lengths(self, run):
        tensor = self._tensor(run.lengths)
        rows = (tensor.shape.as_list() if tensor.shape.rank else [None])[0] or ROWS
        steps = len(self._first.steps)
        if self._first.inputs is not None:
            sequence = self._tensor(self._first.inputs).shape
            steps = (sequence[0] if sequence.rank else None) or ROWS
        some = [steps, 1, (steps + 1) // 2]
        return np.resize(some, rows).astype(tensor.dtype.as_numpy_dtype)

    def _value(self, operation, stream, sizes):
        """Random numbers for a placeholder: floats about zero, ids within every table."""
        tensor, (whole_table, flat, scalar) = operation.outputs[0], sizes
        open_ = flat if tensor.shape.rank == 1 else ROWS
        shape = [size or open_ for size in tensor.shape.as_list()] if tensor.shape.rank else []
        if tensor.dtype == tf1.bool:
            return np.zeros(shape, bool)
        if tensor.dtype in _FLOATS:
            value = stream.normal(size=shape) if shape else scalar  # a scalar: keep_prob
            return np.asarray(value, tensor.dtype.as_numpy_dtype)
        whole_table = whole_table and tensor.name in self._ids
        count = self._rows_of_tables() if whole_table else self._classes()
        return stream.integers(count, size=shape).astype(tensor.dtype.as_numpy_dtype)

    def _find_ids(self):
        """The placeholders whose values are looked up in a table."""
        graph = self._whole.graph
        tables = self._tables(self.network.before[:1])
        lookups = [node for table in tables for node in graph.uses(table, GATHERS)]
        return behind(graph, [graph.inputs(node)[1] for node in lookups], cut=())[1]

    def _rows_of_tables(self):
        """The number of ids that are valid in every table."""
        return min(self._table_sizes(), default=2)

    def _classes(self):
        """The number of ids that are valid in every table and every row of logits."""
        classes = self._logits.shape[-1]
        return min(self._table_sizes() + [classes] * bool(classes), default=2)

    def _table_sizes(self):
        tables = self._tables(self.network.before[:1])
        shapes = [self._whole.graph.shape_of(name) for name in tables]
        return [shape[0] for shape in shapes if shape and shape[0]]


def _powers(conversion):
    """The variables of Adam's powers of beta."""
    counters = conversion.counters.items()
    return [name for key, name in counters if key.startswith("beta") and "power" in key]
