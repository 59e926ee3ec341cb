"""Runs the recurrent subgraph of a TF1 graph, from its first cell's input, with given variables.

The layers before the cells of a third-party graph may be unknown: so the first cell's input, the
initial states and the lengths are fed directly, and only the nodes between these tensors and the
outputs are imported.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.cells.sequences import reversed_sequence
from tf1port.tf1.graph import sessions
from tf1port.tf1.graph.index import PASSING, Graph
from tf1port.tf1.graph.pruning import behind
from tf1port.tf1.graph.upcasting import subgraph_def

_WHOLE = {tf1.int32.as_datatype_enum, tf1.int64.as_datatype_enum}


class Outputs(NamedTuple):
    """The results of a run, per recurrent layer from the inputs up, and of the layers after them.

    sequences: [B, T, U], or None where the graph has no such tensor (the lower cells of a loop);
        in the order of the inputs also where a cell reads them in reverse.
    states: final (h,) or (h, c), each [B, U]; steps: of every step in the order of its run, where
        the graph does not loop.
    head: the output of the last layer behind the cells [..., N]; None where there is none.
    head_rows: the input rows [..., U] of the first of those layers.
    """

    sequences: Sequence[np.ndarray | None]
    states: list[tuple[np.ndarray, ...]]
    steps: list[list[tuple[np.ndarray, ...]]]
    head: np.ndarray | None
    head_rows: np.ndarray | None


class GraphRun:
    """A session on the recurrent subgraph of a graph.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        network: tf1port.tf1.graph.network.Network of that graph.
        variables: {name: array} of the network, of one dtype.
        upcast: float32 is upcast to float64.

    Raises:
        UserError: an op of the graph does not exist or has no kernel here, or is not trusted.
    """

    def __init__(self, graph: Graph, network, variables, *, upcast=False):
        self.graph, self.network, self.dtype = graph, network, "float64" if upcast else "float32"
        if not upcast:
            self.dtype = str(next(iter(variables.values())).dtype)
        self._runs = [layer.run for layer in network.recurrent]
        firsts = [name for level in network.levels[:1] for c in level.firsts for name in _first(c)]
        tensors = [*firsts, *(name for run in self._runs for name in _states(run))]
        session_graph = tf1.Graph()
        with session_graph.as_default():
            self._feeds = {
                name: tf1.placeholder(self._type(name)) for name in dict.fromkeys(tensors)
            }
            input_map, self._values = variable_feeds(graph, variables, dtype=self.dtype)
            input_map = {**self._feeds, **input_map}
            fetches = [name for run in self._runs for name in _flat_run_tensors(run)]
            fetches += self._head_tensors()
            subgraph = subgraph_of(graph, fetches, given=input_map, upcast=upcast)
            sessions.import_subgraph(subgraph, input_map)
        self.session = sessions.session(session_graph)

    def __call__(self, inputs, states, *, lengths=None, head=True):
        """Runs the cells and, with `head`, the layers after them.

        Args:
            inputs: [B, T, F] for the first cell.
            states: per recurrent layer its initial (h,) or (h, c), each [B, U].
            lengths: [B], where the graph has lengths.

        Returns: Outputs.

        Raises:
            UserError: the graph does not accept these sizes, or does not run here.
        """
        fetches = [run_tensors(run) for run in self._runs]
        tensors = self._head_tensors() if head else []
        feed = self._feed(inputs, states, lengths)
        *cells, dense = sessions.run(self.session, [*fetches, tensors], feed)
        results = [
            run_outputs(layer, values, state, lengths)
            for layer, values, state in zip(self.network.recurrent, cells, states, strict=True)
        ]
        sequences, finals, steps = map(list, zip(*results, strict=True))
        return Outputs(sequences, finals, steps, *(dense or (None, None)))

    def _feed(self, inputs, states, lengths):
        values = {}
        for layer in self.network.levels[0].firsts:
            sequence = reversed_sequence(inputs, lengths) if layer.backward else inputs
            if layer.run.inputs is not None:
                values[layer.run.inputs] = sequence.swapaxes(0, 1)
            else:
                values.update((step.x, sequence[:, t]) for t, step in enumerate(layer.run.steps))
        for run, state in zip(self._runs, states, strict=True):
            values.update(zip(run.initial, state, strict=True))
            if run.lengths is not None:
                values[run.lengths] = lengths
        feed = {self._feeds[name]: value for name, value in values.items() if name in self._feeds}
        return {**self._values, **feed}

    def _type(self, tensor):
        """The dtype of a fed tensor: lengths have their own."""
        lengths = {run.lengths for run in self._runs}
        return _dtype(self.graph, tensor) if tensor in lengths else self.dtype

    def _head_tensors(self):
        """The last known output after the cells and the input of the first layer there; or []."""
        count = self.network.compared
        if not count:
            return []
        output = self.network.after[count - 1].output
        return [output, self.network.after[0].inputs or output]


def variable_feeds(graph, variables, *, dtype):
    """The tensors at which a graph reads its variables, as placeholders, and the values to feed.

    As constants they would make the graph as large as the checkpoint; its limit is 2 GB.

    Returns: {tensor's name: placeholder}, {placeholder: value}.
    """
    placeholders, values = {}, {}
    for name, value in variables.items():
        placeholder = tf1.placeholder(dtype, value.shape, name="fed_variable")
        values[placeholder] = value
        placeholders[name + ":0"] = placeholder
        for node in graph.uses(name, {"ReadVariableOp"}):
            placeholders[node.name + ":0"] = placeholder
    return placeholders, values


def static_sizes(graph, run):
    """The batch size and the number of steps that a graph requires; None: any."""
    sizes = graph.shape(run.first_inputs) or [None, None]
    return (sizes[0], len(run.steps)) if run.inputs is None else (sizes[1], sizes[0])


def network_tensors(network):
    """The outputs of a network's cells and of the layers around them."""
    runs = [layer.run for layer in network.recurrent if layer.run is not None]
    layers = [layer.output for layer in (*network.before, *network.after) if layer.output]
    return [*(name for run in runs for name in _flat_run_tensors(run)), *layers]


def _first(layer):
    """The input tensors of a run."""
    run = layer.run
    return [step.x for step in run.steps] if run.inputs is None else [run.inputs]


def _states(run):
    """The initial states and the lengths of a run."""
    return [*run.initial, *([] if run.lengths is None else [run.lengths])]


def _flat_run_tensors(run):
    outputs, finals = run_tensors(run)
    return [*outputs, *finals]


def run_tensors(run):
    """The tensors of a run: outputs of all steps; final states, or all states without a loop."""
    if run.cell_states is not None:
        return [run.outputs], [run.outputs, run.cell_states]
    if run.looped:
        finals = [run.final_h, run.final_c]
        return [run.outputs] if run.outputs else [], [name for name in finals if name is not None]
    states = [name for step in run.steps for name in (step.new_h, step.new_c) if name is not None]
    return [step.output for step in run.steps], states


def run_outputs(layer, fetched, initial, lengths):
    """The sequence [B, T, U] or None, the final states, and the states of every step."""
    run, (outputs, states) = layer.run, fetched
    if run.looped:
        sequence = outputs[0].swapaxes(0, 1) if outputs else None
        finals, steps = tuple(states), []
    elif run.cell_states is None:
        kinds = len(run.initial)
        steps = [tuple(states[i : i + kinds]) for i in range(0, len(states), kinds)]
        sequence, finals = np.stack(outputs, axis=1) if run.padded else None, steps[-1]
    else:
        steps = list(zip(*states, strict=True))
        sequence, finals = np.stack([h for h, *_ in steps], axis=1), steps[-1]
        if run.lengths is not None:  # the op goes up to the longest, the graph masks its outputs
            on = np.arange(len(steps)) < lengths[:, None]
            sequence = np.where(on[:, :, None], sequence, np.zeros_like(sequence))
            finals = _at(lengths, [initial, *steps])
    if layer.backward and sequence is not None:
        sequence = reversed_sequence(sequence, lengths)
    return sequence, finals, steps


def _at(lengths, steps):
    """The states of each row after its length in steps."""
    rows = np.arange(len(lengths))
    return tuple(np.stack(states)[lengths, rows] for states in zip(*steps, strict=True))


def subgraph_of(graph, fetches, *, given, upcast):
    """The GraphDef between the given tensors and the fetches, without devices.

    Control inputs are left out: they change no value.

    Raises:
        UserError: it does more than compute, and the graph is not trusted.
    """
    needed = behind(graph.nodes, fetches, cut=given, controls=False)
    return subgraph_def(graph, needed, upcast=upcast)


def _dtype(graph, tensor):
    """The dtype of an integer tensor, from an attribute of its node or of a node before it."""
    for name in graph.behind(tensor, through=PASSING | {"Fill", "Cast"}):
        node = graph.node(name)
        for key in ("DstT", "dtype", "T"):
            # Reading a missing attribute would add it.
            if node is not None and key in node.attr and node.attr[key].type in _WHOLE:
                return tf1.as_dtype(node.attr[key].type)
    return tf1.int32
