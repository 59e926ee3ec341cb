"""One call of TF1 as a call of Keras 3, by its rule."""

from __future__ import annotations

import libcst as cst

from tf1port.scanning.fixing.rules import DYNAMIC_RNN, RULES, Rule

LENGTHS = "sequence_length"


class NotRewritten(Exception):
    """A call has something that its rule does not know; the message says what."""


def rewritten(name: str, call: cst.Call) -> tuple[cst.Call, list[str]]:
    """The call that computes the same, and what is to be thought of.

    Args:
        name: the full name of what is called, a key of RULES.

    Raises:
        NotRewritten: it has an argument, or the value of one, that the rule does not know.
    """
    rule = RULES[name]
    given = _bound(rule, call)
    notes = [rule.note] if rule.note else []
    mask = _mask(given) if name == DYNAMIC_RNN else None
    if mask:
        notes.append("P32: beyond a sequence's end Keras repeats the last output, TF1 gives zeros")
    _check(rule, given)
    words = {rule.takes[key]: given[key] for key in given if key in rule.takes}
    for key, value in rule.defaults.items():
        words.setdefault(key, cst.parse_expression(value))
    keras_call = cst.Call(cst.parse_expression(rule.to), _arguments(words))
    if rule.inputs:
        inputs = [cst.Arg(given[key]) for key in rule.inputs]
        keras_call = cst.Call(keras_call, [*inputs, *_arguments({"mask": mask} if mask else {})])
    return keras_call, notes


def _bound(rule: Rule, call: cst.Call) -> dict[str, cst.BaseExpression]:
    """The values of a call's arguments by their names."""
    given: dict[str, cst.BaseExpression] = {}
    for position, argument in enumerate(call.args):
        if argument.star:
            raise NotRewritten("its arguments are in a list")
        if argument.keyword:
            given[argument.keyword.value] = argument.value
        elif position < len(rule.signature):
            given[rule.signature[position]] = argument.value
        else:
            raise NotRewritten(f"argument {position + 1} has no name")
    return given


def _check(rule: Rule, given: dict[str, cst.BaseExpression]) -> None:
    """Leaves out what has no meaning or TF1's own default; raises where something is not known."""
    for key in rule.inputs:
        if key not in given:
            raise NotRewritten(f"{key} is not given")
    for key, value in rule.only_as.items():
        if key in given and _text(given[key]) != value:
            raise NotRewritten(f"{key} is {_text(given[key])}")
        given.pop(key, None)
    for key in given:
        if key not in {*rule.takes, *rule.inputs, *rule.drops}:
            raise NotRewritten(f"{key} is given")


def _mask(given: dict[str, cst.BaseExpression]) -> cst.BaseExpression | None:
    """What the lengths of sequences are as a mask [batch, time]; the lengths are taken out."""
    lengths = given.pop(LENGTHS, None)
    if lengths is None or _text(lengths) == "None":
        return None
    inputs = given.get("inputs")
    if not isinstance(inputs, cst.Name | cst.Attribute):
        raise NotRewritten("the inputs of a mask must have a name")
    steps = f"keras.ops.arange(keras.ops.shape({_text(inputs)})[1])"
    return cst.parse_expression(f"{steps} < keras.ops.reshape({_text(lengths)}, [-1, 1])")


def _arguments(words: dict[str, cst.BaseExpression]) -> list[cst.Arg]:
    equal = cst.AssignEqual(cst.SimpleWhitespace(""), cst.SimpleWhitespace(""))
    return [cst.Arg(value, cst.Name(key), equal) for key, value in words.items()]


def _text(node: cst.BaseExpression) -> str:
    return cst.Module([]).code_for_node(node)
