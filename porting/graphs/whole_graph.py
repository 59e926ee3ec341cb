"""A session on a whole TF1 graph, with a checkpoint's values in its variables."""

import re

import numpy as np
import tensorflow.compat.v1 as tf1

from porting.graph import UNIMPORTABLE, VARIABLES, Graph, is_backward
from porting.graphs.widening import graph_def_of
from shared.errors import UserError

_PLACES = re.compile("defined at|^Node: |^Detected at node|^<stack traces|^File ")


class WholeGraph:
    """A graph with its training, in one dtype.

    Args:
        graph_def: of a `.meta`.
        widened: float64 stands where the graph has float32.

    Attributes:
        graph: porting.graph.Graph, with the nodes of backpropagation.
        imported: the tf.Graph of the session.

    Raises:
        UserError: an op does not exist here, or not in float64.
    """

    def __init__(self, graph_def, *, widened):
        self.graph = Graph(graph_def, backward=True)
        self._assignments = {}
        with tf1.Graph().as_default() as self.imported:
            part = graph_def_of(self.graph, self.graph.nodes, widened=widened)
            try:
                tf1.import_graph_def(part, name="")
            except UNIMPORTABLE as error:
                line = str(error).strip().splitlines()[0]
                raise UserError(f"the graph cannot be imported: {line}") from None
            self.session = tf1.Session(graph=self.imported, config=as_it_stands())

    def tensor(self, name):
        """The tensor of a full name or of an op's first output."""
        return self.imported.get_tensor_by_name(name if ":" in name else name + ":0")

    def run(self, fetches, feed=None):
        """Runs tensors and operations. Raises UserError where TensorFlow does not."""
        try:
            return self.session.run(fetches, feed)
        except (tf1.errors.OpError, ValueError) as error:
            missing = re.search("feed a value for placeholder tensor '([^']+)'", str(error))
            if missing:
                raise UserError(f"the graph has to be fed {missing[1]}, and is not") from None
            raise UserError(f"the graph does not run here: {reason(error)}") from None

    def read(self, names):
        """The values of variables: {name: array}."""
        return self.run({name: self._value(name) for name in names})

    def assign(self, values):
        """Sets variables: {name: array}."""
        pairs = [(*self._assignment(name), value) for name, value in values.items()]
        self.run([op for _, op, _ in pairs], {taken: value for taken, _, value in pairs})

    def round(self, names):
        """Rounds variables to float32, in whatever dtype they are."""
        values = self.read(names)
        self.assign({name: np.float32(value) for name, value in values.items()})

    def restore(self, checkpoint):
        """Gives the variables a checkpoint's values; those it has not start as in the graph."""
        own = [node.name for node in self.graph.nodes.values() if node.op in VARIABLES]
        self.assign({name: checkpoint.read(name) for name in own if name in checkpoint.shapes})
        starts = [f"{name}/Assign" for name in own if name not in checkpoint.shapes]
        self.run([self.imported.get_operation_by_name(s) for s in starts if s in self.graph.nodes])

    def _value(self, name):
        with self.imported.as_default():
            variable = self.imported.get_operation_by_name(name)
            if variable.type != "VarHandleOp":
                return variable.outputs[0]
            reads = self.graph.uses(name, {"ReadVariableOp"})
            return self.tensor(reads[0].name)

    def _assignment(self, name):
        """A placeholder, and the op that gives its value to a variable."""
        if name not in self._assignments:
            with self.imported.as_default():
                variable = self.imported.get_operation_by_name(name)
                (tensor,) = variable.outputs
                taken = tf1.placeholder(tf1.as_dtype(variable.get_attr("dtype")))
                if variable.type == "VarHandleOp":
                    op = tf1.raw_ops.AssignVariableOp(resource=tensor, value=taken)
                else:
                    op = tf1.raw_ops.Assign(ref=tensor, value=taken, validate_shape=False).op
                self._assignments[name] = taken, op
        return self._assignments[name]


def row_gradients(graph, variable):
    """The gradients of the rows of a table that a graph gathers: pairs of tensors, rows and ids.

    Args:
        graph: porting.graph.Graph, with the nodes of backpropagation.
    """
    gathers = graph.uses(variable, {"Gather", "GatherV2", "ResourceGather"})
    found = []
    for name in graph.nodes:
        for node in gathers:
            if name.endswith(f"{node.name}_grad/Reshape") and is_backward(name):
                found.append((f"{name}:0", f"{name}_1:0"))
    return found


def reason(error):
    """What TensorFlow says of an error, on one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if not line.endswith("error:") and not _PLACES.search(line)]
    return (told or lines)[0]


def as_it_stands():
    """The configuration of a session that runs a graph a few times: no rewriting of it first."""
    config = tf1.ConfigProto()
    config.graph_options.rewrite_options.disable_meta_optimizer = True
    return config
