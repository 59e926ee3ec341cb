"""Loops of control flow v2 as TF1 had them: one While op with functions becomes a frame.

Only for searching: a graph runs as it stands. Each variable of a loop has an Enter, a Merge,
a Switch, a NextIteration and an Exit; lists of tensors become arrays of tensors; what a loop hands
on as it is, is a constant of it. What only a gradient reads of it is left out.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.op_defs import op_def

_WHILE = {"While", "StatelessWhile"}
_PASSING = {"Identity"}
_PUSH = "TensorListPushBack"
_MOST = 1_000_000  # nodes of all bodies together: a function may be called many times


def lowered(nodes: Mapping[str, Any], library: Any) -> tuple[dict[str, Any], dict[str, str]]:
    """The nodes of a graph by name, with frames in the place of its loops.

    Loops within other functions are left as they are.

    Returns: the nodes; by the tensors that stand for outputs of loops what these are called.
    """
    loops = [node for node in nodes.values() if node.op in _WHILE]
    functions = {one.signature.name: one for one in library.function}
    found, renamed = dict(nodes), {}
    size = 0
    for node in loops:
        loop = _Loop(node, nodes, functions)
        if not loop.is_known:
            continue
        size += len(loop.body.node_def)
        if size > _MOST:
            break
        del found[node.name]
        found.update((one.name, one) for one in loop.nodes())
        renamed.update(loop.results())
    if not renamed:
        return found, {}
    found = {name: _with_inputs(node, renamed) for name, node in found.items()}
    exits = {new: old for old, new in renamed.items() if new.rpartition(":")[0] not in nodes}
    return {name: _as_arrays(node, found) for name, node in found.items()}, exits


class _Loop:
    """A While node with its functions."""

    def __init__(self, node, nodes: Mapping[str, Any], functions: Mapping[str, Any]) -> None:
        self.node, self._nodes, self.name = node, nodes, node.name
        self.body: Any = functions.get(node.attr["body"].func.name)
        self.cond: Any = functions.get(node.attr["cond"].func.name)
        self.inputs = [_full(name) for name in node.input if not name.startswith("^")]

    @property
    def is_known(self) -> bool:
        """Whether both functions are there, and of as many variables as the node has."""
        if self.body is None or self.cond is None:
            return False
        counts = {len(one.signature.input_arg) for one in (self.body, self.cond)}
        return counts == {len(self.inputs)} == {len(self.body.signature.output_arg)}

    def nodes(self) -> list[Any]:
        """The nodes of the frame."""
        found = []
        arguments = {}
        for index, argument in enumerate(self.body.signature.input_arg):
            if index in self._dropped:
                continue
            arguments[argument.name] = self._inside(index)
            found += self._variable(index, argument.type)
        found += self._function(self.body, arguments, self.name)
        merges = {
            argument.name: self._tested(index)
            for index, argument in enumerate(self.cond.signature.input_arg)
        }
        found += self._function(self.cond, merges, f"{self.name}/cond")
        output = self.cond.signature.output_arg[0].name
        tested = _tensor(self.cond.ret[output], merges, f"{self.name}/cond", self._ops(self.cond))
        found.append(_node("LoopCond", f"{self.name}/LoopCond", [tested]))
        return found

    def results(self) -> dict[str, str]:
        """The tensors that stand for the outputs of the While node, by the names of these."""
        found = {}
        for index, taken in enumerate(self.inputs):
            constant = index in self._constant
            found[f"{self.name}:{index}"] = taken if constant else f"{self.name}/Exit_{index}:0"
        return found

    @property
    def _returned(self) -> list[str]:
        """What the body returns, in its own words."""
        return [self.body.ret[one.name] for one in self.body.signature.output_arg]

    @property
    def _constant(self) -> set[int]:
        """The numbers of the variables that the body returns as they are."""
        names = [one.name for one in self.body.signature.input_arg]
        passed = {one.name: one.input[0] for one in self.body.node_def if one.op in _PASSING}
        found = set()
        for index, result in enumerate(self._returned):
            while result.partition(":")[0] in passed:
                result = passed[result.partition(":")[0]]
            found |= {index} if result == names[index] else set()
        return found

    @property
    def _dropped(self) -> set[int]:
        """The numbers of the variables that gather values for a gradient."""
        pushes = {one.name for one in self.body.node_def if one.op == _PUSH}
        returned = enumerate(self._returned)
        return {index for index, one in returned if one.partition(":")[0] in pushes}

    def _inside(self, index: int) -> str:
        """What a variable is within the body."""
        constant = index in self._constant
        return f"{self.name}/{'Enter' if constant else 'Switch'}_{index}:{0 if constant else 1}"

    def _tested(self, index: int) -> str:
        constant = index in self._constant
        return f"{self.name}/{'Enter' if constant else 'Merge'}_{index}:0"

    def _variable(self, index: int, kind: int) -> list[Any]:
        name, constant = self.name, index in self._constant
        enter = _node("Enter", f"{name}/Enter_{index}", [self.inputs[index]], T=kind)
        enter.attr["frame_name"].s = name.encode()
        enter.attr["is_constant"].b = constant
        if constant:
            return [enter]
        arguments = {
            one.name: self._inside(i)
            for i, one in enumerate(self.body.signature.input_arg)
            if i not in self._dropped
        }
        new = _tensor(self._returned[index], arguments, name, self._ops(self.body))
        merged = [f"{name}/Enter_{index}", f"{name}/NextIteration_{index}"]
        switched = [f"{name}/Merge_{index}", f"{name}/LoopCond"]
        return [
            enter,
            _node("Merge", f"{name}/Merge_{index}", merged, T=kind),
            _node("Switch", f"{name}/Switch_{index}", switched, T=kind),
            _node("NextIteration", f"{name}/NextIteration_{index}", [new], T=kind),
            _node("Exit", f"{name}/Exit_{index}", [f"{name}/Switch_{index}"], T=kind),
        ]

    @staticmethod
    def _ops(function) -> dict[str, Any]:
        return {node.name: node for node in function.node_def}

    def _function(self, function, arguments: Mapping[str, str], scope: str) -> list[Any]:
        """The nodes of a function, under a scope; without those that need what is dropped."""
        ops, found, missing = self._ops(function), [], set()
        for node in function.node_def:
            names = [name for name in node.input if not name.startswith("^")]
            taken = [_tensor(name, arguments, scope, ops) for name in names]
            if None in taken or any(name.partition(":")[0] in missing for name in names):
                missing.add(node.name)
                continue
            made = tf1.NodeDef()
            made.CopyFrom(node)
            made.name = f"{scope}/{node.name}"
            made.input[:] = taken
            found.append(made)
        return found


def _tensor(name: str, arguments: Mapping[str, str], scope: str, ops: Mapping[str, Any]):
    """A tensor of a function by its full name in the graph; None: of what is dropped."""
    node, _, place = name.partition(":")
    if not place:
        return arguments.get(node)
    output, _, number = place.partition(":")
    return f"{scope}/{node}:{_port(ops[node], output) + int(number or 0)}" if node in ops else None


def _port(node, output: str) -> int:
    """The number of the first tensor of an output of a node."""
    definition, port = op_def(node.op), 0
    for argument in definition.output_arg if definition else ():
        if argument.name == output:
            return port
        port += node.attr[argument.number_attr].i if argument.number_attr else 1
    return 0


def _with_inputs(node, renamed: Mapping[str, str]):
    """A node that takes other tensors in the place of some."""
    taken = [name if name.startswith("^") else _full(name) for name in node.input]
    if not any(name in renamed for name in taken):
        return node
    made = tf1.NodeDef()
    made.CopyFrom(node)
    made.input[:] = [renamed.get(name, name) for name in taken]
    return made


def _as_arrays(node, nodes: Mapping[str, Any]):
    """A node on lists of tensors as the one on arrays of tensors that TF1 had."""
    taken = [_full(name) for name in node.input if not name.startswith("^")]
    if node.op == "TensorListReserve":
        return _node("TensorArrayV3", node.name, taken[1:], dtype=node.attr["element_dtype"].type)
    if node.op == "TensorListFromTensor":
        inputs = [taken[0]] * 4  # nothing looks at handle, places and flow
        return _node("TensorArrayScatterV3", node.name, inputs, T=node.attr["element_dtype"].type)
    if node.op == "TensorListGetItem":
        inputs = [taken[0], taken[1], taken[0]]
        kind = node.attr["element_dtype"].type
        return _node("TensorArrayReadV3", node.name, inputs, dtype=kind)
    if node.op == "TensorListSetItem":
        inputs = [_reserved(taken[0], nodes), taken[1], taken[2], taken[0]]
        return _node("TensorArrayWriteV3", node.name, inputs, T=node.attr["element_dtype"].type)
    if node.op == "TensorListStack":
        inputs = [_reserved(taken[0], nodes), taken[1], taken[0]]
        kind = node.attr["element_dtype"].type
        return _node("TensorArrayGatherV3", node.name, inputs, dtype=kind)
    return node


def _reserved(tensor: str, nodes: Mapping[str, Any]) -> str:
    """The list that a loop's variable started as, from within the loop or behind it."""
    seen: set[str] = set()
    while True:
        node = nodes.get(tensor.rpartition(":")[0])
        ways = {"Identity", "Switch", "Merge", "Enter", "Exit"}
        if node is None or node.op not in ways or tensor in seen:
            return tensor
        seen.add(tensor)
        tensor = _full(node.input[0])


def _node(op: str, name: str, inputs: list[str], **types: int) -> Any:
    made = tf1.NodeDef(name=name, op=op, input=inputs)
    for key, kind in types.items():
        made.attr[key].type = kind
    return made


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:0"
