"""A session on an unchanged TF1 graph, with a checkpoint's values in its variables."""

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph import sessions
from tf1port.tf1.graph.importing import Imported
from tf1port.tf1.graph.index import VARIABLES, is_backward
from tf1port.tf1.graph.layer_ops import GATHERS


class WholeGraph:
    """A graph with its training ops, in one dtype; requested nodes run with their dependencies.

    Args:
        graph: tf1port.tf1.graph.index.Graph, with the nodes of backpropagation.
        upcast: float32 is upcast to float64.
        targets: names of tensors and operations that are imported at once, rather than on request.
        fed: full names of tensors that are always fed: their dependencies are left out.
        aliases: other names of tensors, {alias: name}.

    Attributes:
        graph: the one given.
        imported: the tf.Graph of the session.

    Raises:
        UserError: an op does not exist here, or not in float64, or is not trusted. So do `want`,
            `tensor`, `operation` and all methods with names as arguments.
    """

    def __init__(self, graph, *, upcast, targets=None, fed=(), aliases=None):
        self.graph = graph
        self._assignments, self._reads = {}, {}
        self._aliases = aliases or {}
        self._checkpoint = None
        self._part = Imported(self.graph, upcast=upcast, fed=fed)
        self.imported = self._part.graph
        self.session = sessions.session(self.imported)
        self.want(targets or ())

    def want(self, names):
        """Imports tensors and operations by their names, with their dependencies."""
        self._start(self._part.add([self._aliases.get(name, name) for name in names]))

    def tensor(self, name):
        """The tensor of a full name or of an op's first output; raises KeyError for no such one."""
        name = self._aliases.get(name, name)
        self.want([name])
        return self._part.tensor(name)

    def operation(self, name):
        """The operation of a name; raises KeyError for no such one."""
        self.want([name])
        return self._part.operation(name)

    @property
    def operations(self):
        """The imported operations: {name of a node: tf.Operation}."""
        return self._part.operations

    @property
    def placeholders(self):
        """The operations that must be fed, without those of a Saver."""
        own = self.operations.items()
        operations = [operation for name, operation in own if not name.startswith("save")]
        placeholders = [op for op in operations if op.type.startswith("Placeholder")]
        return placeholders + self._part.fed

    def run(self, fetches, feed=None):
        """Runs tensors and operations. Raises UserError where TensorFlow does not."""
        return sessions.run(self.session, fetches, feed)

    def read(self, names):
        """The values of variables: {name: array}."""
        values = {name: self._value(name) for name in names}
        return self.run(values) if values else {}

    def assign(self, values):
        """Sets variables: {name: array}."""
        pairs = [(*self._assignment(name), value) for name, value in values.items()]
        if pairs:
            feed = {placeholder: value for placeholder, _, value in pairs}
            self.run([op for _, op, _ in pairs], feed)

    def round(self, names):
        """Rounds variables to float32, of any dtype."""
        values = self.read(names)
        self.assign({name: np.float32(value) for name, value in values.items()})

    def restore(self, checkpoint):
        """Sets the variables to a checkpoint's values; those it lacks are initialized by the graph.

        This includes variables that are imported later.
        """
        self._checkpoint = checkpoint
        self._start(list(self.operations))

    def _start(self, names):
        """Sets the initial values of variables among new nodes, once there is a checkpoint."""
        if self._checkpoint is None:
            return
        own = [name for name in names if self.graph.nodes[name].op in VARIABLES]
        known = self._checkpoint.shapes
        self.assign({name: self._checkpoint.read(name) for name in own if name in known})
        starts = [f"{name}/Assign" for name in own if name not in known]
        starts = [self.operation(name) for name in starts if name in self.graph.nodes]
        if starts:
            self.run(starts)

    def _value(self, name):
        if name not in self._reads:
            variable = self.operation(name)
            (self._reads[name],) = variable.outputs
            if variable.type == "VarHandleOp":
                with self.imported.as_default():
                    self._reads[name] = tf1.raw_ops.ReadVariableOp(
                        resource=variable.outputs[0], dtype=variable.get_attr("dtype")
                    )
        return self._reads[name]

    def _assignment(self, name):
        """A placeholder, and the op that assigns its value to a variable."""
        if name not in self._assignments:
            variable = self.operation(name)
            with self.imported.as_default():
                (tensor,) = variable.outputs
                placeholder = tf1.placeholder(tf1.as_dtype(variable.get_attr("dtype")))
                if variable.type == "VarHandleOp":
                    op = tf1.raw_ops.AssignVariableOp(resource=tensor, value=placeholder)
                else:
                    op = tf1.raw_ops.Assign(ref=tensor, value=placeholder, validate_shape=False).op
                self._assignments[name] = placeholder, op
        return self._assignments[name]


def row_gradients(graph, variable):
    """The gradients of gathered rows of a table: pairs of tensors, rows and ids.

    Args:
        graph: tf1port.tf1.graph.index.Graph, with the nodes of backpropagation.
    """
    gathers = graph.uses(variable, GATHERS)
    names = [f"/{node.name}_grad/Reshape" for node in gathers]
    return [
        (f"{name}:0", f"{name}_1:0")
        for name in graph.nodes
        if any(_is_gradient(name, of_gather) for of_gather in names)
    ]


def _is_gradient(name, of_node):
    """Whether a name is that of a node's gradient: directly in a scope of tf.gradients.

    Another node's name may end like this one: "dec/lookup" and "lookup".
    """
    scope = name.removesuffix(of_node)
    return scope != name and is_backward(scope.rpartition("/")[2])
