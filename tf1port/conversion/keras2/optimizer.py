"""What a Keras 2 model was compiled with, and the state of its optimizer, for Keras 3.

An optimizer whose steps Keras 3 takes otherwise is left out, which a note says: up to tf.keras 2.10
RMSprop adds epsilon outside of the root, and two biases of a cuDNN LSTM move twice as fast as one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from tf1port.conversion.keras2.hdf5 import Arrays, Keras2File
from tf1port.errors import UserError
from tf1port.keras_model import layer_weights
from tf1port.keras_model.expressions import Call
from tf1port.keras_model.optimizer import UNREACHED

_NEW = "Custom>"  # how classes of tf.keras 2.11 and later begin, which are Keras 3's own
# The slots of a variable, in the file's order, by Keras 3's names.
_SLOTS = {"SGD": ("momentum",), "Adam": ("momentum", "velocity"), "RMSprop": ("velocity",)}
_OPTIONS = {
    "SGD": ("momentum", "nesterov"),
    "Adam": ("beta_1", "beta_2", "epsilon"),
    "RMSprop": ("rho", "epsilon"),
}
_CLIPS = ("clipnorm", "clipvalue", "global_clipnorm", "weight_decay")
_OFF = ("amsgrad", "centered", "use_ema")  # options that only their being off is known of
_EPSILON = 1e-7  # of Keras 2 where a file has none


@dataclass(frozen=True)
class Compiled:
    """The arguments of model.compile, and the optimizer's state.

    optimizer: None: it is left out. loss, loss_weights, metrics: as compile takes them, or None.
    iterations: the steps that were taken. slots: per trainable variable, in Keras 2's order, its
    arrays by Keras 3's name of the slot; none where they are not in the file.
    """

    optimizer: Call | None
    loss: Any
    loss_weights: Any
    metrics: list[str]
    notes: list[str]
    iterations: int = 0
    slots: Sequence[Mapping[str, np.ndarray]] = ()

    def lines(self, *, indent: int) -> list[str]:
        """The arguments of `compile` as lines of source."""
        assert self.optimizer is not None  # without one Keras would take RMSprop
        pad = " " * indent
        lines = self.optimizer.lines(indent=indent, before="optimizer=", after=",")
        for key in ("loss", "loss_weights"):
            value = getattr(self, key)
            if isinstance(value, Call):
                lines += value.lines(indent=indent, before=f"{key}=", after=",")
            elif value is not None:
                lines += [f"{pad}{key}={_text(value)},"]
        return lines + ([f"{pad}metrics={_text(self.metrics)},"] if self.metrics else [])

    def restore(self, model: keras.Model, variables: Sequence[keras.Variable]) -> None:
        """Sets the state of a compiled model's optimizer.

        Args:
            variables: the trainable ones, in Keras 2's order.
        """
        if self.optimizer is None:
            return
        model.optimizer.build(model.trainable_variables)
        model.optimizer.iterations.assign(self.iterations)
        names = sorted({name for slots in self.slots for name in slots})
        by_slot = {name: layer_weights.slots_by_variable(model, name) for name in names}
        for variable, slots in zip(variables, self.slots, strict=False):
            for name, value in slots.items():
                by_slot[name][id(variable)].assign(value)


def compiled(
    file: Keras2File, shapes: Sequence[tuple[int, ...]], *, cudnn: bool, embedded: bool
) -> Compiled | None:
    """What the file's model was compiled with; None: it was not.

    Args:
        shapes: of the trainable variables in Keras 2's order.
        cudnn, embedded: there is a cuDNN layer; there is an embedding.
    """
    if not isinstance(file.training, dict):
        return None
    notes: list[str] = []
    loss = _loss(file.training.get("loss"), notes)
    weights, metrics = file.training.get("loss_weights"), _metrics(file.training.get("metrics"))
    result = Compiled(None, loss, weights, metrics, notes)
    try:
        if cudnn:
            raise UserError("a cuDNN layer has two biases per gate, which learn twice as fast")
        optimizer = _optimizer(file.training.get("optimizer_config"))
        optimizer = _with_summed_rows(optimizer) if embedded else optimizer
        iterations, slots = _state(optimizer, file.optimizer, shapes)
    except UserError as reason:
        return replace(result, notes=[*notes, f"the optimizer is left out: {reason}"])
    return replace(result, optimizer=optimizer, iterations=iterations, slots=slots)


def _optimizer(entry: Any) -> Call:
    if not isinstance(entry, dict):
        raise UserError("the file does not say which one it is")
    name, config = str(entry["class_name"]).removeprefix(_NEW), entry["config"]
    is_new = str(entry["class_name"]).startswith(_NEW) or "is_legacy_optimizer" in config
    if name not in _SLOTS:
        raise UserError(f"{name} is none of {', '.join(_SLOTS)}")
    for key in _OFF:
        if config.get(key):
            raise UserError(f"{name} has {key}={config[key]!r}, which is not known")
    if name == "RMSprop" and (not is_new or config.get("momentum")):
        raise UserError("RMSprop adds epsilon outside of the root here, Keras 3 within")
    options: dict[str, object] = {"learning_rate": _rate(config)}
    for key in _OPTIONS[name]:
        value = config.get(key)
        options[key] = _EPSILON if key == "epsilon" and value is None else value
    options |= {key: config[key] for key in _CLIPS if config.get(key) is not None}
    return Call(f"keras.optimizers.{name}", options)


def _with_summed_rows(optimizer: Call) -> Call:
    """An optimizer that sums the gradients of a row of a table before it squares them (D20)."""
    clips = {"clipnorm", "clipvalue", "global_clipnorm"} & optimizer.arguments.keys()
    if clips or optimizer.function.endswith(".SGD"):
        return optimizer
    return replace(optimizer, arguments={**optimizer.arguments, "global_clipnorm": UNREACHED})


def _rate(config: Mapping[str, Any]) -> Any:
    """The learning rate, or Keras 2's decay of it as a schedule."""
    rate = config.get("learning_rate", config.get("lr"))
    if not isinstance(rate, (int, float)):
        raise UserError("its learning rate is a schedule")
    decay = config.get("decay") or 0.0
    if not decay:
        return float(rate)
    options = {"initial_learning_rate": rate, "decay_steps": 1, "decay_rate": decay}
    return Call("keras.optimizers.schedules.InverseTimeDecay", options)


