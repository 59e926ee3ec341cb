"""A tf.Graph that parts of a third party's graph are imported into as they are asked for."""

import re
from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.op_defs import output_type
from tf1port.tf1.graph.pruning import behind, full_name, functions_of, node_name
from tf1port.tf1.graph.sessions import import_subgraph
from tf1port.tf1.graph.trust import check, is_source
from tf1port.tf1.graph.upcasting import flows_of, subgraph_def, upcast_type


class Imported:
    """What was asked for of a graph, what that needs, and nothing else.

    What comes out of a queue, a dataset or a reader is a placeholder there, unless the graph is
    trusted.

    Args:
        graph: tf1port.tf1.graph.index.Graph.
        upcast: float64 stands where the graph has float32.
        fed: full names of tensors that are always fed: they are placeholders as well.
        running: it is for a session; else its shapes alone are looked at.
        controls: what is waited for is imported as well.

    Attributes:
        graph: the tf.Graph. The names of all nodes are reserved in it; yet a node may have another
            one there, where its own is that of a scope.
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
            self._cut |= _of_datasets(graph)
        self._there = set(self._cut)  # and the names of the nodes
        self.operations: dict[str, Any] = {}

    def add(self, names):
        """Imports what tensors or operations need that is not there; returns the new nodes' names.

        Raises:
            UserError: an op does not exist here, or is not to be trusted.
        """
        new = behind(self._source.nodes, names, cut=self._there, controls=self._controls)
        if new:
            part = subgraph_def(
                self._source,
                new,
                upcast=self._upcast,
                flows=self._flows,
                present=self._there if self._running else (),
                running=self._running,
            )
            with self.graph.as_default():
                self.operations |= import_subgraph(part, self._given(part))
            self._there.update(new)
        return list(new)

    def tensor(self, name):
        """The tensor of a full name or of an op's first output; raises KeyError for no such one."""
        name = full_name(name)
        if name in self._cut:
            return self._placeholder(name)
        self.add([name])
        return self._tensor(name)

    def operation(self, name):
        """The operation of a name; raises KeyError for no such one."""
        self.add([name])
        return self.operations[name]

    @property
    def fed(self):
        """The placeholders that stand for what a queue, a dataset or a reader gives."""
        return [tensor.op for tensor in self._placeholders.values()]

    def _tensor(self, name):
        outputs, port = self.operations[node_name(name)].outputs, int(name.rpartition(":")[2])
        if port >= len(outputs):
            raise KeyError(name)
        return outputs[port]

    def _given(self, part):
        """What is there already of the inputs of a part, by their names."""
        given = {}
        for name in {full_name(name) for node in part.node for name in node.input}:
            if name in self._cut:
                given[name] = self._placeholder(name)
            elif node_name(name) in self._there:
                is_control = name.startswith("^")
                given[name] = self._marker(name[1:]) if is_control else self._tensor(name)
        return given

    def _marker(self, name):
        """A tensor that is there once an operation is done."""
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
            own = re.sub("[^A-Za-z0-9_./]", "_", f"in_place_of/{node.name}")
            shapes = _written_shapes(node)
            shape = shapes[port] if port < len(shapes) else self._source.shape(name)
            with self.graph.as_default():
                self._placeholders[name] = tf1.placeholder(
                    upcast_type(dtype) if self._upcast else dtype, shape, name=own
                )
        return self._placeholders[name]


def check_needed(graph, names):
    """Refuses a graph that does more than compute to make some tensors, if it is not trusted.

    What comes out of a queue or a dataset is taken as fed.

    Args:
        graph: tf1port.tf1.graph.index.Graph.

    Raises:
        UserError: it does.
    """
    if not graph.trust:
        nodes = behind(graph.nodes, names, cut=sources(graph)).values()
        check(nodes, functions_of(nodes, graph.graph_def.library))


def sources(graph):
    """The tensors of a graph that come out of a queue, a dataset or a reader."""
    nodes = [node for node in graph.nodes.values() if is_source(node.op)]
    return {name for node in nodes for name in (f"{node.name}:0", *graph.outputs(node))}


def _of_datasets(graph):
    """The tensors that a dataset gives, whose shapes are written down, unlike those of others."""
    nodes = [node for node in graph.nodes.values() if node.op.startswith("IteratorGetNext")]
    return {f"{node.name}:{port}" for node in nodes for port in range(len(_written_shapes(node)))}


def _written_shapes(node):
    """The shapes of the outputs of what a dataset gives; none of any other node."""
    return node.attr["output_shapes"].list.shape if "output_shapes" in node.attr else []


def _reserve(graph, names):
    """Keeps names and scopes of a graph free: what is imported later has to have them."""
    taken = set()
    for name in names:
        end = len(name)
        while end > 0 and name[:end] not in taken:
            taken.add(name[:end])
            end = name.rfind("/", 0, end)
    for name in sorted(taken):
        graph.unique_name(name)
