"""A TF1 graph as data, searched without running any of it.

Tensors are identified by their full names, "node:0". The nodes of backpropagation are left out,
as forward tensors are inputs of them: tf.gradients creates them in a scope `gradients`.
"""

import re
from collections import deque
from collections.abc import Iterable
from functools import cached_property
from types import SimpleNamespace
from typing import Any

import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf1

from tf1port.errors import UserError
from tf1port.tf1.checkpoint.partitions import whole_name
from tf1port.tf1.graph.conditions import unconditional
from tf1port.tf1.graph.inference import inference_mode
from tf1port.tf1.graph.lowering import lowered
from tf1port.tf1.graph.pruning import is_tensor
from tf1port.tf1.graph.trust import check_acyclic, check_size

ADD = {"Add", "AddV2"}
PASSING = {"Identity", "Enter", "ReadVariableOp", "StopGradient", "PreventGradient"}
VARIABLES = {"Variable", "VariableV2", "VarHandleOp"}


class Graph:
    """An index over the forward nodes of a GraphDef, in inference mode.

    Dropout is an Identity, a batch normalization uses its moving averages, a tf.cond around cells
    is made unconditional, and the concatenated partitions of a variable count as the variable.
    With `backward` the nodes of backpropagation are included, and nothing of this is changed.

    Args:
        trust: it may be run, whatever its ops do.
        nodes: those of graph_def by name, where they are known to have no cycle.

    Attributes:
        inference: tf1port.tf1.graph.inference.InferenceMode; None with `backward`.
        dropped: the names of the nodes of dropout, each an Identity here.
        joined: the names of the partitioned variables.
        aliases, replaced: as in tf1port.tf1.graph.lowering.LoweredGraph.
        given: the forward nodes as they stand, by name.

    Raises:
        UserError: the graph has a cycle that is no loop.
    """

    def __init__(self, graph_def, *, backward=False, trust=False, nodes=None):
        self.graph_def, self.trust = graph_def, trust
        self._all = _acyclic_nodes(graph_def) if nodes is None else nodes
        self.joined: list[str] = []
        self.aliases: dict[str, str] = {}
        self.replaced: dict[str, str] = {}
        self._imported = None
        self.nodes = {
            name: node for name, node in self._all.items() if backward or not is_backward(name)
        }
        self.given = self.nodes
        self._index()
        if not backward:
            nodes, self.aliases, self.replaced = lowered(self.nodes, graph_def.library)
            self._take(nodes)
        self._before = dict(self.nodes)
        self.inference = None if backward else inference_mode(self)
        self.dropped = self.inference.dropped if self.inference else []
        if self.inference:
            self._take(unconditional({**self.nodes, **self.inference.nodes}))
            self.joined = [name for name in self.nodes if self._is_joined(name)]
            variables = {name: _variable(self.nodes[name]) for name in self.joined}
            self._take({**self.nodes, **variables})

    @cached_property
    def whole(self) -> "Graph":
        """The same graph with the nodes of backpropagation, as it stands."""
        if self.inference is None:
            return self
        return Graph(self.graph_def, backward=True, trust=self.trust, nodes=self._all)

    def _take(self, nodes):
        """Has other nodes in the place of its own. Raises UserError where they have a cycle."""
        if nodes != self.nodes:
            check_acyclic(nodes)
            self.nodes = nodes
            self._index()

    def _index(self):
        self._consumers: dict[str, list[Any]] = {}
        self._outputs: dict[str, list[str]] = {}
        self._origins: dict[str, str] = {}
        self._once: dict[Any, Any] = {}
        for node in self.nodes.values():
            for tensor in self.inputs(node):
                self._consumers.setdefault(tensor, []).append(node)
        for tensor in self._consumers:
            self._outputs.setdefault(tensor.rpartition(":")[0], []).append(tensor)

    def once(self, function):
        """What a function of the graph returns, which is called once while the nodes stay."""
        if function not in self._once:
            self._once[function] = function(self)
        return self._once[function]

    @staticmethod
    def full(name):
        """A tensor's name with its port."""
        return name if ":" in name else name + ":0"

    def _is_joined(self, name):
        """Whether a node is the Identity of the concatenated partitions of the variable."""
        if self.nodes[name].op != "Identity":
            return False
        concatenation = self.node(self.origin(name + ":0"))
        if concatenation is None or concatenation.op not in {"Concat", "ConcatV2"}:
            return False
        partitions = [self.variable(tensor) for tensor in self.operands(concatenation)]
        return partitions == [f"{name}/part_{number}" for number in range(len(partitions))]

    def inputs(self, node):
        """The input tensors of a node, without control inputs."""
        return [self.full(name) for name in node.input if not name.startswith("^")]

    def node(self, tensor):
        """The node that computes a tensor; None for one of backpropagation, or no tensor's name."""
        return self.nodes.get(tensor.rpartition(":")[0]) if is_tensor(tensor) else None

    def named(self, name):
        """The tensor that a file's graph has by a full name; None if it is not computed forwards.

        A loop that was lowered has other names here: `aliases`.
        """
        tensor = next((new for new, old in self.aliases.items() if old == name), name)
        return tensor if self.node(tensor) is not None else None

    def consumers(self, tensor, ops=None):
        """The forward nodes with a tensor as input, of the given ops, in the order of the graph."""
        nodes = self._consumers.get(tensor, ())
        return [node for node in nodes if ops is None or node.op in ops]

    def origin(self, tensor):
        """The tensor that another one is a copy of: back through Identity and the like."""
        passed = []
        while tensor not in self._origins:
            passed.append(tensor)
            node = self.node(tensor)
            if node is None or node.op not in PASSING:
                self._origins[tensor] = tensor
            else:
                tensor = self.inputs(node)[0]
        self._origins.update(dict.fromkeys(passed, self._origins[tensor]))
        return self._origins[tensor]

    def unconditioned(self, tensor):
        """The same tensor before it went into a tf.cond."""
        name = tensor.rpartition(":")[0]
        while self._before[name].op == "Switch" and self.nodes[name].op == "Identity":
            tensor = self.inputs(self.nodes[name])[0]
            name = tensor.rpartition(":")[0]
        return tensor

    def uncast(self, tensor):
        """The tensor that another one is a copy of, in another dtype or the same.

        A graph in float64 casts the constants of its optimizer, which are float32.
        """
        node = self.node(self.origin(tensor))
        return self.origin(self.inputs(node)[0] if _is(node, "Cast") else tensor)

    def constant(self, tensor):
        """The array of a Const, also behind an Identity or an Enter; else None."""
        node = self.node(self.origin(tensor))
        if not _is(node, "Const"):
            return None
        check_size(node)
        return tf2.make_ndarray(node.attr["value"].tensor)

    def variable(self, tensor):
        """The name of the variable that a tensor, or a partition of it, is read from; else None."""
        node = self.node(self.origin(tensor))
        if node is None or node.op not in VARIABLES:
            return None
        return self.joined_name(node.name)

    def joined_name(self, name):
        """The name of a variable, or of the partitioned one that it is a part of."""
        whole = whole_name(name)
        of_joined = any(whole == each or whole.startswith(each + "/") for each in self.joined)
        return whole if of_joined else name

    def shape_of(self, variable):
        """The shape of a variable, where the graph has it in full; else None."""
        node = self.nodes.get(variable)
        if node is None or node.op not in VARIABLES or "shape" not in node.attr:
            return None
        shape = node.attr["shape"].shape
        known = not shape.unknown_rank and all(size.size >= 0 for size in shape.dim)
        return tuple(size.size for size in shape.dim) if known else None

    def uses(self, variable, ops):
        """The nodes of the given ops with a variable as input."""
        if variable not in self.nodes:
            return []
        return self.ahead([variable + ":0"], through=PASSING, ops=ops)

    def ahead(self, tensors: Iterable[str], *, through, ops):
        """The nodes of `ops` that depend on tensors by way of nodes of the ops `through` alone."""
        return [*self.following(tensors, through=through, ops=ops)]

    def following(self, tensors: Iterable[str], *, through, ops):
        """Yields the nodes of `ahead` lazily, the nearest first."""
        queue, seen = deque(tensors), set()
        while queue:
            for node in self._consumers.get(queue.popleft(), ()):
                if node.name in seen:
                    continue
                seen.add(node.name)
                if node.op in ops:
                    yield node
                if node.op in through:
                    queue.extend(self.outputs(node))

    def behind(self, tensor, *, through):
        """All tensors that one depends on by way of ops in `through` alone, the nearest first."""
        tensors, queue = {tensor: None}, deque([tensor])
        while queue:
            node = self.node(queue.popleft())
            if node is not None and node.op in through:
                further = [name for name in self.inputs(node) if name not in tensors]
                tensors.update(dict.fromkeys(further))
                queue.extend(dict.fromkeys(further))
        return list(tensors)

    def shape(self, tensor):
        """The sizes of a tensor, each None if unknown; None: not even the rank is known.

        Its dependencies are imported for that, as a GraphDef has no shapes, and not run.
        """
        from tf1port.tf1.graph.importing import Imported

        if self._imported is None:
            given = SimpleNamespace(nodes=self._before, graph_def=self.graph_def, trust=self.trust)
            self._imported = Imported(given, running=False)
        try:
            shape = self._imported.tensor(tensor).shape
        except (KeyError, UserError):  # an op that does not exist here, or is not trusted
            return None
        return None if shape.rank is None else shape.as_list()

    def outputs(self, node):
        """The outputs of a node that are inputs of forward nodes, in order."""
        return sorted(
            self._outputs.get(node.name, ()), key=lambda name: int(name.rpartition(":")[2])
        )

    def operands(self, node):
        """The inputs of a concatenation, split or sum without the axis."""
        inputs = self.inputs(node)
        return {
            "ConcatV2": inputs[:-1],
            "Concat": inputs[1:],
            "Split": inputs[1:],
            "SplitV": inputs[:1],
        }.get(node.op, inputs)

    def other(self, node, tensor):
        """The operand of a binary node that is not the given tensor."""
        first, second = self.inputs(node)
        return second if first == tensor else first


def scalar(array):
    """The value of an array of one element as a Python float; None for any other."""
    if array is None or np.size(array) != 1:
        return None
    return float(np.reshape(array, ()))


def _variable(node):
    """A node of a variable in place of another node."""
    variable = tf1.NodeDef(name=node.name, op="VariableV2")
    variable.attr["dtype"].CopyFrom(node.attr["T"])
    return variable


def _is(node, op):
    return node is not None and node.op == op


def _acyclic_nodes(graph_def):
    """The nodes by name. Raises UserError where they have a cycle that is no loop."""
    nodes = {node.name: node for node in graph_def.node}
    check_acyclic(nodes)
    return nodes


def is_backward(name):
    """Whether a node's name is in a scope of tf.gradients."""
    return "gradients" in name and any(
        re.fullmatch(r"gradients(_\d+)?", component) for component in name.split("/")
    )
