"""Copies of a compiled Keras model in another dtype, with another optimizer."""

import contextlib
from typing import Any

import keras
import numpy as np

from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.runner import in_dtype
from tf1port.numerics import optimizers
from tf1port.tf1.graph.optimizers import KINDS

CLIPS = optimizers.CLIPS


def copied(model: keras.Model, *, dtype: str) -> keras.Model:
    """The same model, without its weights.

    Raises:
        UserError: its class cannot be rebuilt from its configuration.
    """
    try:
        with _policy(dtype):
            copy = type(model).from_config(in_dtype(model.get_config(), dtype))
    except NotImplementedError as error:
        line = str(error).strip().partition("\n")[0]
        raise UserError(f"{type(model).__name__} cannot be copied: {line}") from None
    for layer, original in zip(copy.layers, model.layers, strict=True):
        layer.name = original.name  # which a class without get_config loses
    return copy


@contextlib.contextmanager
def _policy(dtype):
    """Sets the dtype policy of layers that are built without one, as in users' own layers."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def take_weights(model: keras.Model, original: keras.Model, *, dtype: str) -> None:
    """Sets a built copy's weights to the original's, in the copy's dtype."""
    model.set_weights([weight.astype(dtype) for weight in original.get_weights()])


def compile_copy(
    model: keras.Model,
    original: keras.Model,
    optimizer: keras.optimizers.Optimizer,
    *,
    dtype: str,
    powers: str,
    changes: dict[str, Any],
) -> None:
    """Compiles a copy like the original, except its optimizer's options, with the original's state.

    Args:
        powers: "tf1" for Adam, or a class derived from it, with TF1's powers of beta (D8).
        changes: other options of the optimizer, by name.
    """
    config = {**optimizer.get_config(), **changes}
    if dtype == "float64":
        config = _as_tf1(config, dtype=original.weights[0].dtype)
        config["learning_rate"] = _in_float64(config.get("learning_rate"))
    adam = isinstance(optimizer, keras.optimizers.Adam)
    kind = with_tf1_powers(type(optimizer)) if powers == "tf1" and adam else type(optimizer)
    loss = _loss_in(original.loss, dtype)
    model.compile(optimizer=kind.from_config(config), loss=loss, metrics=[])
    model.optimizer.build(model.trainable_variables)
    with contextlib.suppress(ValueError):  # it was built, of other variables
        original.optimizer.build(original.trainable_variables)
    take_state(model, original)


def with_tf1_powers(kind: type[Any]) -> type[Any]:
    """Adam, or a class derived from it, with TF1's powers of beta.

    Everything else that a user's own class does, such as a decay, is kept.
    """
    if kind in (keras.optimizers.Adam, optimizers.TF1PowersAdam):
        return optimizers.TF1PowersAdam
    return type(f"TF1Powers{kind.__name__}", (optimizers.TF1PowersAdam, kind), {})


def slot_names(optimizer: keras.optimizers.Optimizer) -> tuple[str, ...]:
    """Keras' names of an optimizer's slots; none if TF1 has no such optimizer."""
    slots = {kind.keras: kind.slots.values() for kind in KINDS.values()}
    names = [base.__name__ for base in type(optimizer).__mro__ if base.__name__ in slots]
    return tuple(slots[names[0]]) if names else ()


def take_state(model, original):
    """Copies the original optimizer's state into a copy's, weight by weight."""
    for slot in slot_names(model.optimizer):
        own = layer_weights.slots_by_variable(model, slot)
        original_slots = layer_weights.slots_by_variable(original, slot)
        pairs = zip(model.trainable_variables, original.trainable_variables, strict=True)
        for variable, original_variable in pairs:
            if id(variable) in own and id(original_variable) in original_slots:
                own[id(variable)].assign(original_slots[id(original_variable)])
    model.optimizer.iterations.assign(original.optimizer.iterations)


def _loss_in(loss, dtype):
    """A loss that computes in a dtype: a Loss object keeps the dtype it was created with."""
    if isinstance(loss, dict):
        return {name: _loss_in(part, dtype) for name, part in loss.items()}
    if isinstance(loss, list | tuple):
        return [_loss_in(part, dtype) for part in loss]
    if not isinstance(loss, keras.losses.Loss):
        return loss
    return keras.losses.deserialize(in_dtype(keras.losses.serialize(loss), dtype))


def _as_tf1(options, *, dtype):
    """An optimizer's options as a TF1 graph of that dtype has them (D13).

    It has hyper-parameters in float32 whatever its dtype, and a norm to clip to in its own dtype.
    """
    own = () if dtype == "float32" else CLIPS
    return {name: value if name in own else _rounded(value) for name, value in options.items()}


def _in_float64(rate):
    """A schedule that computes in float64, as an upcast graph does; any other rate is unchanged.

    Keras computes a schedule in the dtype of its numbers: float32 for Python's floats.
    """
    if not isinstance(rate, dict):
        return rate
    schedule = keras.optimizers.schedules.deserialize(rate)
    for name, value in vars(schedule).items():
        if type(value) is float:
            setattr(schedule, name, np.float64(value))
        elif isinstance(value, list) and value and type(value[0]) is float:
            setattr(schedule, name, [np.float64(number) for number in value])
    return schedule


def _rounded(value):
    """A number rounded to float32, also within the configuration of a schedule."""
    if type(value) is float:
        return float(np.float32(value))
    if isinstance(value, dict):
        return {name: _rounded(item) for name, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, list) else value
