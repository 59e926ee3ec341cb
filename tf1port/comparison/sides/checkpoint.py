"""A TF1 checkpoint with its graph behind the protocol of tf1port/comparison/sides/protocol.py."""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cached_property
from typing import Any

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.comparison.sides import constants, dropout, exporting, feeding, redrawing, varying
from tf1port.comparison.sides.cells import Cells
from tf1port.comparison.sides.feeding import Feeding
from tf1port.comparison.sides.heads import Head
from tf1port.comparison.sides.optimizers import find_optimizer, with_rate
from tf1port.comparison.sides.places import Places
from tf1port.comparison.sides.protocol import (
    NotApplicable,
    NotOffered,
    Side,
    State,
    accuracy,
    cast,
    of_slot,
)
from tf1port.comparison.sides.rows import in_steps, squashed
from tf1port.comparison.sides.sources import input_changes, with_lengths
from tf1port.comparison.sides.traits import traits
from tf1port.comparison.sides.weight_map import WeightMap
from tf1port.errors import UserError
from tf1port.numerics import optimizers
from tf1port.tf1.graph.index import Graph
from tf1port.tf1.graph.pruning import full_name
from tf1port.tf1.session.whole_graph import WholeGraph

_NO_LOGITS = 'no logits are found: give [graph] logits = "THEIR TENSOR" in the map'


