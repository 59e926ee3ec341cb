"""Runs a TF1 graph as it stands, from its placeholders to its outputs, on random inputs.

Of what convert read only the names of the input and output tensors are used: the placeholders are
fed, and the graph starts from its own initial states. Dropout alone is left out.
"""

from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.conversion.given import NOTHING
from tf1port.conversion.random_feeds import RandomFeeds
from tf1port.errors import UserError
from tf1port.tf1.checkpoint.partitions import axis
from tf1port.tf1.graph.dependencies import behind
from tf1port.tf1.graph.index import VARIABLES, Graph
from tf1port.tf1.session.recurrent_subgraph import run_outputs, run_tensors
from tf1port.tf1.session.whole_graph import WholeGraph

POSITIVE = "moving_variance"  # the role of weights that are never below zero
_LAYOUTS = ("batch first", "time first", "square")


class RunResult(NamedTuple):
    """A run of the graph.

    inputs: the inputs for the model, one array per candidate layout. lengths: [B] or None.
    outputs: the expected output of the model, in the graph's layout.
    """

    inputs: list[np.ndarray]
    lengths: np.ndarray | None
    outputs: np.ndarray


class OriginalGraph:
    """A session on the subgraph from the placeholders of a graph to its outputs.

    Attributes:
        computed: those of "inputs" and "lengths" that differed from the fed values in some run:
            the graph rearranges, selects or converts them before the layers of the model.

    Raises:
        UserError: an op does not exist here, or not in float64, or is not trusted.
    """

    def __init__(self, conversion, *, upcast, given=NOTHING):
        self.conversion, self.ends, self._given = conversion, conversion.ends, given
        self.dtype = "float64" if upcast else conversion.blueprint.dtype
        run = conversion.network.levels[0].forward[0].run
        self.computed: set[str] = set()
        self._feeds = RandomFeeds(conversion, given)
        self._cell_inputs = [run.inputs] if run.inputs else [step.x for step in run.steps]
        self._tops = [conversion.network.recurrent[i] for i in conversion.network.top]
        targets = [*self._cell_inputs, *self._outputs(), self.ends.model_tensors[0]]
        targets += [run.lengths] if run.lengths else []
        self._session = WholeGraph(
            inference(conversion.graph),
            upcast=upcast,
            targets=targets,
            aliases=conversion.graph.aliases,
        )
        graph = self._session.graph
        flags = conversion.graph.inference.flags
        nodes, sources = behind(graph, targets, cut={name.rpartition(":")[0] for name in flags})
        self._sources = sorted(sources)
        self._flags = {n: on for n, on in flags.items() if n.rpartition(":")[0] in nodes}
        self._variables = sorted(n for n in nodes if graph.nodes[n].op in VARIABLES)
        self._session.restore(conversion.checkpoint)
        self.assign(
            {name: conversion.checkpoint.read(name) for name in conversion.network.variables}
        )

    def assign(self, variables, stream=None):
        """Sets the network's variables; with a stream also perturbs all other float variables."""
        values = {}
        for name, value in variables.items():
            values.update(by_stored_name(self._session.graph, name, value))
        if stream is not None:
            remaining = [name for name in self._variables if name not in values]
            for name, value in self._session.read(remaining).items():
                if np.issubdtype(value.dtype, np.floating):
                    values[name] = perturbed(value, stream, role=name)
        present = {
            name: value for name, value in values.items() if name in self._session.graph.nodes
        }
        self._session.assign(present)

    def __call__(self, stream, batch, steps):
        """Runs random inputs of a size, in the first layout that the graph accepts.

        Raises:
            UserError: it accepts none.
        """
        faults = []
        for layout in _LAYOUTS:
            try:
                return self._run(stream, batch, steps, layout)
            except UserError as error:
                faults.append(error)
        raise faults[0]

    def _outputs(self):
        if self.conversion.network.compared:
            return self.ends.outputs
        return [n for layer in self._tops for names in run_tensors(layer.run) for n in names]

    def _run(self, stream, batch, steps, layout):
        batch = steps if layout == "square" else batch
        first, second = (steps, batch) if layout == "time first" else (batch, steps)
        flags = {**self._flags, **self._given.constants}
        feed = {self._session.tensor(name): flags[name] for name in self._flags}
        for name in self._sources:
            tensor = self._session.tensor(name)
            value = self._feeds.value(
                name, tensor, stream, (first, second), batch=batch, steps=steps
            )
            if value is not None:
                feed[tensor] = value
        run = self.conversion.network.levels[0].forward[0].run
        fetches = [self._cell_inputs, self._outputs(), [self.ends.model_tensors[0]]]
        fetches.append([run.lengths] if run.lengths else [])
        tensors = [[self._session.tensor(name) for name in names] for names in fetches]
        cell_inputs, outputs, (entry,), lengths_run = self._session.run(tensors, feed)
        cells = cell_inputs[0].swapaxes(0, 1) if run.inputs else np.stack(cell_inputs, axis=1)
        lengths = lengths_run[0] if lengths_run and self.conversion.blueprint.masked else None
        candidates = self._model_inputs(cells, entry)
        input_fed = self._value_fed(feed, self.ends.inputs)
        if input_fed is not None:
            layouts = [input_fed, input_fed.swapaxes(0, 1)] if input_fed.ndim > 1 else [input_fed]
            candidates, unmatched = (
                [candidate for candidate in candidates if _is_any_of(candidate, layouts)],
                candidates,
            )
            input_fed, candidates = (input_fed, candidates) if candidates else (None, unmatched)
        self.computed |= {"inputs"} if input_fed is None else set()
        if lengths is not None and not _is_any_of(
            lengths, [self._value_fed(feed, self.ends.lengths)]
        ):
            self.computed.add("lengths")
        return RunResult(candidates, lengths, self._as_array(outputs, lengths))

    def _value_fed(self, feed, entry):
        """The value that was fed to an entry; None where the entry is computed."""
        return feed.get(self._session.tensor(entry.tensor)) if entry.fed else None

    def _model_inputs(self, cells, entry):
        """The inputs of the model, in each layout that fits the sizes."""
        if not self.conversion.network.before:
            return [cells]
        batch, steps = cells.shape[:2]
        features = self.conversion.blueprint.features
        width = () if features is None else (features,)
        candidates = []
        if entry.ndim == 2 + len(width):
            layouts = (entry, entry.swapaxes(0, 1))
            candidates = [
                layout for axis, layout in enumerate(layouts) if entry.shape[axis] == batch
            ]
        elif entry.size == batch * steps * int(np.prod(width)):
            time_first = entry.reshape(steps, batch, *width).swapaxes(0, 1)
            candidates = [entry.reshape(batch, steps, *width), time_first]
        if not candidates:
            tensor, shape = self.ends.model_tensors[0], list(entry.shape)
            raise UserError(f"{tensor} is {shape}, for {batch} rows of {steps} steps")
        return candidates

    def _as_array(self, outputs, lengths):
        """The outputs as one array: those of a head unchanged, those of cells as [B, T, U]."""
        if self.conversion.network.compared:
            return outputs[0] if len(outputs) == 1 else np.stack(outputs, axis=1)
        sequences, values = [], list(outputs)
        for layer in self._tops:
            tensors = [[values.pop(0) for _ in names] for names in run_tensors(layer.run)]
            zeros = tuple(np.zeros_like(value[0]) for value in tensors[1])
            sequences.append(run_outputs(layer, tensors, zeros, lengths)[0])
        if any(sequence is None for sequence in sequences):
            raise UserError("the graph keeps the outputs of its cells to itself")
        return np.concatenate(sequences, axis=-1)


