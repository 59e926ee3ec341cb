"""An If op as TF1's tf.cond: a Switch for each input of its functions, a Merge for each result.

The names are those that TF1 gives (pred_id, switch_t, switch_f).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.functions import (
    Function,
    Lowered,
    is_of_gradient,
    make_node,
    shapes_of,
    tensors_of,
)

_BOOL = tf1.bool.as_datatype_enum
# By attribute: the scope, the node that those without inputs wait for, the port of a Switch.
_SIDES = {"else_branch": ("cond_1", "switch_f", 0), "then_branch": ("cond", "switch_t", 1)}


def lowered_branches(
    node: Any, scope: str, functions: Mapping[str, Any], uses: Mapping[str, int]
) -> Lowered | None:
    """What replaces an If; None: its functions are not known, or its predicate is a number.

    Args:
        scope: of the new nodes. functions: the FunctionDefs by name.
        uses: how many nodes read a tensor, copies apart.
    """
    definitions = [functions.get(node.attr[key].func.name) for key in _SIDES]
    if None in definitions or node.attr["Tcond"].type != _BOOL:
        return None
    sides = [Function(definition) for definition in definitions]
    predicate, *inputs = tensors_of(node)
    if any(len(side.inputs) != len(inputs) for side in sides):
        return None
    types = [*node.attr["Tout"].list.type]
    ports = [
        port
        for port, kind in enumerate(types)
        if not is_of_gradient(f"{node.name}:{port}", kind, uses)
    ]
    nodes, results = _switches(scope, predicate, inputs, sides[0].types), []
    for side, (part, waiting, port) in zip(sides, _SIDES.values(), strict=True):
        inner = f"{scope}/{part}"
        arguments = {
            name: f"{scope}/Switch_{number}:{port}" for number, name in enumerate(side.inputs, 1)
        }
        outputs = [side.outputs[number] for number in ports]
        nodes += side.copies(arguments, inner, outputs, after=f"{scope}/{waiting}")
        results.append([side.tensor(name, arguments, inner) for name in outputs])
    for port, *pair in zip(ports, *results, strict=True):
        nodes.append(_merge(node, _merge_name(scope, port), pair, port))
    kept = {f"{node.name}:{port}": f"{_merge_name(scope, port)}:0" for port in ports}
    gone = {f"{node.name}:{port}" for port in range(len(types))} - kept.keys()
    return Lowered(nodes, kept, gone)


def _merge_name(scope: str, port: int) -> str:
    return f"{scope}/Merge_{port}" if port else f"{scope}/Merge"


def _merge(node: Any, name: str, results: list[str], port: int) -> Any:
    """The node of a result of an If: (false, true)."""
    types = node.attr["Tout"].list.type
    shape = shapes_of(node, len(types))[port]
    known = [] if shape.unknown_rank else [shape, tf1.TensorShape([]).as_proto()]
    return make_node("Merge", name, results, T=types[port], shapes=known)


def _switches(scope: str, predicate: str, inputs: list[str], types: list[int]) -> list[Any]:
    """The nodes that part the branches."""
    chosen = f"{scope}/pred_id"
    nodes = [
        make_node("Identity", chosen, [predicate], T=_BOOL),
        make_node("Switch", f"{scope}/Switch", [chosen, chosen], T=_BOOL),
    ]
    for _, waiting, port in _SIDES.values():
        nodes.append(
            make_node("Identity", f"{scope}/{waiting}", [f"{scope}/Switch:{port}"], T=_BOOL)
        )
    for number, (tensor, kind) in enumerate(zip(inputs, types, strict=True), 1):
        nodes.append(make_node("Switch", f"{scope}/Switch_{number}", [tensor, chosen], T=kind))
    return nodes
