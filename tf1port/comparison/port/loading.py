"""A checkpoint's weights, slots and step in a Keras model of the user's own, by its map."""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import keras

from tf1port.comparison.port.commands import compare_command
from tf1port.comparison.port.making import Making
from tf1port.comparison.port.port_map import load_map
from tf1port.comparison.sides import copying
from tf1port.comparison.sides.checkpoint import CheckpointSide
from tf1port.comparison.sides.keras import KerasSide
from tf1port.comparison.sides.program import Program
from tf1port.comparison.sides.protocol import NotOffered, State
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights, saving
from tf1port.keras_model.loading import import_modules, open_model

_SHOWN = 3  # names that a refusal has


class Loaded(NamedTuple):
    """What was loaded into a model.

    Attributes:
        weights, slots: names in the model, such as "lstm/kernel" and "lstm/kernel/momentum".
        step: number of steps taken; None: no optimizer has it.
        left_in_model: what of the model got nothing, as it is named there.
        left_in_checkpoint: the names of the variables that went nowhere.
    """

    weights: list[str]
    slots: list[str]
    step: int | None
    left_in_model: list[str]
    left_in_checkpoint: list[str]


def load_file(
    checkpoint: str,
    keras_file: str,
    map_file: str,
    *,
    partial: bool = False,
    trust: bool = False,
    imports: Sequence[str] = (),
) -> tuple[keras.Model, Loaded]:
    """The model of a `.keras` file with a checkpoint's weights and optimizer state, as Loaded says.

    Args:
        checkpoint, keras_file, map_file, trust, imports: as for tf1port.comparison.port.port.load.
        partial: what gets nothing keeps the values that it has.

    Raises:
        UserError: as tf1port.comparison.port.port.load; or something gets nothing, without
            `partial`.
    """
    port_map = load_map(map_file)
    import_modules(imports)
    model = open_model(keras_file, trust=trust)
    program = Program(checkpoint, trust=trust)
    making = Making(program, model, port_map, seed=0, steps=1)
    return model, load_into(model, making.first, example=making.example, partial=partial)


def write_loaded(
    checkpoint: str, keras_file: str, map_file: str, to: str, *, partial: bool = False, **how: Any
) -> dict[str, Any]:
    """Loads as `load_file` and writes the model; returns fields of tf1port.results.LoadedWeights.

    Args:
        to: path of the `.keras` file. how: `trust` and `imports`.

    Raises:
        UserError: as `load_file`, or `to` cannot be written: then it is as it was.
    """
    saving.check_keras_name(to)
    saving.check_target(to)
    model, loaded = load_file(checkpoint, keras_file, map_file, partial=partial, **how)
    saving.write(model, to)
    command = compare_command(checkpoint, to, map_file, **how)
    return {"keras_file": to, **loaded._asdict(), "command": command}


def load_into(
    model: keras.Model, legacy: CheckpointSide, *, example: Any = None, partial: bool = False
) -> Loaded:
    """Loads the state of a legacy side into a model, by way of a copy: all of it or nothing.

    Raises:
        UserError: as `load_file`; the model is as it was.
    """
    _check_dtype(model, legacy)
    side = KerasSide(model, legacy.config, port_map=legacy.map, dtype=legacy.dtype, example=example)
    state, unknown = _state(legacy, side)
    own = side.state() if side.compiled else State(side.weights(), {}, 0)
    weights = [name for name in own.weights if name in state.weights]
    slots = [name for name in own.slots if name in state.slots]
    left = [name for name in (*own.weights, *own.slots) if name not in {*weights, *slots}]
    left += _further_variables(side) if side.compiled else []
    extra = sorted(state.weights.keys() - own.weights.keys())
    if not partial:
        _check_whole(left, unknown, extra)
    side.restore(state._replace(weights={**own.weights, **state.weights}))
    model.set_weights(side.model.get_weights())
    if side.compiled:
        copying.take_state(model, side.model)
    step = state.count if side.compiled and not unknown else None
    return Loaded(weights, slots, step, left, _left_in_checkpoint(legacy, slots, extra))


def _state(legacy: CheckpointSide, side: KerasSide) -> tuple[State, str | None]:
    """The state to load, and why it has nothing of an optimizer; None: it has."""
    unknown, optimizer = None, legacy.optimizer
    if side.compiled and optimizer is None:
        unknown = "the graph's optimizer is not known"
    elif side.compiled and optimizer is not None and optimizer.kind != side.optimizer_kind:
        unknown = f"the model's optimizer is {side.optimizer_kind}, not {optimizer.kind}"
    try:
        state = legacy.state()
    except NotOffered:
        state = State(legacy.weights(), {}, 0)
    if unknown or not side.compiled:
        return State(state.weights, {}, 0), unknown
    return state, None


def _further_variables(side: KerasSide) -> list[str]:
    """What an optimizer keeps besides the slots that TF1 has, its counter and its rate."""
    optimizer = side.model.optimizer
    names = copying.slot_names(optimizer)
    slots = [layer_weights.slots_by_variable(side.model, name) for name in names]
    known = {id(variable) for of in slots for variable in of.values()}
    known |= {id(optimizer.iterations), id(getattr(optimizer, "_learning_rate", None))}
    return [one.path for one in optimizer.variables if id(one) not in known]


def _check_dtype(model: keras.Model, legacy: CheckpointSide) -> None:
    narrow = {one.dtype for one in model.weights} & {"float32", "float16", "bfloat16"}
    if legacy.dtype == "float64" and narrow:
        raise UserError(
            f"the checkpoint is of float64, the model of {min(narrow)}: build the model under "
            'keras.config.set_floatx("float64")'
        )


def _check_whole(left: list[str], unknown: str | None, extra: list[str]) -> None:
    """Raises UserError where something of the model gets nothing."""
    advice = "or pass --partial to leave them as they are"
    if unknown:
        raise UserError(f"{unknown}: compile the model as the graph trains, {advice}")
    if left:
        raise UserError(
            f"nothing of the checkpoint goes into {_some(left)} of the model: name its layers in "
            f"[layers] of the map, {advice}"
        )
    if extra:
        raise UserError(
            f"the map names {_some(extra)}, which the model does not have: give its layer these "
            f"weights, {advice}"
        )


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _left_in_checkpoint(
    legacy: CheckpointSide, slots: Iterable[str], extra: Iterable[str]
) -> list[str]:
    """The names of the variables of a checkpoint that went nowhere, sorted."""
    used = {*legacy.weight_map.variables} - _sources(legacy, extra)
    kinds = {name.rpartition("/")[2] for name in slots}
    if legacy.optimizer is not None:
        used |= {name for kind in kinds for name in legacy.places.slots.get(kind, {}).values()}
    used |= {*legacy.program.inventory.counters.values()}
    return sorted(legacy.program.checkpoint.shapes.keys() - used)


def _sources(legacy: CheckpointSide, names: Iterable[str]) -> set[str]:
    """TF1's variables of weights that a model does not have, as far as they are of these alone."""
    entries = {entry.name: entry for entry in legacy.weight_map.entries}
    found = set()
    for name in names:
        entry, _, role = name.rpartition("/")
        source = entries[entry].sources.get(role) if entry in entries else None
        found |= {source.name} if source is not None else set()
    return found
