"""The functions of a graph's library, as nodes in the scope of an op that calls them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.op_defs import op_def

SHAPES = "_lowered_shapes"  # the attribute of new nodes for the shapes of their outputs
_PASSING = {"Identity"}
_VARIANT = tf1.variant.as_datatype_enum


class Lowered(NamedTuple):
    """What replaces an op that calls functions.

    nodes: in place of it. results: {its output: the tensor that is the same}. gone: its outputs
    that only a gradient reads, which have no counterpart.
    """

    nodes: list[Any]
    results: dict[str, str]
    gone: set[str]


class Function:
    """A FunctionDef of a library.

    Attributes:
        inputs, outputs: the names of its arguments; the tensors that it returns, by their names
            in the function.
    """

    def __init__(self, definition: Any) -> None:
        self.definition = definition
        self._nodes = {node.name: node for node in definition.node_def}
        self.inputs = [argument.name for argument in definition.signature.input_arg]
        self.types = [argument.type for argument in definition.signature.input_arg]
        results = [argument.name for argument in definition.signature.output_arg]
        self.outputs = [definition.ret[name] for name in results]

    def maker(self, tensor: str) -> Any:
        """The node that computes a tensor; None: an argument."""
        return self._nodes.get(_node(tensor))

    def before_copies(self, tensor: str) -> str:
        """The tensor that another one is a copy of."""
        for _ in self._nodes:  # not forever, should they form a circle
            node = self.maker(tensor)
            if node is None or node.op not in _PASSING:
                break
            tensor = node.input[0]
        return tensor

    def tensor(self, name: str, arguments: Mapping[str, str], scope: str) -> str:
        """The full name in the graph of a tensor of the function.

        Args:
            arguments: the tensors of the graph that are its arguments.
        """
        node, _, place = name.partition(":")
        if not place:
            return arguments[node]
        output, _, number = place.partition(":")
        return f"{scope}/{node}:{_port(self._nodes[node], output) + int(number or 0)}"

    def copies(
        self,
        arguments: Mapping[str, str],
        scope: str,
        outputs: Iterable[str],
        *,
        after: str | None = None,
    ) -> list[Any]:
        """The nodes in a scope that some of the outputs are computed by, or that change a state.

        Args:
            after: a node that those without inputs wait for.
        """
        needed = self._needed([*outputs, *self.definition.control_ret.values()])
        copies = []
        for node in self.definition.node_def:
            if node.name not in needed:
                continue
            copy = tf1.NodeDef()
            copy.CopyFrom(node)
            copy.name = f"{scope}/{node.name}"
            inputs = [name for name in node.input if not name.startswith("^")]
            copy.input[:] = [self.tensor(name, arguments, scope) for name in inputs]
            if after is not None and not inputs:
                copy.input.append(f"^{after}")
            copies.append(copy)
        return copies

    def _needed(self, tensors: Sequence[str]) -> set[str]:
        """The names of the nodes that some tensors or nodes depend on."""
        needed: set[str] = set()
        queue = [_node(name) for name in tensors]
        while queue:
            name = queue.pop()
            if name in needed or name not in self._nodes:
                continue
            needed.add(name)
            queue += map(_node, self._nodes[name].input)
        return needed


def inlined(node: Any, scope: str, functions: Mapping[str, Any]) -> Lowered | None:
    """The nodes of a function in place of a call of it; None: it is not known."""
    definition = functions.get(node.attr["f"].func.name)
    if definition is None:
        return None
    function, scope = Function(definition), f"{scope}/call"
    arguments = dict(zip(function.inputs, tensors_of(node), strict=True))
    nodes = function.copies(arguments, scope, function.outputs)
    results = {
        f"{node.name}:{port}": function.tensor(name, arguments, scope)
        for port, name in enumerate(function.outputs)
    }
    return Lowered(nodes, results, set())


def is_of_gradient(tensor: str, kind: int, uses: Mapping[str, int]) -> bool:
    """Whether an output is one that nothing in the forward graph reads, and no value itself."""
    return kind == _VARIANT and not uses.get(tensor)


def make_node(op: str, name: str, inputs: Sequence[str], *, shapes=(), **types: int) -> Any:
    """A NodeDef.

    Args:
        shapes: the TensorShapeProtos of its outputs. types: its attributes that are types.
    """
    node = tf1.NodeDef(name=name, op=op, input=inputs)
    for key, dtype in types.items():
        node.attr[key].type = dtype
    if shapes:
        node.attr[SHAPES].list.shape.extend(shapes)
    return node


def tensors_of(node: Any) -> list[str]:
    """The input tensors of a node of the graph, without control inputs."""
    return [full(name) for name in node.input if not name.startswith("^")]


def full(name: str) -> str:
    """A tensor's name with its port."""
    return name if ":" in name else f"{name}:0"


def shapes_of(node: Any, count: int) -> list[Any]:
    """The shapes of the outputs of a node, as far as it says them."""
    for key in ("output_shapes", "_output_shapes"):
        shapes = node.attr[key].list.shape if key in node.attr else ()
        if len(shapes) == count:
            return [*shapes]
    return [tf1.TensorShape(None).as_proto()] * count


def _node(name: str) -> str:
    """The name of the node of an input, in a function or of a control input."""
    return name.removeprefix("^").partition(":")[0]


def _port(node: Any, output: str) -> int:
    """The number of the first tensor of an output of a node."""
    definition, port = op_def(node.op), 0
    for argument in definition.output_arg if definition else ():
        if argument.name == output:
            return port
        if argument.type_list_attr:
            port += len(node.attr[argument.type_list_attr].list.type)
        else:
            port += node.attr[argument.number_attr].i if argument.number_attr else 1
    return 0
