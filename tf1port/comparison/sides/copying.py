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
        UserError: its class cannot be made from its configuration.
    """
    try:
        with _policy(dtype):
            found = type(model).from_config(in_dtype(model.get_config(), dtype))
    except NotImplementedError as error:
        line = str(error).strip().partition("\n")[0]
        raise UserError(f"{type(model).__name__} cannot be copied: {line}") from None
    for layer, original in zip(found.layers, model.layers, strict=True):
        layer.name = original.name  # which a class without get_config loses
    return found


@contextlib.contextmanager
def _policy(dtype):
    """The policy of layers that are made without one, as layers of one's own make theirs."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def take_weights(model: keras.Model, original: keras.Model, *, dtype: str) -> None:
    """Gives a copy that is built the weights of the original in its dtype."""
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
    """Compiles a copy as the original is, but for the optimizer, with the original's state.

    Args:
        powers: "tf1" for Adam, or what derives from it, with TF1's powers of beta (D8).
        changes: other options for the optimizer, by name.
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
    _take_over(model, original)


def with_tf1_powers(kind: type[Any]) -> type[Any]:
    """A class of Adam's, or derived from it, that computes as it does but for its powers of beta.

    What a class of one's own does besides, such as a decay, it goes on doing.
    """
    if kind in (keras.optimizers.Adam, optimizers.TF1PowersAdam):
        return optimizers.TF1PowersAdam
    return type(f"TF1Powers{kind.__name__}", (optimizers.TF1PowersAdam, kind), {})


def slot_names(optimizer: keras.optimizers.Optimizer) -> tuple[str, ...]:
    """Keras' names of an optimizer's slots; none of one that TF1 had not."""
    slots = {kind.keras: kind.slots.values() for kind in KINDS.values()}
    own = [one.__name__ for one in type(optimizer).__mro__ if one.__name__ in slots]
    return tuple(slots[own[0]]) if own else ()


def _take_over(model, original):
    """Gives a copy's optimizer the original one's state, weight by weight."""
    for slot in slot_names(model.optimizer):
        own = layer_weights.slots_by_variable(model, slot)
        held = layer_weights.slots_by_variable(original, slot)
        pairs = zip(model.trainable_variables, original.trainable_variables, strict=True)
        for variable, other in pairs:
            if id(variable) in own and id(other) in held:
                own[id(variable)].assign(held[id(other)])
    model.optimizer.iterations.assign(original.optimizer.iterations)


def _loss_in(loss, dtype):
    """A loss that computes in a dtype: an object keeps the one that it was made in."""
    if isinstance(loss, dict):
        return {name: _loss_in(one, dtype) for name, one in loss.items()}
    if isinstance(loss, list | tuple):
        return [_loss_in(one, dtype) for one in loss]
    if not isinstance(loss, keras.losses.Loss):
        return loss
    return keras.losses.deserialize(in_dtype(keras.losses.serialize(loss), dtype))


def _as_tf1(options, *, dtype):
    """An optimizer's options as a TF1 graph of that dtype has them (D13).

    It holds hyper-parameters in float32 whatever its dtype, and a norm to clip to in its own.
    """
    own = () if dtype == "float32" else CLIPS
    return {name: value if name in own else _rounded(value) for name, value in options.items()}


def _in_float64(rate):
    """A schedule that computes in float64, as a graph does that is upcast; any other rate as it is.

    Keras computes it in the dtype of its own numbers, which is float32 for those of Python.
    """
    if not isinstance(rate, dict):
        return rate
    schedule = keras.optimizers.schedules.deserialize(rate)
    for name, value in vars(schedule).items():
        if type(value) is float:
            setattr(schedule, name, np.float64(value))
        elif isinstance(value, list) and value and type(value[0]) is float:
            setattr(schedule, name, [np.float64(one) for one in value])
    return schedule


def _rounded(value):
    """A number as float32 has it; so are those of a schedule."""
    if type(value) is float:
        return float(np.float32(value))
    if isinstance(value, dict):
        return {name: _rounded(one) for name, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list) else value
