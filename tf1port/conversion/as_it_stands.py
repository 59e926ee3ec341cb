"""A TF1 graph as it stands, from what it is fed to its outputs, run on random inputs.

Of how it was read only its ends are used: its placeholders are fed and it starts from its own
states. Dropout alone is left out.
"""

from typing import Any, NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError
from tf1port.tf1.checkpoint.partitions import axis
from tf1port.tf1.graph.ends import behind
from tf1port.tf1.graph.index import VARIABLES
from tf1port.tf1.session.recurrent_part import of_run, tensors_of
from tf1port.tf1.session.whole_graph import WholeGraph

_POSITIVE = "moving_variance"  # the role of weights that are never below zero
_LAYOUTS = ("batch first", "time first", "square")


class Ran(NamedTuple):
    """What a run of the graph took and gave.

    inputs: what the model is to be given, one array per way to lay it out. lengths: [B] or None.
    outputs: the array that the model's output should be, in the graph's layout.
    """

    inputs: list[np.ndarray]
    lengths: np.ndarray | None
    outputs: np.ndarray


class GraphAsItStands:
    """A session on what leads from the inputs of a graph to its outputs.

    Attributes:
        computed: of "inputs" and "lengths" those that were not, in some run, what was fed: then the
            graph moves, picks or converts them before the model takes them.

    Raises:
        UserError: an op does not exist here, or not in float64; or is not to be trusted.
    """

    def __init__(self, conversion, *, widened):
        self.conversion, self.ends = conversion, conversion.ends
        self.dtype = "float64" if widened else conversion.blueprint.dtype
        run = conversion.network.levels[0].forward[0].run
        self.computed: set[str] = set()
        self._taken = [run.inputs] if run.inputs else [step.x for step in run.steps]
        self._tops = [conversion.network.recurrent[i] for i in conversion.network.top]
        wanted = [*self._taken, *self._outputs(), self.ends.taken[0]]
        wanted += [run.lengths] if run.lengths else []
        self._whole = WholeGraph(
            inference(conversion.graph),
            widened=widened,
            targets=wanted,
            trust=conversion.graph.trust,
            aliases=conversion.graph.aliases,
        )
        whole = self._whole.graph
        flags = conversion.graph.outside.flags
        nodes, sources = behind(whole, wanted, cut={name.rpartition(":")[0] for name in flags})
        self._sources = sorted(sources)
        self._flags = {n: on for n, on in flags.items() if n.rpartition(":")[0] in nodes}
        self._variables = sorted(n for n in nodes if whole.nodes[n].op in VARIABLES)
        self._whole.restore(conversion.checkpoint)
        self.assign(
            {name: conversion.checkpoint.read(name) for name in conversion.network.variables}
        )

    def assign(self, variables, stream=None):
        """Sets the network's variables, and with a stream all others of real numbers at random."""
        values = {}
        for name, value in variables.items():
            values.update(_in_parts(self._whole.graph, name, value))
        if stream is not None:
            others = [name for name in self._variables if name not in values]
            for name, value in self._whole.read(others).items():
                if np.issubdtype(value.dtype, np.floating):
                    values[name] = noisy(value, stream)
        own = {name: value for name, value in values.items() if name in self._whole.graph.nodes}
        self._whole.assign(own)

    def __call__(self, stream, batch, steps):
        """Runs random inputs of a size, laid out in the first way that the graph takes.

        Raises:
            UserError: it takes none.
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
        return [n for layer in self._tops for part in tensors_of(layer.run) for n in part]

    def _run(self, stream, batch, steps, layout):
        batch = steps if layout == "square" else batch
        first, second = (steps, batch) if layout == "time first" else (batch, steps)
        feed = {self._whole.tensor(name): value for name, value in self._flags.items()}
        for name in self._sources:
            value = self._drawn(name, stream, (first, second), batch=batch, steps=steps)
            if value is not None:
                feed[self._whole.tensor(name)] = value
        run = self.conversion.network.levels[0].forward[0].run
        fetches = [self._taken, self._outputs(), [self.ends.taken[0]]]
        fetches.append([run.lengths] if run.lengths else [])
        tensors = [[self._whole.tensor(name) for name in names] for names in fetches]
        taken, outputs, (entry,), ends = self._whole.run(tensors, feed)
        cells = taken[0].swapaxes(0, 1) if run.inputs else np.stack(taken, axis=1)
        lengths = ends[0] if ends and self.conversion.blueprint.masked else None
        ways = self._inputs(cells, entry)
        fed = self._fed(feed, self.ends.inputs)
        if fed is not None:
            layouts = [fed, fed.swapaxes(0, 1)] if fed.ndim > 1 else [fed]
            ways, others = [way for way in ways if _is_one_of(way, layouts)], ways
            fed, ways = (fed, ways) if ways else (None, others)
        self.computed |= {"inputs"} if fed is None else set()
        if lengths is not None and not _is_one_of(lengths, [self._fed(feed, self.ends.lengths)]):
            self.computed.add("lengths")
        return Ran(ways, lengths, self._made(outputs, lengths))

    def _fed(self, feed, entry):
        """What was fed at an entry; None where it is none that is fed."""
        return feed.get(self._whole.tensor(entry.tensor)) if entry.fed else None

    def _drawn(self, name, stream, sizes, *, batch, steps):
        """Random numbers for a tensor that is fed; None: it has a default of its own."""
        tensor = self._whole.tensor(name)
        kind, dtype = tensor.op.type, tensor.dtype.as_numpy_dtype
        is_input = name == self.ends.inputs.tensor
        lengths = self.ends.lengths
        if kind == "PlaceholderWithDefault" and not is_input:
            return None
        if lengths is not None and name == lengths.tensor and tensor.shape.rank is None:
            return np.resize(self._some_lengths(steps), batch).astype(dtype)
        # Where the graph does not even say how many axes there are: a sequence, or ids of one.
        features = self.conversion.blueprint.features
        rank = 3 if is_input and features is not None else 2
        sizes_of = tensor.shape.as_list() if tensor.shape.rank is not None else [None] * rank
        open_ = [batch] if len(sizes_of) == 1 else [*sizes, *[steps] * len(sizes_of)]
        if tensor.shape.rank is None and rank == 3:
            open_[2] = features
        shape: list[Any] = [one or other for one, other in zip(sizes_of, open_, strict=False)]
        if lengths is not None and name == lengths.tensor:
            return np.resize(self._some_lengths(steps), shape).astype(dtype)
        if tensor.dtype == tf1.string:
            raise UserError(f"its input {name} is text")
        if dtype == np.bool_:
            return np.zeros(shape, bool)
        if np.issubdtype(dtype, np.floating):
            return np.asarray(stream.normal(size=shape) if shape else stream.uniform(), dtype)
        if not shape:  # a size that is fed
            return np.asarray(batch, dtype)
        return self._ids(stream, shape).astype(dtype)

    def _some_lengths(self, steps):
        """A full row, a short one and a middling one; an empty one where that makes sense."""
        network = self.conversion.network
        shortest = 1 if network.after and network.takes != "steps" else 0
        return [steps, max(shortest, network.shortest - 1), (steps + 1) // 2]

    def _ids(self, stream, shape):
        """Whole numbers below the size of every table; zeros at the ends where lengths count."""
        before = self.conversion.blueprint.before
        tables = [spec.options["input_dim"] for spec in before if spec.kind == "Embedding"]
        count = min(tables, default=2)
        lengths = self.ends.lengths
        if lengths is None or lengths.fed or len(shape) != 2:
            return stream.integers(count, size=shape)
        ids = stream.integers(min(1, count - 1), count, size=shape)
        some = np.resize([shape[1], 1, (shape[1] + 1) // 2], shape[0])
        return np.where(np.arange(shape[1]) < some[:, None], ids, 0)

    def _inputs(self, cells, entry):
        """What the model is to take, in each way that the sizes admit."""
        if not self.conversion.network.before:
            return [cells]
        batch, steps = cells.shape[:2]
        features = self.conversion.blueprint.features
        wide = () if features is None else (features,)
        found = []
        if entry.ndim == 2 + len(wide):
            ways = (entry, entry.swapaxes(0, 1))
            found = [way for axis, way in enumerate(ways) if entry.shape[axis] == batch]
        elif entry.size == batch * steps * int(np.prod(wide)):
            turned = entry.reshape(steps, batch, *wide).swapaxes(0, 1)
            found = [entry.reshape(batch, steps, *wide), turned]
        if not found:
            tensor, shape = self.ends.taken[0], list(entry.shape)
            raise UserError(f"{tensor} is {shape}, for {batch} rows of {steps} steps")
        return found

    def _made(self, outputs, lengths):
        """The outputs as one array: of a head as they are, of cells [B, T, U]."""
        if self.conversion.network.compared:
            return outputs[0] if len(outputs) == 1 else np.stack(outputs, axis=1)
        sequences, values = [], list(outputs)
        for layer in self._tops:
            parts = [[values.pop(0) for _ in part] for part in tensors_of(layer.run)]
            zeros = tuple(np.zeros_like(value[0]) for value in parts[1])
            sequences.append(of_run(layer, parts, zeros, lengths)[0])
        if any(sequence is None for sequence in sequences):
            raise UserError("the graph keeps the outputs of its cells to itself")
        return np.concatenate(sequences, axis=-1)


def inference(graph):
    """The GraphDef of a tf1port.tf1.graph.index.Graph without dropout, and otherwise as it stands.

    One that normalizes by the moments of its batch whatever it is fed takes its moving averages.
    """
    outside = graph.outside
    names = outside.nodes if outside.fixed else outside.dropped
    found = tf1.GraphDef()
    found.library.CopyFrom(graph.graph_def.library)
    found.versions.CopyFrom(graph.graph_def.versions)
    others = {name: outside.nodes[name] for name in names}
    found.node.extend(others.get(node.name, node) for node in graph.graph_def.node)
    return found


def _is_one_of(array, others):
    """Whether an array is one of some others, of the same kind of numbers."""
    return any(
        other is not None and other.dtype.kind == array.dtype.kind and np.array_equal(array, other)
        for other in others
    )


def noisy(value, stream, *, role=""):
    """Other values of about the same size: none is left where it was, nor zero."""
    noise = stream.normal(0, 0.1, value.shape)
    noise = np.abs(noise) if role.endswith(_POSITIVE) else noise
    return value * stream.uniform(0.5, 1.5, value.shape) + noise


def _in_parts(graph, name, value):
    """A variable's value by the names under which a graph has it: parts of it, or itself."""
    parts: list[str] = []
    while f"{name}/part_{len(parts)}" in graph.nodes:
        parts.append(f"{name}/part_{len(parts)}")
    if not parts or (name in graph.nodes and graph.nodes[name].op in VARIABLES):
        return {name: value}
    shapes = [graph.shape_of(part) for part in parts]
    along = axis(shapes)
    ends = np.cumsum([shape[along] for shape in shapes])[:-1]
    return dict(zip(parts, np.split(value, ends, axis=along), strict=True))
