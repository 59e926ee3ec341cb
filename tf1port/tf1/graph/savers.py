"""The names under which the Saver of a graph stores its variables, where these are not their own.

`tf.train.Saver({"name": variable})` stores a variable under any name, and
`Saver(average.variables_to_restore())` reads moving averages into the variables themselves.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

_ASSIGNMENTS = {"Assign", "AssignVariableOp"}


def saved_as(meta_graph: Any) -> dict[str, str]:
    """The stored names of the variables that have another one: {variable: stored name}.

    Read off the ops by which the Saver that wrote the graph restores. Variables in parts, whose
    names in a checkpoint are those of the whole, are left out.

    Args:
        meta_graph: a MetaGraphDef.
    """
    nodes = {node.name: node for node in meta_graph.graph_def.node}
    names = {}
    for node in _before(nodes, meta_graph.saver_def.restore_op_name):
        if node.op in _ASSIGNMENTS and len(node.input) > 1:
            variable, name = _node_name(node.input[0]), _stored_name(nodes, node.input[1])
            if name not in (None, variable):
                names[variable] = name
    return names


def _before(nodes: dict[str, Any], name: str) -> Iterator[Any]:
    """The nodes that run before one, and itself, by control inputs alone."""
    waiting, seen = [name], {name}
    while waiting:
        node = nodes.get(waiting.pop())
        if node is not None:
            yield node
            before = {_node_name(tensor) for tensor in node.input if tensor.startswith("^")} - seen
            seen |= before
            waiting += before


def _stored_name(nodes: dict[str, Any], tensor: str) -> str | None:
    """The name under which a restored value is stored; None for a part of one, or anything else."""
    node = nodes.get(_node_name(tensor))
    if node is not None and node.op == "Identity" and node.input:  # in front of AssignVariableOp
        tensor = node.input[0]
        node = nodes.get(_node_name(tensor))
    if node is None or node.op != "RestoreV2" or len(node.input) < 3:
        return None
    number = tensor.partition(":")[2] or "0"
    names, slices = (_strings(nodes.get(_node_name(name))) for name in node.input[1:3])
    if not number.isdigit() or int(number) >= min(len(names), len(slices)) or slices[int(number)]:
        return None
    return names[int(number)].decode(errors="replace")


def _strings(node: Any) -> list[bytes]:
    """The strings of a constant; none of any other node."""
    return list(node.attr["value"].tensor.string_val) if node and node.op == "Const" else []


def _node_name(tensor: str) -> str:
    return tensor.removeprefix("^").partition(":")[0]