def inference(graph):
    """A tf1port.tf1.graph.index.Graph without dropout, otherwise as it stands.

    A batch normalization that has no switch for inference uses its moving averages.
    """
    replacements = graph.inference.always_replaced
    if not replacements:
        return graph.whole
    graph_def = tf1.GraphDef()
    graph_def.library.CopyFrom(graph.graph_def.library)
    graph_def.versions.CopyFrom(graph.graph_def.versions)
    graph_def.node.extend(replacements.get(node.name, node) for node in graph.graph_def.node)
    return Graph(graph_def, backward=True, trust=graph.trust)


def _is_any_of(array, candidates):
    """Whether an array equals one of the candidates, with the same kind of dtype."""
    return any(
        candidate is not None
        and candidate.dtype.kind == array.dtype.kind
        and np.array_equal(array, candidate)
        for candidate in candidates
    )


def perturbed(value, stream, *, role):
    """Random values of about the same scale, all different from the given ones and from zero.

    Noise beyond the scale of a large kernel would make its cell chaotic.
    """
    noise = stream.normal(0, _noise(value), value.shape)
    noise = np.abs(noise) if role.endswith(POSITIVE) else noise
    return value * stream.uniform(0.5, 1.5, value.shape) + noise


def perturbed_by_role(arrays, stream):
    """Random values of all weights of a layer, by role."""
    return {role: perturbed(value, stream, role=role) for role, value in arrays.items()}


def _noise(value):
    """A standard deviation: the values' own, 0.1 at most and where they are all zero."""
    size = float(np.sqrt(np.mean(np.square(value, dtype="float64")))) if value.size else 0.0
    return min(size, 0.1) if np.isfinite(size) and size > 0 else 0.1


def by_stored_name(graph, name, value):
    """A variable's value by the names of its variables in a graph: its partitions, or itself."""
    names: list[str] = []
    while f"{name}/part_{len(names)}" in graph.nodes:
        names.append(f"{name}/part_{len(names)}")
    if not names or (name in graph.nodes and graph.nodes[name].op in VARIABLES):
        return {name: value}
    shapes = [graph.shape_of(name) for name in names]
    split_axis = axis(shapes)
    offsets = np.cumsum([shape[split_axis] for shape in shapes])[:-1]
    return dict(zip(names, np.split(value, offsets, axis=split_axis), strict=True))