class CheckpointSide(Side):
    """The graph of a checkpoint, starting from the checkpoint's values.

    Args:
        program: tf1port.comparison.sides.program.Program.
        port_map: tf1port.comparison.port.port_map.PortMap.
        dtype: "float64" upcasts the graph's float32.
        head: tf1port.comparison.sides.heads.Head of the model; None: unknown.
        cells: tf1port.comparison.sides.cells.Cells, whose outputs are compared; None: none.
        batch: inputs and labels of a training step, fed to compute a learning rate.

    Raises:
        UserError: the map does not fit the graph.
    """

    def __init__(self, program, port_map, *, dtype, head=None, cells=None, batch=None):
        self.program, self.map, self.dtype = program, port_map, dtype
        self.head = head or Head()
        self.weight_map = WeightMap(port_map.layers, program)
        self.own_dtype = program.dtype(self.weight_map.variables)
        self.whole = self._graph(dropout.KEEP)
        self._feeding = Feeding(port_map, self.whole.tensor, self.own_dtype)
        self.places = Places(program, port_map, self.weight_map, self.whole.graph, self.head)
        self.cells = Cells() if cells is None else cells
        self.optimizer = find_optimizer(program, self.weight_map.entries, self.places.applied)
        self.config = self._traits()
        self._steps = 0 if self.optimizer is None else self.optimizer.iterations
        self._drops = None
        self._check_names()
        self.whole.want(self._compared())
        if batch is not None:
            self._take_rate(batch)
        if dtype != self.own_dtype:
            self._round_start()

    def _graph(self, drawn):
        """A WholeGraph with the checkpoint's values."""
        graph = self.program.graph
        graph_def = dropout.drawn(graph.graph_def, drawn)
        whole = WholeGraph(
            Graph(graph_def, backward=True, trust=graph.trust),
            upcast=self.dtype != self.own_dtype,
            fed=feeding.names(self.map),
        )
        whole.restore(self.program.checkpoint)
        return whole

    def _traits(self):
        return traits(self.optimizer, forget_bias=self.weight_map.adds_forget_bias)

    def _check_names(self):
        """Refuses a map that names tensors which the graph lacks, before anything is run."""
        for key, source in self.map.graph.items():
            for name in [] if source.sparse else [source.name]:
                node = self.whole.graph.nodes.get(name.partition(":")[0])
                if node is None:
                    raise UserError(f"[graph] {key} names {name}: the graph has no such tensor")
        outputs = [source.name for source in self.map.outputs.values()]
        for name in (*outputs, *feeding.names(self.map)):
            self.tensor(name)

    def _compared(self):
        """The names of the tensors and operations that the checks run, where they exist."""
        names = self.cells.tensors
        names += [source.name for source in self.map.outputs.values()]
        for place in ("logits", "loss", "train", "gradients", "row_gradients"):
            with suppress(NotOffered):
                names.append(getattr(self.places, place))
        return [name for name in tf1.nest.flatten(names) if name is not None]

    @property
    def _targets(self):
        """The names of the tensors that are compared, with the loss."""
        names = self._of_outputs
        with suppress(NotOffered):
            names.append(self.places.loss)
        return names

    @property
    def _of_outputs(self):
        names = [self.places.logits, self.cells.tensors]
        names += [source.name for source in self.map.outputs.values()]
        return [name for name in tf1.nest.flatten(names) if name is not None]

    # Outputs and gradients.

    @property
    def output_names(self):
        """The names of the outputs that `forward` returns, except the logits."""
        return [*self.map.outputs, *self.cells.names]

    @property
    def families(self):
        """The family of tf1port.cells.families of each recurrent layer, by name."""
        cells = {entry.name: entry.cell for entry in self.weight_map.entries}
        return {name: cell.family for name, cell in cells.items() if cell is not None}

    @property
    def input_changes(self):
        """The mistakes that a diagnosis may try on the inputs."""
        return input_changes(self.map)

    def weights(self):
        return self._named(self.whole.read(self.weight_map.variables))

    def forward(self, inputs):
        feed = self._feeding(inputs)
        tensors = {name: self.tensor(source.name) for name, source in self.map.outputs.items()}
        if self.places.logits is not None:
            tensors["logits"] = self.tensor(self.places.logits)
        outputs = self.whole.run(tensors, feed)
        for name, source in self.map.outputs.items():
            outputs[name] = source.to_keras(outputs[name])
        if "logits" in outputs:
            outputs["logits"] = self._as_model(outputs["logits"], inputs)
        return {**outputs, **self.cells.run(self.whole, feed)}

    def forward_lengths(self, inputs, lengths):
        inputs = with_lengths(self.map, inputs, lengths)
        for source in self.map.inputs.values():
            shape, _ = self.program.spec(source)
            if shape is None or (shape and shape[0]):
                raise NotOffered("the graph takes batches of one size alone")
        return self.forward(inputs)

    def gradients(self, inputs, labels):
        loss = self.tensor(self.places.loss)
        places = [self.places.gradients, self.places.row_gradients]
        tensors, tables = tf1.nest.map_structure(self.whole.tensor, places)
        feed = self._feeding(inputs, labels=labels, training=True)
        with self._put_back(set(self.weight_map.variables) - tensors.keys() - tables.keys()):
            loss, gradients, rows = self.whole.run([loss, tensors, tables], feed)
        _check_scalar(loss, self.places.loss)
        for name, pairs in rows.items():
            gradients[name] = _summed(pairs, self.program.checkpoint.shapes[name], self.dtype)
        return loss, self._named(gradients, linear=True)

    @contextmanager
    def _put_back(self, names):
        """Restores variables at the end: gradients under UPDATE_OPS move statistics."""
        before = self.whole.read(names) if names else {}
        try:
            yield
        finally:
            if before:
                self.whole.assign(before)

    @contextmanager
    def drawn_anew(self, seed: int) -> Iterator[None]:
        """Random values of its variables, the same in every dtype, until the context ends."""
        names = self.redrawn.drawn
        sources = [pair for entry in self.weight_map.entries for pair in entry.sources.items()]
        positive = {source.name for role, source in sources if role == "moving_variance"}
        checkpoint = self.program.checkpoint
        with self._put_back(names):
            drawn = redrawing.values(names, checkpoint, positive=positive, seed=seed)
            self.whole.assign(drawn)
            yield

    @property
    def redrawn(self) -> redrawing.Redrawn:
        """Which of the variables behind the outputs and the loss are drawn anew."""
        return redrawing.find(
            self.whole.graph,
            self._targets,
            self.program.checkpoint,
            fed=feeding.names(self.map),
            mapped=set(self.weight_map.variables),
            trained=self.places.trains,
        )

    @cached_property
    def unmapped(self) -> dict[str, list[str]]:
        """The placeholders that the map does not name, of those that outputs and loss depend on."""
        graph, known = self.program.graph, feeding.names(self.map)
        outputs = varying.find(graph, self._of_outputs, known)
        with suppress(NotOffered):
            loss = varying.find(graph, [self.places.loss], known)
            return {"outputs": outputs, "loss": [name for name in loss if name not in outputs]}
        return {"outputs": outputs}

    @property
    def always_fed(self) -> list[str]:
        """What outputs depend on, in a prediction as well, and [feed] has one value for."""
        fed = {full_name(name) for name in self.map.feed}
        known = [name for name in feeding.names(self.map) if name not in fed]
        found = varying.find(self.program.graph, self._of_outputs, known)
        return [name.removesuffix(":0") for name in found if name in fed]

    def vary(self, quantity: str, names: Any, batch: Any, seed: int) -> dict[str, Any]:
        """Its outputs, or its loss, by each value of some placeholders that it takes.

        Args:
            quantity: "outputs" or "loss". names: of placeholders. batch: inputs and labels.

        Returns: {"NAME = VALUE": arrays by name}.
        """
        inputs, labels = batch
        steps = max([array.shape[1] for array in inputs.values() if array.ndim > 1], default=2)
        found = {}
        for name in names:
            default = np.asarray(self.whole.run(self.tensor(name), self._feeding(inputs)))
            for value in varying.values(default, steps=steps, seed=seed):
                with suppress(UserError), self._feeding.with_others({name: value}):
                    arrays = self._asked(quantity, inputs, labels)
                    if all(np.all(np.isfinite(array)) for array in arrays.values()):
                        found[varying.label(name, value)] = arrays
        return found

    def _asked(self, quantity, inputs, labels):
        if quantity == "outputs":
            return self.forward(inputs)
        feed = self._feeding(inputs, labels=labels, training=True)
        return {"loss": self.whole.run(self.tensor(self.places.loss), feed)}

    def accuracy(self, inputs, labels):
        return accuracy(self._as_model(self._logits(inputs), inputs), labels)

    def export(self, folder):
        if self.places.logits is None:
            raise NotOffered(_NO_LOGITS)
        logits = self.tensor(self.places.logits)
        if self.head.squashed or self._has_rows(logits):
            # The export of the port is compared with the port, whose logits are the graph's.
            raise NotApplicable("the graph's own logits are of another form than the model's")
        if any(source.partial for source in self.map.inputs.values()):
            raise NotApplicable("some inputs of the model are parts of one tensor of the graph")
        exporting.write(self.whole, self.places.logits, self.map, folder)

    def train_steps(self, batches):
        losses = []
        loss, train = self.tensor(self.places.loss), self.whole.operation(self.places.train)
        for inputs, labels in batches:
            feed = self._feeding(inputs, labels=labels, training=True)
            losses.append(self.whole.run([loss, train], feed)[0])
            _check_scalar(losses[-1], self.places.loss)
            self._steps += 1
            if self.dtype == "float64":  # TF1's powers of beta are float32 there as well (D8)
                self.whole.round(self.places.powers.values())
        return np.array(losses)

    # Optimizer, state and constants.

    def _take_rate(self, batch):
        """Reads a learning rate that the graph computes, or is fed, at the start."""
        if self.optimizer is not None and "learning_rate" in self.optimizer.unknown:
            feed = self._training(batch)
            with suppress(UserError):  # the checks of training report what else is missing
                self.optimizer = with_rate(self.optimizer, self.places.applied, self.whole, feed)
            self.config = self._traits()

    def _training(self, batch):
        inputs, labels = batch
        return self._feeding(inputs, labels=labels, training=True)

    def rates(self, batch: Any, counts: Any) -> list[float] | None:
        """The learning rate after some numbers of steps; None where there are several or none."""
        step = self.program.inventory.counters.get("global_step")
        names = self._rate_tensors
        changes = any(constants.depends_on_variables(self.whole.graph, name) for name in names)
        if not names or (step is None and changes):  # it may have a step counter of its own
            return None
        feed, rates_by_count = self._training(batch), []
        tensors = [self.tensor(name) for name in names]
        with self._put_back([] if step is None else [step]):
            for count in counts:
                if step is not None:
                    self.whole.assign({step: count})
                rates = {float(np.float32(rate)) for rate in self.whole.run(tensors, feed)}
                rates_by_count.append(rates.pop())
                if rates or step is None:
                    break
        if rates:
            return None
        return rates_by_count * len(counts) if step is None else rates_by_count

    def cell_constants(self) -> dict[str, Any]:
        """The clips of its cells, by name."""
        return constants.clips_of_graph(self.cells.layers)

    def optimizer_constants(self, batch: Any, counts: Any = ()) -> dict[str, Any]:
        """The options of its optimizer, and the learning rate after some numbers of steps."""
        if self.optimizer is None:
            raise NotOffered("the graph's optimizer is not known")
        rates = {}
        if not self._rate_is_fed:
            before = self.state()  # a rate may wait for the updates of a normalization
            rates = constants.rates_of_graph(self, batch, counts)
            self.restore(before)
        return {**constants.of_graph(self.optimizer), **rates}

    def turning_points(self) -> list[float]:
        """The constants that its learning rate is computed from."""
        return [number for name in self._rate_tensors for number in self._behind(name)[0]]

    @property
    def _rate_is_fed(self):
        return any(self._behind(name)[1] for name in self._rate_tensors)

    @property
    def _rate_tensors(self):
        return sorted({op.arguments["lr"] for op in self.places.applied.values()})

    def _behind(self, name):
        return constants.numbers_behind(self.whole.graph, name)

    def drops(self, batch: Any) -> bool:
        """Whether dropout is active in training, with the map's feeds."""
        if self._drops is None:
            inputs, labels = batch
            losses = []
            for whole in (self.whole, self._graph(dropout.DROP)):
                feeding = Feeding(self.map, whole.tensor, self.own_dtype)
                feed = feeding(inputs, labels=labels, training=True)
                losses.append(whole.run(whole.tensor(self.places.loss), feed))
            self._drops = not np.array_equal(*losses)
        return self._drops

    @property
    def may_drop(self) -> bool:
        """Whether there is dropout in the graph, active or not."""
        own = self.program.graph.graph_def
        return dropout.drawn(own, dropout.KEEP) is not own

    def shares(self) -> np.ndarray:
        """The keep probabilities that its dropout may have."""
        values = {**self.map.feed, **self.map.feed_training}.values()
        floats = [np.asarray(value, self.own_dtype) for value in values if type(value) is float]
        return dropout.shares(self.program.graph.graph_def, floats)

    def slots(self):
        if self.optimizer is None:
            raise NotOffered("the graph's optimizer is not known")
        return self._slots(self.whole.read)

    def state(self):
        # A graph for inference has a state as well; one with an unknown train op hides its slots.
        has_slots = self.optimizer is not None or "train" in self.map.graph
        return State(self.weights(), self.slots() if has_slots else {}, self._steps)

    def restore(self, state):
        values = self._variables(state)
        counters = self.program.inventory.counters
        if "global_step" in counters:
            values[counters["global_step"]] = state.count
        for kind, power in optimizers.tf1_powers(self.config, state.count).items():
            if kind in self.places.powers:
                values[self.places.powers[kind]] = power
        self.whole.assign(values)
        self._steps = state.count

    def _round_start(self):
        """Sets an upcast graph to the checkpoint's values as rounded by their conversion to Keras.

        In float32 a forget bias is added there, or a momentum multiplied by the rate.
        """

        def read(names):
            return {name: self.program.checkpoint.read(name) for name in names}

        weights = self._named(read(self.weight_map.variables))
        self.whole.assign(self._variables(State(weights, self._slots(read), 0)))

    def _slots(self, read):
        """The slots in Keras' form; `read` is a function from variables' names to their values."""
        slots: dict[str, Any] = {}
        if self.optimizer is None:
            return slots
        for slot, names in self._shared_slots().items():
            values = read(names.values())
            arrays = {variable: values[name] for variable, name in names.items()}
            for name, value in self._named(arrays, linear=True).items():
                slots[f"{name}/{slot}"] = self.optimizer.as_keras(value)
        return slots

    def _shared_slots(self):
        """The slots that Keras has as well: no momentum where it is 0."""
        if self.optimizer is None:
            return {}
        options = self.optimizer.options
        return {slot: of for slot, of in self.places.slots.items() if options.get(slot) != 0}

    def _variables(self, state):
        """The graph's variables of a State's weights and slots, in the side's dtype."""
        values = self.weight_map.to_tf1(cast(state.weights, self.dtype))
        for slot, names in self._shared_slots().items():
            named = cast(of_slot(state.slots, slot), self.dtype)
            for name, array in self.weight_map.to_tf1(named, linear=True).items():
                values[names[name]] = (
                    array if self.optimizer is None else self.optimizer.as_tf1(array)
                )
        return values

    def _as_tf1(self, slot):
        return slot if self.optimizer is None else self.optimizer.as_tf1(slot)

    # Names and forms.

    def tensor(self, name: str) -> Any:
        """The tensor of a name. Raises UserError where the graph has none."""
        return self._feeding.tensor(name)

    def _as_model(self, logits, inputs):
        """Logits in the order and the form of the model's."""
        if "logits" in self.map.graph:
            logits = self.map.graph["logits"].to_keras(logits)
        if self._has_rows(logits):
            logits = in_steps(logits, inputs, self._logits)
        return squashed(logits, self.head.squashed)

    def _logits(self, inputs):
        if self.places.logits is None:
            raise NotOffered(_NO_LOGITS)
        return self.whole.run(self.tensor(self.places.logits), self._feeding(inputs))

    def _has_rows(self, logits):
        """Whether logits [rows, N] are rows of all steps, where the model has [B, T, N]."""
        return len(logits.shape) == 2 and self.head.rank == 3

    def _named(self, arrays, *, linear=False):
        return self.weight_map.to_keras(arrays, linear=linear)


def _check_scalar(loss, name):
    if np.ndim(loss):
        raise NotOffered(f'{name} is no single number: give [graph] loss = "ITS TENSOR" in the map')


def _summed(pairs, shape, dtype):
    """The gradient of a whole table from pairs of gradients of rows and their ids."""
    table = np.zeros(shape, dtype)
    for rows, ids in pairs:
        np.add.at(table, np.ravel(ids), np.reshape(rows, (-1, *shape[1:])))
    return table
