"""A tf.Graph into which subgraphs of a third-party graph are imported on request."""

import re
from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.functions import SHAPES
from tf1port.tf1.graph.op_defs import output_type
from tf1port.tf1.graph.pruning import behind, full_name, functions_of, is_tensor, node_name
from tf1port.tf1.graph.sessions import import_subgraph
from tf1port.tf1.graph.trust import check, is_source
from tf1port.tf1.graph.upcasting import flows_of, subgraph_def, upcast_type


class Imported:
    """The requested nodes of a graph and what they depend on, and nothing else.

    The outputs of queues, datasets and readers are placeholders there, unless the graph is trusted.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        upcast: float32 is upcast to float64.
        fed: full names of tensors that are always fed: they are placeholders as well.
        running: it is for a session; else for its shapes alone.
        controls: control inputs are imported as well.

    Attributes:
        graph: the tf.Graph. The names of all nodes are reserved in it; yet a node may have another
            one there, if its own is also that of a scope.
        operations: {name of a node: tf.Operation}, in the order of their import.
    """

    def __init__(self, graph, *, upcast=False, fed=(), running=True, controls=True):
        self._source, self._upcast, self._running = graph, upcast, running
        self._controls = running and controls
        self._flows = flows_of(graph) if upcast else frozenset()
        self._markers: dict[str, object] = {}
        self._placeholders: dict[str, Any] = {}
        self.graph = tf1.Graph()
        self._cut = {name for name in fed if self._is_computed(name)}
        if running:
            _reserve(self.graph, graph.nodes)
            self._cut |= set() if graph.trust else sources(graph)
        else:
            self._cut |= _with_shapes(graph)
        self._there = set(self._cut)  # and the names of the nodes
        self.operations: dict[str, Any] = {}

    def add(self, names):
        """Imports tensors or operations with their dependencies; returns the new nodes' names.

        Raises:
            UserError: an op does not exist here, or is not to be trusted.
        """
        new = behind(self._source.nodes, names, cut=self._there, controls=self._controls)
        if new:
            subgraph = subgraph_def(
                self._source,
                new,
                upcast=self._upcast,
                flows=self._flows,
                present=self._there if self._running else (),
                running=self._running,
            )
            with self.graph.as_default():
                self.operations |= import_subgraph(subgraph, self._given(subgraph))
            self._there.update(new)
        return list(new)

    def tensor(self, name):
        """A tensor by its full name or an op's first output; raises KeyError if there is none."""
        name = full_name(name)
        if not is_tensor(name):
            raise KeyError(name)
        if name in self._cut:
            return self._placeholder(name)
        self.add([name])
        return self._tensor(name)

    def operation(self, name):
        """An operation by its name; raises KeyError if there is none."""
        self.add([name])
        return self.operations[name]

    @property
    def fed(self):
        """The placeholders for the outputs of queues, datasets and readers."""
        return [tensor.op for tensor in self._placeholders.values()]

    def _tensor(self, name):
        outputs, port = self.operations[node_name(name)].outputs, int(name.rpartition(":")[2])
        if port >= len(outputs):
            raise KeyError(name)
        return outputs[port]

    def _given(self, subgraph):
        """The inputs of a subgraph that are imported already: {name: tensor}."""
        input_map = {}
        for name in {full_name(name) for node in subgraph.node for name in node.input}:
            if name in self._cut:
                input_map[name] = self._placeholder(name)
            elif node_name(name) in self._there:
                is_control = name.startswith("^")
                input_map[name] = self._marker(name[1:]) if is_control else self._tensor(name)
        return input_map

    def _marker(self, name):
        """A tensor that is computed after an operation."""
        if name not in self._markers:
            with self.graph.as_default():
                with tf1.control_dependencies([self.operations[name]]):
                    self._markers[name] = tf1.constant(0, name="done")
        return self._markers[name]

    def _is_computed(self, name):
        node = self._source.node(name)
        return node is not None and not node.op.startswith("Placeholder")

    def _placeholder(self, name):
        if name not in self._placeholders:
            node, port = self._source.nodes[node_name(name)], int(name.rpartition(":")[2])
            dtype = output_type(node, port) or tf1.float32.as_datatype_enum
            placeholder_name = re.sub("[^A-Za-z0-9_./]", "_", f"in_place_of/{node.name}")
            shapes = _written_shapes(node)
            shape = shapes[port] if port < len(shapes) else self._source.shape(name)
            with self.graph.as_default():
                self._placeholders[name] = tf1.placeholder(
                    upcast_type(dtype) if self._upcast else dtype, shape, name=placeholder_name
                )
        return self._placeholders[name]


def check_needed(graph, names):
    """Refuses an untrusted graph that does more than compute on the way to some tensors.

    The outputs of queues and datasets count as fed.

    Args:
        graph: tf1port.tf1.graph.index.Graph.

    Raises:
        UserError: it does.
    """
    if not graph.trust:
        # What an op waits for is not in the graph where it was replaced, nor is what it does aside.
        nodes = behind({**graph.given, **graph.nodes}, names, cut=sources(graph))
        replaced = {graph.replaced[name] for name in nodes if name in graph.replaced}
        checked = [*nodes.values(), *(graph.given[name] for name in sorted(replaced))]
        check(checked, functions_of(checked, graph.graph_def.library))


def sources(graph):
    """The outputs of the queues, datasets and readers of a graph."""
    nodes = [node for node in graph.nodes.values() if is_source(node.op)]
    return {name for node in nodes for name in (f"{node.name}:0", *graph.outputs(node))}


def _with_shapes(graph):
    """The outputs of the nodes that have their shapes as attributes, unlike any others."""
    nodes = graph.nodes.values()
    return {f"{node.name}:{port}" for node in nodes for port in range(len(_written_shapes(node)))}


def _written_shapes(node):
    """The shapes of the outputs of a dataset's or a lowered op's node; none for any other node."""
    key = "output_shapes" if node.op.startswith("IteratorGetNext") else SHAPES
    return node.attr[key].list.shape if key in node.attr else []


def _reserve(graph, names):
    """Reserves names and scopes in a graph, for the nodes that are imported later."""
    reserved = set()
    for name in names:
        end = len(name)
        while end > 0 and name[:end] not in reserved:
            reserved.add(name[:end])
            end = name.rfind("/", 0, end)
    for name in sorted(reserved):
        graph.unique_name(name)
