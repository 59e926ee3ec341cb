"""The configuration that the ladder and a diagnosis need of a third party's side."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Traits:
    """The `config` of a side.

    Attributes:
        model: its name in the report.
        optimizer: "adam", whose powers of beta TF1 rounds (D8), or "sgd" for all others.
        learning_rate, beta_1, beta_2, epsilon, options: the optimizer's, by Keras' names.
        float32_horizon: steps over which losses are compared in float32.
    """

    model: str = "port"
    optimizer: str = "sgd"
    learning_rate: float = 0.001
    beta_1: float = 0.9
    beta_2: float = 0.999
    epsilon: float = 1e-7
    options: dict[str, Any] = field(default_factory=dict)
    float32_horizon: int = 50


@dataclass(frozen=True)
class WithForgetBias(Traits):
    """Of a side whose biases include a forget bias, and were rounded when it was added."""

    forget_bias: float = 1.0


def traits(optimizer, *, forget_bias):
    """The Traits of a tf1port.keras_model.optimizer.OptimizerSpec, or of None."""
    options = {} if optimizer is None else dict(optimizer.options)
    own = {name: value for name, value in options.items() if name in Traits.__dataclass_fields__}
    if optimizer is not None and optimizer.kind == "Adam":
        own["optimizer"] = "adam"
    return (WithForgetBias if forget_bias else Traits)(**own, options=options)
