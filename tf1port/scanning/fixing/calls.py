"""One call of TF1 as a call of Keras 3, by its rule."""

from __future__ import annotations

from collections.abc import Sequence

import libcst as cst

from tf1port.scanning.fixing import sequences
from tf1port.scanning.fixing.rules import DYNAMIC_RNN, OPS, PLACEHOLDER, RULES, Rule
from tf1port.scanning.fixing.sequences import Given
from tf1port.scanning.fixing.source import NotRewritten, arguments, text_of

_OTHER_DTYPES = ("float16", "float64", "double", "half")
_DTYPE = "P5: Keras computes in float32, unless keras.config.set_floatx or dtype= says otherwise"


def rewritten(name: str, call: cst.Call) -> tuple[cst.Call, list[str]]:
    """The call that computes the same, and what is to be thought of.

    Args:
        name: the full name of what is called, a key of RULES.

    Raises:
        NotRewritten: it has an argument, or the value of one, that the rule does not know.
    """
    rule = RULES[name]
    given = bound(rule, call)
    notes = [rule.note] if rule.note else []
    if "dtype" in given and text_of(given["dtype"]).strip("\"'").endswith(_OTHER_DTYPES):
        notes.append(_DTYPE)
    if name == DYNAMIC_RNN:
        return _recurrent(rule, given, notes)
    if name == PLACEHOLDER:
        given["shape"] = _of_one(given.get("shape"))
    _check(rule, given)
    keras_call = cst.Call(cst.parse_expression(rule.to), arguments(_words(rule, given)))
    if rule.to.startswith(OPS):
        return keras_call.with_changes(args=_first_by_position(keras_call.args)), notes
    if rule.inputs:
        keras_call = cst.Call(keras_call, [cst.Arg(given[key]) for key in rule.inputs])
    return keras_call, notes


def bound(rule: Rule, call: cst.Call) -> Given:
    """The values of a call's arguments by their names; without those that are None.

    Raises:
        NotRewritten: they are not all there to be seen.
    """
    given: Given = {}
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


def _recurrent(rule: Rule, given: Given, notes: list[str]) -> tuple[cst.Call, list[str]]:
    """dynamic_rnn as `RNN(cell)(inputs, mask=mask)`; its outputs are batch-major."""
    if sequences.LENGTHS in given and text_of(given[sequences.LENGTHS]) == "None":
        del given[sequences.LENGTHS]
    own = {key: given[key] for key in given if key not in (sequences.LENGTHS, sequences.TIME_MAJOR)}
    _check(rule, own)
    inputs = [cst.Arg(cst.parse_expression(sequences.batch_major(given)))]
    words = _words(rule, own)
    if sequences.time_major(given):
        notes = [*notes, sequences.TIME_MAJOR_NOTE]
    if sequences.LENGTHS in given:
        words["zero_output_for_mask"] = cst.Name("True")
        inputs += arguments({"mask": cst.parse_expression(sequences.mask(given))})
        notes = [*notes, sequences.LENGTHS_NOTE]
    layer = cst.Call(cst.parse_expression(rule.to), arguments(words))
    return cst.Call(layer, inputs), notes


def _of_one(shape: cst.BaseExpression | None) -> cst.BaseExpression:
    """The shape of one example, of `[None, …]`."""
    if not isinstance(shape, cst.List | cst.Tuple) or not shape.elements:
        raise NotRewritten("its shape is not written out")
    first, *rest = shape.elements
    if isinstance(first, cst.StarredElement) or text_of(first.value) != "None":
        raise NotRewritten("its shape does not begin with None, for the batch")
    return cst.List([one.with_changes(comma=cst.MaybeSentinel.DEFAULT) for one in rest])


def _check(rule: Rule, given: Given) -> None:
    """Leaves out what has no meaning or TF1's own default; raises where something is not known."""
    for key in rule.needs:
        if key not in given:
            raise NotRewritten(f"{key} is not given")
    for key, value in rule.only_as.items():
        if key in given and text_of(given[key]) != value:
            raise NotRewritten(f"{key} is {text_of(given[key])}")
        given.pop(key, None)
    for key in given:
        if key not in {*rule.takes, *rule.inputs, *rule.drops}:
            raise NotRewritten(f"{key} is given")


def _words(rule: Rule, given: Given) -> Given:
    """The keywords of the new call."""
    words = {new: given[key] for key, new in rule.takes.items() if key in given}
    for key, value in rule.defaults.items():
        words.setdefault(key, cst.parse_expression(value))
    return words


def _first_by_position(args: Sequence[cst.Arg]) -> list[cst.Arg]:
    first, *others = args
    return [cst.Arg(first.value), *others]
