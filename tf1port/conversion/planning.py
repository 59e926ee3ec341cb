"""Which plan a checkpoint is converted by, compared with its graph before anything is written.

A stack, layers before one stack of cells and layers after it, is written as a person would write
it; any other graph is translated op by op.
"""

import dataclasses
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import keras
import numpy as np

from tf1port.conversion import plan
from tf1port.conversion.opened import Opened
from tf1port.conversion.stack import Conversion
from tf1port.conversion.translation import translated
from tf1port.conversion.translation.translated import Translated
from tf1port.errors import UserError
from tf1port.tf1.graph.searching import guarded

_CHECKED = 2**25  # bytes of weights up to which a model is compared (it is upcast to float64)
_UNCOMPARED = f"outputs, which convert compares up to {_CHECKED >> 20} MB of weights: verify does"

Weights = Mapping[str, Mapping[str, np.ndarray]]


class Planned(NamedTuple):
    """A conversion before it is written; is_compared: with its graph, as far as that can be."""

    conversion: Conversion | Translated
    model: keras.Model
    source: str
    is_compared: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether it is a stack that lacks nothing.

        Ops on the outputs beside a loss, such as predictions, are no reason against one.
        """
        return isinstance(self.conversion, Conversion) and self.conversion.has_all_layers

    def missing(self, slots: set[str]) -> tuple[int, int]:
        """How much of the program the model lacks, first beside slots, the optimizer's variables.

        A model without an optimizer is more than an optimizer without the model.
        """
        lines = self.conversion.left_out
        of_optimizer = {f"the variable {name}" for name in slots}
        return len([line for line in lines if line not in of_optimizer]), len(lines)


def planned(path: str, options: Mapping[str, Any]) -> Planned:
    """The plan of a stack where that is complete, else the plan that leaves less out.

    A stack that is not complete is compared with the graph only if no translation is better: what
    is not compared counts as missing, too, so that it can only become worse.

    Args:
        path, options: as for tf1port.conversion.convert.convert.

    Raises:
        UserError: there is no plan, or its model computes something else than the graph.
    """
    own, trust = ("outputs", "stateful"), options.get("trust", False)
    options = {name: value for name, value in options.items() if name != "trust"}
    stack_options = {name: value for name, value in options.items() if name not in own}
    with guarded(path):
        opened = Opened(path, trust=trust)
        if any(options.get(name) for name in own):
            return _translated(opened, options)
    stack = _tried(path, _stack, opened, stack_options)
    if isinstance(stack, Planned) and stack.is_whole:
        stack = _tried(path, _compared, stack)
        if isinstance(stack, Planned) and stack.is_whole:
            return stack
    program = _tried(path, _translated, opened, options)
    slots = {*opened.contents.counters.values()}
    slots |= {name for of in opened.contents.slots.values() for name in of.values()}
    if isinstance(stack, Planned) and not _is_better(program, stack, slots):
        stack = _tried(path, _compared, stack)
    if isinstance(stack, UserError):
        if isinstance(program, UserError):
            raise _refusal(stack, program) from None
        return program
    if isinstance(program, UserError):
        return _noted(stack, f"the rest is not translated op by op: {program}")
    return program if _is_better(program, stack, slots) else stack


def _tried(path: str, make: Callable[..., Planned], *arguments: Any) -> Planned | UserError:
    """A plan, or why there is none."""
    try:
        with guarded(path):
            return make(*arguments)
    except UserError as error:
        return error


def _is_better(program: Planned | UserError, stack: Planned, slots: set[str]) -> bool:
    return isinstance(program, Planned) and program.missing(slots) < stack.missing(slots)


def _noted(stack: Planned, note: str) -> Planned:
    """The same plan with a note."""
    assert isinstance(stack.conversion, Conversion)
    notes = [*stack.conversion.notes, note]
    return stack._replace(conversion=stack.conversion._replace(notes=notes))


def _refusal(fault: UserError, error: UserError) -> UserError:
    """The error where a graph becomes neither a stack nor a translation."""
    if str(fault) == str(error):
        return error
    return UserError(f"{fault}; nor is it translated op by op: {error}")


def _stack(opened: Opened, options: Mapping[str, Any]) -> Planned:
    """The plan of layers, one stack of cells, and layers, which is not compared yet."""
    from tf1port.keras_model import build

    conversion = plan.plan(opened, **options)
    model = build.build(conversion.blueprint, keep=False)
    conversion = conversion._replace(output=model.output_names[0])
    name = os.path.basename(conversion.checkpoint.prefix)
    title = f"The Keras model of the TF1 checkpoint {name}."
    return Planned(conversion, model, build.source(conversion.blueprint, title=title))


def _compared(stack: Planned) -> Planned:
    """The plan of a stack that was compared with the graph. Raises UserError where it differs."""
    assert isinstance(stack.conversion, Conversion)
    if stack.is_compared:
        return stack
    conversion = _checked(stack.conversion, stack.model)
    return stack._replace(conversion=conversion, is_compared=True)


def _translated(opened: Opened, options: Mapping[str, Any]) -> Planned:
    """The plan of a graph op by op."""
    from tf1port.conversion.translation import checks
    from tf1port.keras_model import layer_weights, program_build

    accepted = ("outputs", "stateful")
    rejected = {name: value for name, value in options.items() if value and name not in accepted}
    if rejected:
        raise UserError(f"{', '.join(rejected)} belongs to a stack of cells alone")
    conversion = translated.plan(opened, **{n: options[n] for n in accepted if n in options})
    model = program_build.build(conversion.program, conversion.source)
    if model.count_params() * 4 > _CHECKED:
        left_out = [*conversion.left_out, _UNCOMPARED]
        return Planned(dataclasses.replace(conversion, left_out=left_out), model, conversion.source)
    names = [spec.name for spec in conversion.program.specs]
    weights = layer_weights.weights_of(model, names)
    unchecked: list[str] = []
    for check in checks.end_to_end(conversion, model, weights, unchecked):
        if not check.passed:
            raise UserError(
                f"{conversion.checkpoint.meta} computes something else than convert reads of it: "
                f"a model of what it reads differs by {check.max_abs:.2g} at {check.place}"
            )
    if unchecked:
        raise UserError(f"the translation could not be compared with the graph: {unchecked[0]}")
    if conversion.program.states:
        conversion = _handing_on(conversion, model, weights)
    return Planned(conversion, model, conversion.source)


def _handing_on(conversion: Translated, model: keras.Model, weights: Weights) -> Translated:
    """The conversion with lines on how its states were compared.

    Raises:
        UserError: a sequence in parts is not the whole.
    """
    from tf1port.conversion.translation.in_parts import QUANTITY, in_parts

    lines = [f"the graph, {way}" for way in ("from its zeros", "from states drawn at random")]
    lines = lines if conversion.zero_states else ["the graph, from states that are fed"]
    for check in in_parts(conversion, model, weights):
        if not check.passed:
            raise UserError(
                "more than states connects the steps of a sequence: given in parts, its outputs "
                f"differ by {check.max_abs:.2g} at {check.place}, so drop --stateful"
            )
        lines.append(f"{QUANTITY}: {check.place.rpartition(' rows, ')[2]}")
    return dataclasses.replace(conversion, compared=tuple(lines))


def _checked(conversion: Conversion, model: keras.Model) -> Conversion:
    """The conversion with lines on what was not compared. Raises UserError if the model differs."""
    from tf1port.conversion.end_to_end import end_to_end
    from tf1port.keras_model import layer_weights

    if conversion.graph is None:
        return conversion
    size = model.count_params() * 4
    if size > _CHECKED:
        return conversion._replace(unchecked=(_UNCOMPARED,))
    names = [spec.name for spec in conversion.blueprint.specs]
    weights = layer_weights.weights_of(model, names)
    unchecked: list[str] = []
    computed: set[str] = set()
    for check in end_to_end(conversion, model, weights, unchecked, computed=computed):
        if not check.passed:
            gap = f"differs by {check.max_abs:.2g} at {check.place}"
            raise UserError(
                f"the layers of the map compute something else than {conversion.checkpoint.meta}: "
                f"a model with them {gap}"
                if conversion.mapped
                else f"{conversion.checkpoint.meta} computes something else than convert reads of "
                f"it, so there is a part that it does not know: a model of what it reads {gap}"
            )
    ends = conversion.ends and conversion.ends.computing(computed)
    return conversion._replace(unchecked=tuple(unchecked), ends=ends)
