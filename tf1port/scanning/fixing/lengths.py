"""Lengths that are one number for all sequences: `lengths = tf.fill([batch], n)`."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import libcst as cst
from libcst import matchers as m

from tf1port.scanning.fixing.calls import bound
from tf1port.scanning.fixing.rules import DYNAMIC_RNN, FILL, RULES
from tf1port.scanning.fixing.sequences import LENGTHS, Given
from tf1port.scanning.fixing.source import NotRewritten

_LOCAL = m.Assign(targets=[m.AssignTarget(m.Name())], value=m.Call())
_ONE = m.List([m.Element()]) | m.Tuple([m.Element()])


def of_one_number(
    module: cst.Module, name: Callable[[cst.Call], str]
) -> dict[cst.CSTNode, cst.BaseExpression]:
    """The calls of tf.fill that give the lengths of dynamic_rnn and nothing else, with the number.

    The number can take the place of such a call: a mask that is made of it is the same for all
    sequences. A variable counts if its function has nothing else of this name.

    Args:
        name: gives the full name of what is called.
    """
    lengths, numbers = set(), {}
    for call in m.findall(module, m.Call()):
        given = _given(cst.ensure_type(call, cst.Call), name)
        if LENGTHS in given:
            lengths.add(given[LENGTHS])
        if m.matches(given.get("dims", call), _ONE) and "value" in given:
            numbers[call] = given["value"]
    found = {node for node in lengths if node in numbers}
    for function in m.findall(module, m.FunctionDef()):
        names = list(_names(function))
        for node in m.findall(function, _LOCAL):
            assign = cst.ensure_type(node, cst.Assign)
            target = cst.ensure_type(assign.targets[0].target, cst.Name)
            others = {one for one in names if one.value == target.value and one is not target}
            if assign.value in numbers and others <= lengths:
                found.add(assign.value)
    return {node: numbers[node] for node in found}


def _given(call: cst.Call, name: Callable[[cst.Call], str]) -> Given:
    """The arguments of a call of either; of others none."""
    rule = {DYNAMIC_RNN: RULES[DYNAMIC_RNN], "tf.fill": FILL}.get(name(call))
    try:
        return bound(rule, call) if rule else {}
    except NotRewritten:
        return {}


def _names(function: cst.CSTNode) -> Iterator[cst.Name]:
    """All names in a function but those of attributes and keywords."""
    attributes, keywords = m.Attribute(), m.Arg(keyword=m.Name())
    others: set[cst.CSTNode | None] = set()
    others |= {cst.ensure_type(one, cst.Attribute).attr for one in m.findall(function, attributes)}
    others |= {cst.ensure_type(one, cst.Arg).keyword for one in m.findall(function, keywords)}
    for node in m.findall(function, m.Name()):
        if node not in others:
            yield cst.ensure_type(node, cst.Name)
