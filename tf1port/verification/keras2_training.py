"""Compares the training of a Keras 2 file, as Keras 2 goes on with it, with that of its model."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import keras
import numpy as np

from tf1port.conversion.keras2 import masks
from tf1port.conversion.keras2.checks import batches, in_float64, reset
from tf1port.conversion.keras2.convert import Keras2Conversion, without_mask_warnings
from tf1port.conversion.keras2.original import Original
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.numerics import comparison
from tf1port.numerics.precision import floatx

_HYPERPARAMETERS = ("beta_1", "beta_2", "rho", "momentum")  # of optimizers, but for rates
# Options by which layers draw random numbers in training.
_RANDOM = ("dropout", "recurrent_dropout", "rate", "stddev")


def training_checks(
    conversion: Keras2Conversion,
    model: keras.Model,
    unproved: list[str],
    *,
    steps: int,
    seed: int,
) -> Iterator[comparison.Check]:
    """Yields the comparisons of the optimizer's state and, with steps, of the losses.

    Args:
        unproved: with steps, a line is appended where training cannot be compared.
    """
    reason = _reason(conversion, model)
    if reason:
        unproved += [f"the training: {reason}"] if steps else []
        return
    yield _state_check(conversion, model)
    if steps:
        yield _losses_check(conversion, model, steps=steps, seed=seed)


def _reason(conversion: Keras2Conversion, model: keras.Model) -> str | None:
    """Why training is not compared; None: it is."""
    compiled = conversion.compiled
    if compiled is None:
        return "the file has no training_config"
    if compiled.optimizer is None or compiled.loss is None:
        return "; ".join(compiled.notes) or "the file has no loss"
    if getattr(model, "optimizer", None) is None:
        raise UserError("the model is not compiled, the file is: convert it again")
    for node in conversion.network.nodes:
        if node.layer.class_name.startswith("BatchNormalization") and masks.origin(
            conversion.network, node.tensors[0]
        ):
            return f"{node.layer.name} leaves out masked steps, as Keras 2 did not at first"
    for layer in conversion.network.layers:
        inner = layer.config.get("layer")
        configs = [layer.config, *([inner["config"]] if isinstance(inner, dict) else [])]
        if any(config.get(key) for config in configs for key in _RANDOM):
            return f"{layer.name} draws random numbers"
    return None


def _state_check(conversion: Keras2Conversion, model: keras.Model) -> comparison.Check:
    """The optimizer's constants, count of steps and slots, as tf_keras has them of the file."""
    original = Original(conversion.file, conversion.file.path, "float32")
    optimizer = _compile(conversion, original)
    expected = {**_constants(optimizer), **_slots(optimizer, original.model.trainable_variables)}
    variables = conversion.trainable(model)
    actual = {**_constants(model.optimizer), **_slots_of_keras(model, variables)}
    shared = expected.keys() & actual.keys()
    slots = {key for key in {*expected, *actual} - shared if "/" in key}
    names = sorted(shared | slots)
    check = comparison.check(
        "converted slots",
        {name: expected[name] for name in names if name in expected},
        {name: actual[name] for name in names if name in actual},
        dtype="float32",
    )
    return check._replace(place=f"{check.place}, and the constants of {type(optimizer).__name__}")


def _losses_check(
    conversion: Keras2Conversion, model: keras.Model, *, steps: int, seed: int
) -> comparison.Check:
    """The losses of both in float64, trained on from the file on the same random batches."""
    original = Original(conversion.file, conversion.file.path, "float64")
    is_legacy = hasattr(_compile(conversion, original), "get_slot")
    upcast = _compiled_copy(conversion, model, rounded=is_legacy)
    stream = np.random.default_rng(seed)
    random_batches = batches(conversion, stream)
    legacy, modern = [], []
    for step in range(steps):
        inputs = random_batches[step % len(random_batches)].arrays
        x = inputs if len(inputs) > 1 else inputs[0]
        pairs = _pairs(conversion, original, inputs)
        targets = [_targets(loss, value, stream) for loss, value in pairs]
        y = targets if len(targets) > 1 else targets[0]
        legacy.append(_total(original.train(x, y)))
        with floatx("float64"), without_mask_warnings():
            modern.append(_total(upcast.train_on_batch(x, y)))
        original.reset()
        reset(upcast)
    return comparison.check(
        "losses of resumed steps",
        {"step": np.array(legacy)},
        {"step": np.array(modern)},
        dtype="float64",
    )


