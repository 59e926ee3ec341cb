"""Which nodes write which variables: through references, handles and functions.

What takes the reference or the handle of a variable, and is not known to read it alone, writes it:
a list of the ops that write would miss some.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import tensorflow.compat.v1 as tf1

from tf1port.tf1.graph.index import VARIABLES, Graph
from tf1port.tf1.graph.op_defs import op_def
from tf1port.tf1.graph.pruning import called

_READING = {"ReadVariableOp", "ResourceGather", "ResourceGatherNd", "VariableShape"}
_READING |= {"VarIsInitializedOp", "IsVariableInitialized"}
_HANDING_ON = {"Identity", "Enter", "Exit", "Switch", "Merge", "NextIteration"}  # a handle
_HANDING_ON_REFERENCES = {f"Ref{op}" for op in _HANDING_ON} | {"RefSelect"}
_BRANCHING = {"Switch", "RefSwitch", "If", "StatelessIf", "Case", "StatelessCase"}
# Whose first input is no argument of the functions.
_AFTER_CONDITION = {"If", "StatelessIf", "Case", "StatelessCase"}


class Write(NamedTuple):
    """A node that writes a variable.

    Attributes:
        node: its NodeDef. variable: the name of the variable's node.
        conditional: whether it is in a branch of a tf.cond.
        in_function: whether a function that it calls does.
    """

    node: Any
    variable: str
    conditional: bool = False
    in_function: bool = False


def writes(whole: Graph) -> list[Write]:
    """All Writes of a graph that has the nodes of backpropagation."""
    return whole.once(_writes)


def _writes(whole: Graph) -> list[Write]:
    functions = {each.signature.name: each for each in whole.graph_def.library.function}
    nodes = [node for node in whole.nodes.values() if node.op in VARIABLES]
    return [write for node in nodes for write in _writes_of(whole, node, functions)]


def _writes_of(whole: Graph, variable: Any, functions: Mapping[str, Any]) -> Iterator[Write]:
    """The Writes of one variable, from its node on."""
    is_handle = variable.op == "VarHandleOp"
    waiting, seen = [(f"{variable.name}:0", False)], {f"{variable.name}:0"}
    while waiting:
        tensor, conditional = waiting.pop()
        for node in {node.name: node for node in whole.consumers(tensor)}.values():
            places = [n for n, given in enumerate(whole.inputs(node)) if given == tensor]
            here = conditional or node.op in _BRANCHING
            taken = _called(node, functions)
            handed_on = _hands_on(node, places, is_handle)
            if taken:
                if any(place in _written_of(node, functions) for place in places):
                    yield Write(node, variable.name, here, in_function=True)
            elif not handed_on and _writes_at(node, places, is_handle):
                yield Write(node, variable.name, here)
                handed_on = not is_handle  # an assignment returns the reference
            for output in whole.outputs(node) if handed_on else ():
                if output not in seen:
                    seen.add(output)
                    waiting.append((output, here))


def _hands_on(node: Any, places: list[int], is_handle: bool) -> bool:
    """Whether a node gives the handle or reference on that it takes."""
    return node.op in (_HANDING_ON if is_handle else _HANDING_ON_REFERENCES) and 0 in places


def _writes_at(node: Any, places: list[int], is_handle: bool) -> bool:
    """Whether a node that takes a handle or reference at some places writes what it is of."""
    if node.op in _READING:
        return False
    if is_handle:
        return True
    references = _references(node)
    return any(references[place] for place in places if place < len(references))


def _references(node: Any) -> list[bool]:
    """Whether each input of a node is a reference: of one that is not, it takes the value."""
    definition, result = op_def(node.op), []
    for argument in definition.input_arg if definition is not None else ():
        number = argument.number_attr
        count = node.attr[number].i if number and number in node.attr else 1
        if argument.type_list_attr and argument.type_list_attr in node.attr:
            count = len(node.attr[argument.type_list_attr].list.type)
        result += [argument.is_ref] * count
    return result


def _called(node: Any, functions: Mapping[str, Any]) -> list[str]:
    """The names of the functions that a node calls."""
    names = [*called(node), node.op]
    return [name for name in dict.fromkeys(names) if name in functions]


def _written_of(node: Any, functions: Mapping[str, Any]) -> set[int]:
    """The places of the inputs of a node that the functions which it calls write."""
    offset = 1 if node.op in _AFTER_CONDITION else 0
    names = _called(node, functions)
    numbers = {n for name in names for n in _written_arguments(name, functions, ())}
    return {number + offset for number in numbers}


def _written_arguments(
    name: str, functions: Mapping[str, Any], callers: tuple[str, ...]
) -> set[int]:
    """The numbers of the arguments of a function that are handles which it writes.

    callers: functions that are being looked at, for one may call itself.
    """
    if name in callers:
        return set()
    function = functions[name]
    places: dict[str, set[int]] = {
        argument.name: {number}
        for number, argument in enumerate(function.signature.input_arg)
        if argument.type == tf1.resource.as_datatype_enum
    }
    written: set[int] = set()
    found = -1
    while found != len(places):  # the nodes of a function are in no order
        found = len(places)
        for node in function.node_def:
            for place, given in enumerate(each for each in node.input if each[0] != "^"):
                numbers = places.get(given.partition(":")[0], set())
                if numbers and node.op in _HANDING_ON:
                    places.setdefault(node.name, set()).update(numbers)
                elif numbers and _writes_in(node, place, functions, (*callers, name)):
                    written |= numbers
    return written


def _writes_in(
    node: Any, place: int, functions: Mapping[str, Any], callers: tuple[str, ...]
) -> bool:
    """Whether a node of a function writes the handle that it takes at a place."""
    names = _called(node, functions)
    if not names:
        return node.op not in _READING
    argument = place - (1 if node.op in _AFTER_CONDITION else 0)
    return any(argument in _written_arguments(name, functions, callers) for name in names)
