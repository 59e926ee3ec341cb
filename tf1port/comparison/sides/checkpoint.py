"""A TF1 checkpoint with its graph behind the protocol of tf1port/comparison/sides/protocol.py."""

import functools
from contextlib import contextmanager, suppress

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.comparison.sides import exporting
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
from tf1port.comparison.sides.sources import input_changes, with_lengths
from tf1port.comparison.sides.traits import traits
from tf1port.comparison.sides.weight_map import WeightMap
from tf1port.errors import UserError
from tf1port.numerics import optimizers
from tf1port.pitfalls.layers import changes
from tf1port.tf1.graph.pruning import full_name
from tf1port.tf1.session.probing import row_order
from tf1port.tf1.session.recurrent_part import of_run, static_sizes, tensors_of
from tf1port.tf1.session.whole_graph import WholeGraph

_NO_LOGITS = "no logits are found: name them in [graph]"


class CheckpointSide(Side):
    """The graph of a checkpoint, from the values that it holds.

    Args:
        conversion: what tf1port.conversion.plan.read found, with its graph.
        port_map: tf1port.comparison.port.port_map.PortMap.
        dtype: "float64" makes the graph's float32 wider.

    Attributes:
        output_names: of what `forward` gives besides the logits.
        untold: {name: why} of weights whose gradients and slots are not told.

    Raises:
        UserError: the map does not fit the graph.
    """

    def __init__(self, conversion, port_map, *, dtype):
        self.conversion, self.map, self.dtype = conversion, port_map, dtype
        self.weight_map = WeightMap(port_map.layers, conversion)
        optimizer = conversion.blueprint.optimizer
        self.config = traits(optimizer, forget_bias=self.weight_map.adds_forget_bias)
        widened = dtype != conversion.blueprint.dtype
        sources = [one for one in (*port_map.inputs.values(), port_map.labels) if one is not None]
        self.whole = WholeGraph(
            conversion.graph.graph_def,
            widened=widened,
            fed=[full_name(name) for name in (*(s.name for s in sources), *port_map.feed)],
            trust=conversion.graph.trust,
        )
        self.whole.restore(conversion.checkpoint)
        self._steps = 0 if optimizer is None else optimizer.iterations
        self.places = Places(conversion, port_map, self.weight_map.variables, self.whole.graph)
        self._layers = _recurrent_layers(conversion.network, port_map)
        self._row_order = functools.cache(functools.partial(row_order, conversion))
        self.whole.want(self._compared())
        if widened:
            self._round_start()

    def _compared(self):
        """The names of what is run: what does not exist here is noticed at once."""
        runs = [layer.run for layer in self._layers.values()]
        found = [tensors_of(run) for run in runs]
        found += [one.name for one in self.map.outputs.values()]
        for part in ("logits", "loss", "train", "gradients", "row_gradients"):
            with suppress(NotOffered):
                found.append(getattr(self.places, part))
        return [name for name in tf1.nest.flatten(found) if name is not None]

    # What it computes.

    @property
    def output_names(self):
        """The names of what `forward` gives, but for the logits."""
        found = list(self.map.outputs)
        for name, layer in self._layers.items():
            outputs, _ = tensors_of(layer.run)
            found += [name] if outputs and not layer.residual else []
            found += [f"{name}/{part}" for part in "hc"[: len(layer.run.initial)]]
        return found

    @property
    def changes(self):
        """The mistakes that a diagnosis may try on the weights."""
        return changes(self.families)

    @property
    def families(self):
        """The family of tf1port.cells.families of each recurrent layer, by name."""
        return {e.name: e.parts[0].family for e in self.weight_map.entries if e.parts}

    @property
    def input_changes(self):
        """The mistakes that a diagnosis may try on the inputs, by cause."""
        return input_changes(self.map)

    @property
    def shapes(self):
        """The shapes of the placeholders of the map's inputs; None for an open size or shape."""
        found = {}
        for source in self.map.inputs.values():
            shape = self._placeholder(source.name).shape
            found[source.name] = tuple(shape.as_list()) if shape.rank is not None else None
        return found

    @property
    def sizes(self):
        """The batch size and the number of steps that the cells take; None for any."""
        return static_sizes(self.conversion.graph, self.conversion.network.recurrent[0].run)

    def weights(self):
        return self._named(self.whole.read(self.weight_map.variables))

    def forward(self, inputs):
        feed = self._feed(inputs)
        names = {name: one.name for name, one in self.map.outputs.items()}
        if self.places.logits is not None:
            names["logits"] = self.places.logits
        found = self.whole.run({name: self.whole.tensor(one) for name, one in names.items()}, feed)
        for name, source in self.map.outputs.items():
            found[name] = source.to_keras(found[name])
        if "logits" in found:
            found["logits"] = self._in_order(found["logits"], inputs)
        return {**found, **self._cells(feed)}

    def forward_lengths(self, inputs, lengths):
        inputs = with_lengths(self.map, inputs, lengths)
        if any(shape is None or shape[0] for shape in self.shapes.values()):
            raise NotOffered("the graph takes batches of one size alone")
        return self._cells(self._feed(inputs))

    def _cells(self, feed):
        """The outputs and final states of the map's cells, by name."""
        runs = {name: layer.run for name, layer in self._layers.items()}
        cells = {name: tensors_of(run) for name, run in runs.items()}
        starts = {name: list(run.initial) for name, run in runs.items()}
        lengths = {name: [run.lengths] if run.lengths else [] for name, run in runs.items()}
        tensors = tf1.nest.map_structure(self.whole.tensor, [cells, starts, lengths])
        cells, starts, lengths = self.whole.run(tensors, feed)
        found = {}
        for name, layer in self._layers.items():
            of_each = lengths[name][0] if lengths[name] else None
            sequence, states, _ = of_run(layer, cells[name], starts[name], of_each)
            found[name] = sequence
            found.update({f"{name}/{part}": s for part, s in zip("hc", states, strict=False)})
        return {name: value for name, value in found.items() if name in self.output_names}

    def gradients(self, inputs, labels):
        places = [self.places.gradients, self.places.row_gradients]
        tensors, tables = tf1.nest.map_structure(self.whole.tensor, places)
        feed = self._feed(inputs, labels=labels, training=True)
        with self._put_back(set(self.weight_map.variables) - tensors.keys() - tables.keys()):
            loss, gradients, rows = self.whole.run(
                [self.whole.tensor(self.places.loss), tensors, tables], feed
            )
        for name, pairs in rows.items():
            gradients[name] = _summed(pairs, self.conversion.checkpoint.shapes[name], self.dtype)
        return loss, self._named(gradients, linear=True)

    @contextmanager
    def _put_back(self, names):
        """Variables that change within go back: gradients under UPDATE_OPS move statistics."""
        before = self.whole.read(names) if names else {}
        yield
        if before:
            self.whole.assign(before)

    def accuracy(self, inputs, labels):
        if self.places.logits is None:
            raise NotOffered(_NO_LOGITS)
        logits = self.whole.run(self.whole.tensor(self.places.logits), self._feed(inputs))
        return accuracy(self._in_order(logits, inputs), labels)

    def export(self, folder):
        if self.places.logits is None:
            raise NotOffered(_NO_LOGITS)
        if self._has_rows(self.whole.tensor(self.places.logits)):
            # The export of the port is compared with the port, whose logits are the graph's.
            raise NotApplicable("the graph's own logits are rows of all steps")
        exporting.write(self.whole, self.places.logits, self.map, folder)

    def train_steps(self, batches):
        losses = []
        loss = self.whole.tensor(self.places.loss)
        train = self.whole.operation(self.places.train)
        for inputs, labels in batches:
            feed = self._feed(inputs, labels=labels, training=True)
            losses.append(self.whole.run([loss, train], feed)[0])
            self._steps += 1
            if self.dtype == "float64":  # TF1's powers of beta are float32 there as well (D8)
                self.whole.round(self.places.powers.values())
        return np.array(losses)

    # What it holds.

    @property
    def optimizer(self):
        """The tf1port.keras_model.optimizer.OptimizerSpec of the graph; None where not known."""
        return self.conversion.blueprint.optimizer

    def slots(self):
        if self.optimizer is None:
            raise NotOffered("the graph's optimizer is not known")
        return self._slots(self.whole.read)

    def state(self):
        # A graph that only infers has a state as well; one with a train op of its own hides it.
        known = self.optimizer is not None or "train" in self.map.graph
        return State(self.weights(), self.slots() if known else {}, self._steps)

    def restore(self, state):
        values = self._variables(state)
        counters = self.conversion.counters
        if "global_step" in counters:
            values[counters["global_step"]] = state.count
        for kind, power in optimizers.tf1_powers(self.config, state.count).items():
            if kind in self.places.powers:
                values[self.places.powers[kind]] = power
        self.whole.assign(values)
        self._steps = state.count

    def _round_start(self):
        """A graph made wider starts from what float32 makes of the checkpoint in Keras' form.

        There a forget bias was added, or a momentum multiplied by the rate.
        """

        def read(names):
            return {name: self.conversion.checkpoint.read(name) for name in names}

        weights = self._named(read(self.weight_map.variables))
        self.whole.assign(self._variables(State(weights, self._slots(read), 0)))

    def _slots(self, read):
        """The slots in Keras' form; `read` gives the values of variables by name."""
        found = {}
        for slot, names in self.places.slots.items():
            values = read(names.values())
            arrays = {variable: values[name] for variable, name in names.items()}
            as_keras = self.optimizer.as_keras
            for name, value in self._named(arrays, linear=True).items():
                found[f"{name}/{slot}"] = as_keras(value)
        return found

    def _variables(self, state):
        """The graph's variables of a State's weights and slots, in the side's dtype."""
        values = self.weight_map.to_tf1(cast(state.weights, self.dtype))
        for slot, names in self.places.slots.items():
            named = cast(of_slot(state.slots, slot), self.dtype)
            as_tf1 = self.optimizer.as_tf1
            for name, array in self.weight_map.to_tf1(named, linear=True).items():
                values[names[name]] = as_tf1(array)
        return values

    # How it is fed and named.

    def _in_order(self, logits, inputs):
        """Logits in the order of the model's: rows of all steps, [rows, N], become [B, T, N]."""
        if "logits" in self.map.graph:
            return self.map.graph["logits"].to_keras(logits)
        if not self._has_rows(logits):
            return logits
        batch, steps = next(iter(inputs.values())).shape[:2]
        found = np.empty_like(logits)
        found[self._row_order(batch, steps)] = logits
        return found.reshape(batch, steps, -1)

    def _has_rows(self, logits):
        """Whether logits [rows, N] are of all steps, in an order that the graph knows."""
        found = self.conversion.network.takes == "steps" and len(logits.shape) == 2
        return found and "logits" not in self.map.graph

    def _feed(self, inputs, *, labels=None, training=False):
        given = dict(self.map.feed)
        given.update(self.map.feed_training if training else {})
        for name, source in self.map.inputs.items():
            value = inputs[name]
            given[source.name] = value.sum(axis=1) if source.lengths else source.to_tf1(value)
        if labels is not None and self.map.labels is not None:
            given[self.map.labels.name] = self.map.labels.to_tf1(labels)
        return {self._placeholder(name): value for name, value in given.items()}

    def _placeholder(self, name):
        try:
            return self.whole.tensor(name)
        except (KeyError, ValueError):
            raise UserError(f"the graph has no {name}: name a placeholder of it") from None

    def _named(self, arrays, *, linear=False):
        return self.weight_map.to_keras(arrays, linear=linear)


def _recurrent_layers(network, port_map):
    """The cells of a map by their entry's name."""
    layers = {layer.cell.scope: layer for layer in network.recurrent}
    scopes = {name: entry for name, entry in port_map.layers.items() if isinstance(entry, str)}
    found = {name: layers.get(scope) for name, scope in scopes.items()}
    return {name: layer for name, layer in found.items() if layer and layer.run}


def _summed(pairs, shape, dtype):
    """Gradients of single rows, given as pairs of rows and ids, as that of the whole table."""
    found = np.zeros(shape, dtype)
    for rows, ids in pairs:
        np.add.at(found, ids, rows)
    return found