def _compile(conversion: Keras2Conversion, original: Original) -> Any:
    """Compiles tf_keras' model as the file says, with the optimizer's state; the optimizer."""
    training = conversion.file.training
    assert training is not None
    arrays = [value for _, value in conversion.file.optimizer]
    weights = training.get("loss_weights")
    return original.compile(training["optimizer_config"], training["loss"], weights, arrays)


def _compiled_copy(
    conversion: Keras2Conversion, model: keras.Model, *, rounded: bool
) -> keras.Model:
    """The model in float64 with an optimizer of the same constants and state.

    Args:
        rounded: the constants are those of float32, as optimizers up to tf.keras 2.10 hold them.
    """
    compiled = conversion.compiled
    assert compiled is not None
    upcast = in_float64(model)
    with floatx("float64"):
        config = json.loads(json.dumps(keras.saving.serialize_keras_object(model.optimizer)))
        for key in set(_HYPERPARAMETERS) & config["config"].keys() if rounded else ():
            value = config["config"][key]
            config["config"][key] = float(np.float32(value)) if value else value
        optimizer = keras.saving.deserialize_keras_object(config)
        schedule = optimizer._learning_rate
        if isinstance(schedule, keras.optimizers.schedules.LearningRateSchedule):
            # By its dtype Keras computes the rate.
            schedule.initial_learning_rate = np.float64(schedule.initial_learning_rate)
        loss = model.get_compile_config()["loss"]
        loss = keras.saving.deserialize_keras_object(loss)
        upcast.compile(optimizer, loss=loss, loss_weights=compiled.loss_weights)
        optimizer.build(upcast.trainable_variables)
    for target, source in zip(optimizer.variables, model.optimizer.variables, strict=True):
        target.assign(np.array(source).astype(target.dtype))
    return upcast


def _constants(optimizer: Any) -> dict[str, np.ndarray]:
    """The numbers of an optimizer's configuration by name, and its count of steps."""
    config = optimizer.get_config()
    if isinstance(config.get("learning_rate"), dict):  # a schedule, which the losses compare
        config.pop("learning_rate")
    numbers = {key: value for key, value in config.items() if isinstance(value, (int, float))}
    numbers["iterations"] = int(np.array(optimizer.iterations))
    return {key: np.array(value, "float32") for key, value in numbers.items()}


def _slots(optimizer: Any, variables: Any) -> dict[str, np.ndarray]:
    """tf_keras' slots by the number of the variable and Keras 3's name."""
    if hasattr(optimizer, "get_slot"):
        names = {"m": "momentum", "v": "velocity", "momentum": "momentum", "rms": "velocity"}
        return {
            f"{number}/{names[slot]}": np.array(optimizer.get_slot(variable, slot))
            for number, variable in enumerate(variables)
            for slot in optimizer.get_slot_names()
        }
    lists = {
        "momentum": getattr(optimizer, "_momentums", getattr(optimizer, "momentums", None)),
        "velocity": getattr(optimizer, "_velocities", None),
    }
    return {
        f"{number}/{name}": np.array(value)
        for name, values in lists.items()
        for number, value in enumerate(values or ())
    }


def _slots_of_keras(model: keras.Model, variables: Any) -> dict[str, np.ndarray]:
    result = {}
    for name in ("momentum", "velocity"):
        by_id = layer_weights.slots_by_variable(model, name)
        for number, variable in enumerate(variables):
            if id(variable) in by_id:
                result[f"{number}/{name}"] = np.array(by_id[id(variable)])
    return result


def _pairs(conversion: Keras2Conversion, original: Original, inputs: Any) -> list[Any]:
    """The name of the loss and a value of each output."""
    outputs = original(inputs)
    original.reset()
    assert conversion.compiled is not None
    loss = conversion.compiled.loss
    losses = loss if isinstance(loss, list) else [loss] * len(outputs)
    if isinstance(loss, dict):
        losses = [loss.get(tensor.layer) for tensor in conversion.network.outputs]
    return list(zip(losses, outputs, strict=True))


def _targets(loss: Any, output: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """Random labels of the kind that a loss takes."""
    name = str(getattr(loss, "function", loss)).rpartition(".")[2].replace("_", "").lower()
    if name.startswith("sparse"):
        return stream.integers(0, output.shape[-1], size=output.shape[:-1])
    if name.startswith("categorical"):
        classes = stream.integers(0, output.shape[-1], size=output.shape[:-1])
        return np.eye(output.shape[-1])[classes]
    if name.startswith("binary"):
        return stream.integers(0, 2, size=output.shape).astype("float64")
    return stream.normal(size=output.shape)


def _total(losses: Any) -> float:
    """The loss of a step, without those of single outputs and metrics."""
    return float(losses[0] if isinstance(losses, (list, tuple)) else losses)