def _state(
    optimizer: Call, arrays: Arrays, shapes: Sequence[tuple[int, ...]]
) -> tuple[int, list[dict[str, np.ndarray]]]:
    """The count of steps, and the slots of each variable.

    A newer file has a variable's slots side by side, an older one all variables' first ones first.
    """
    kind = optimizer.function.rpartition(".")[2]
    if not arrays:
        return 0, []
    iterations = int(arrays[0][1])
    values = [value for name, value in arrays[1:] if "learning_rate" not in name]
    has_slots = kind != "SGD" or bool(optimizer.arguments["momentum"])
    slots = _SLOTS[kind] if values and has_slots else ()
    side_by_side = any(f"/{short}/" in name for name, _ in arrays for short in ("m", "v"))
    result: list[dict[str, np.ndarray]] = []
    for index, shape in enumerate(shapes):
        start, step = (index * len(slots), 1) if side_by_side else (index, len(shapes))
        found = values[start : start + step * len(slots) : step] if slots else []
        if [value.shape for value in found] != [shape] * len(slots):
            raise UserError("its slots in the file are not those of its variables")
        result.append(dict(zip(slots, found, strict=True)))
    return iterations, result


def _loss(value: Any, notes: list[str]) -> Any:
    """A loss as compile takes it, or a list or dict of them; None where one is not known."""
    if isinstance(value, dict) and "class_name" not in value:
        inner = {str(key): _loss(item, notes) for key, item in value.items()}
        return None if None in inner.values() else inner
    if isinstance(value, list):
        items = [_loss(item, notes) for item in value]
        return None if None in items else items
    name = value.get("class_name") if isinstance(value, dict) else value
    known = getattr(keras.losses, str(name), None)
    if isinstance(value, str) and (known or value in ("mse", "mae", "mape", "msle")):
        return value
    if isinstance(value, dict) and isinstance(known, type):
        config = value.get("config", {})
        kept = {k: config[k] for k in ("from_logits", "label_smoothing", "delta") if k in config}
        if config.get("reduction", "auto") in ("auto", "sum_over_batch_size"):
            return Call(f"keras.losses.{name}", kept)
    if value is not None:
        notes.append(f"the loss {name} is left out: compile the model with your own")
    return None


def _metrics(value: Any) -> list[str]:
    """Accuracy where it is the only output's metric: what is measured changes no training."""
    text = str(value)
    return ["accuracy"] if text in ("['accuracy']", "['acc']") or "'accuracy'" in text else []


def _text(value: Any) -> str:
    """A plain value or one with Calls in it as source."""
    if isinstance(value, Call):
        return value.text
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_text(k)}: {_text(v)}" for k, v in value.items()) + "}"
    return f'"{value}"' if isinstance(value, str) and value.isidentifier() else repr(value)
