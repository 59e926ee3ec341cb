"""Loops of control flow v2 as TF1 had them: one While op with functions becomes a frame.

Only for searching: the original graph is what runs. Each variable of a loop has an Enter, a Merge,
a Switch, a NextIteration and an Exit; TensorLists become TensorArrays; a variable that the body
returns unchanged is a constant. Values that only a gradient reads are left out.
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
    """The nodes of a graph by name, with frames in place of its While ops.

    Loops within other functions are left as they are.

    Returns: the nodes; the original names of the loops' outputs, by the tensors that replace them.
    """
    loops = [node for node in nodes.values() if node.op in _WHILE]
    functions = {function.signature.name: function for function in library.function}
    frames, renamed = dict(nodes), {}
    size = 0
    for node in loops:
        loop = _Loop(node, nodes, functions)
        if not loop.is_known:
            continue
        size += len(loop.body.node_def)
        if size > _MOST:
            break
        del frames[node.name]
        frames.update((new.name, new) for new in loop.nodes())
        renamed.update(loop.results())
    if not renamed:
        return frames, {}
    frames = {name: _with_inputs(node, renamed) for name, node in frames.items()}
    exits = {new: old for old, new in renamed.items() if new.rpartition(":")[0] not in nodes}
    return {name: _as_arrays(node, frames) for name, node in frames.items()}, exits


class _Loop:
    """A While node with its functions."""

    def __init__(self, node, nodes: Mapping[str, Any], functions: Mapping[str, Any]) -> None:
        self.node, self._nodes, self.name = node, nodes, node.name
        self.body: Any = functions.get(node.attr["body"].func.name)
        self.cond: Any = functions.get(node.attr["cond"].func.name)
        self.inputs = [_full(name) for name in node.input if not name.startswith("^")]

    @property
    def is_known(self) -> bool:
        """Whether both functions exist and have as many variables as the node."""
        if self.body is None or self.cond is None:
            return False
        counts = {len(function.signature.input_arg) for function in (self.body, self.cond)}
        return counts == {len(self.inputs)} == {len(self.body.signature.output_arg)}

    def nodes(self) -> list[Any]:
        """The nodes of the frame."""
        frame = []
        arguments = {}
        for index, argument in enumerate(self.body.signature.input_arg):
            if index in self._dropped:
                continue
            arguments[argument.name] = self._in_body(index)
            frame += self._variable(index, argument.type)
        frame += self._function(self.body, arguments, self.name)
        merges = {
            argument.name: self._in_condition(index)
            for index, argument in enumerate(self.cond.signature.input_arg)
        }
        frame += self._function(self.cond, merges, f"{self.name}/cond")
        output = self.cond.signature.output_arg[0].name
        tested = _tensor(self.cond.ret[output], merges, f"{self.name}/cond", self._ops(self.cond))
        frame.append(_node("LoopCond", f"{self.name}/LoopCond", [tested]))
        return frame

    def results(self) -> dict[str, str]:
        """The tensors that replace the outputs of the While node, by the names of these."""
        outputs = {}
        for index, tensor in enumerate(self.inputs):
            constant = index in self._constant
            outputs[f"{self.name}:{index}"] = tensor if constant else f"{self.name}/Exit_{index}:0"
        return outputs

    @property
    def _returned(self) -> list[str]:
        """The tensors that the body returns, by their names in the function."""
        return [self.body.ret[argument.name] for argument in self.body.signature.output_arg]

    @property
    def _constant(self) -> set[int]:
        """The indices of the variables that the body returns unchanged."""
        names = [argument.name for argument in self.body.signature.input_arg]
        passing = [node for node in self.body.node_def if node.op in _PASSING]
        passed = {node.name: node.input[0] for node in passing}
        constants = set()
        for index, result in enumerate(self._returned):
            while result.partition(":")[0] in passed:
                result = passed[result.partition(":")[0]]
            constants |= {index} if result == names[index] else set()
        return constants

    @property
    def _dropped(self) -> set[int]:
        """The indices of the variables that collect values for a gradient."""
        pushes = {node.name for node in self.body.node_def if node.op == _PUSH}
        returned = enumerate(self._returned)
        return {index for index, name in returned if name.partition(":")[0] in pushes}

    def _in_body(self, index: int) -> str:
        """The tensor of a variable within the body."""
        constant = index in self._constant
        return f"{self.name}/{'Enter' if constant else 'Switch'}_{index}:{0 if constant else 1}"

    def _in_condition(self, index: int) -> str:
        """The tensor of a variable within the condition."""
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
            argument.name: self._in_body(i)
            for i, argument in enumerate(self.body.signature.input_arg)
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
        """The nodes of a function, in a scope; without those that depend on dropped variables."""
        ops, copies, missing = self._ops(function), [], set()
        for node in function.node_def:
            names = [name for name in node.input if not name.startswith("^")]
            inputs = [_tensor(name, arguments, scope, ops) for name in names]
            if None in inputs or any(name.partition(":")[0] in missing for name in names):
                missing.add(node.name)
                continue
            copy = tf1.NodeDef()
            copy.CopyFrom(node)
            copy.name = f"{scope}/{node.name}"
            copy.input[:] = inputs
            copies.append(copy)
        return copies


def _tensor(name: str, arguments: Mapping[str, str], scope: str, ops: Mapping[str, Any]):
    """The full name in the graph of a tensor of a function; None: of a dropped variable."""
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
    """A node with its inputs renamed."""
    inputs = [name if name.startswith("^") else _full(name) for name in node.input]
    if not any(name in renamed for name in inputs):
        return node
    copy = tf1.NodeDef()
    copy.CopyFrom(node)
    copy.input[:] = [renamed.get(name, name) for name in inputs]
    return copy


def _as_arrays(node, nodes: Mapping[str, Any]):
    """A node of a TensorList as TF1's node of a TensorArray."""
    tensors = [_full(name) for name in node.input if not name.startswith("^")]
    if node.op == "TensorListReserve":
        return _node("TensorArrayV3", node.name, tensors[1:], dtype=node.attr["element_dtype"].type)
    if node.op == "TensorListFromTensor":
        inputs = [tensors[0]] * 4  # handle, indices and flow are not used
        return _node("TensorArrayScatterV3", node.name, inputs, T=node.attr["element_dtype"].type)
    if node.op == "TensorListGetItem":
        inputs = [tensors[0], tensors[1], tensors[0]]
        dtype = node.attr["element_dtype"].type
        return _node("TensorArrayReadV3", node.name, inputs, dtype=dtype)
    if node.op == "TensorListSetItem":
        inputs = [_reserved(tensors[0], nodes), tensors[1], tensors[2], tensors[0]]
        return _node("TensorArrayWriteV3", node.name, inputs, T=node.attr["element_dtype"].type)
    if node.op == "TensorListStack":
        inputs = [_reserved(tensors[0], nodes), tensors[1], tensors[0]]
        dtype = node.attr["element_dtype"].type
        return _node("TensorArrayGatherV3", node.name, inputs, dtype=dtype)
    return node


def _reserved(tensor: str, nodes: Mapping[str, Any]) -> str:
    """The initial list of a loop's variable, from a tensor within the loop or after it."""
    seen: set[str] = set()
    while True:
        node = nodes.get(tensor.rpartition(":")[0])
        ways = {"Identity", "Switch", "Merge", "Enter", "Exit"}
        if node is None or node.op not in ways or tensor in seen:
            return tensor
        seen.add(tensor)
        tensor = _full(node.input[0])


def _node(op: str, name: str, inputs: list[str], **types: int) -> Any:
    node = tf1.NodeDef(name=name, op=op, input=inputs)
    for key, dtype in types.items():
        node.attr[key].type = dtype
    return node


def _full(name: str) -> str:
    return name if ":" in name else f"{name}:0"
