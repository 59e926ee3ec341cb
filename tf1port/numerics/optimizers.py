"""TF1's optimizers in Keras, where the two compute other numbers under the same name."""

import dataclasses
import functools
import math
from typing import NamedTuple

import keras
import numpy as np

CLIPS = ("clipnorm", "global_clipnorm", "clipvalue")
_TINY = float(np.finfo(np.float32).tiny)  # below it a power is rounded coarsely, or flushed to 0
_LONGEST = 20_000_000  # products of a table of powers: 80 MB
_NEGLIGIBLE = 1e-17  # a power of beta below which 1 - power is 1


class Count(NamedTuple):
    """The number of steps computed from a power of beta.

    exact: as many float32 products give the same number, bit by bit.
    """

    steps: int
    exact: bool


def as_tf1(config):
    """The same config with the hyper-parameters as TF1 computes with them.

    A TF1 graph stores them in float32, also where its variables are float64 (D13).
    """
    names = ("learning_rate", "beta_1", "beta_2") + (("epsilon",) if _is_adam(config) else ())
    changes = {name: _rounded(getattr(config, name)) for name in names if hasattr(config, name)}
    if hasattr(config, "momentum"):  # TF1 stores the decay, 1 - momentum
        changes["momentum"] = 1 - _rounded(1 - config.momentum)
    return dataclasses.replace(config, **changes)


def tf1_powers_adam(config):
    """Adam with a config's hyper-parameters and TF1's powers of beta."""
    return TF1PowersAdam(config.learning_rate, config.beta_1, config.beta_2, config.epsilon)


def tf1_powers(config, count):
    """Adam's powers of beta after `count` steps, by variable name, float32; {} for SGD."""
    if not _is_adam(config):
        return {}
    betas = {"beta1_power": config.beta_1, "beta2_power": config.beta_2}
    return {name: _products(beta, count + 1)[-1] for name, beta in betas.items()}


def count_of_power(beta, power):
    """The Count of steps after which TF1's Adam stores a power of beta; None: it is not available.

    TF1 starts from beta and multiplies by beta at every step, in float32. The rounding of the
    product grows with the steps, so the result is the count whose own product is nearest.
    """
    beta, power = np.float32(beta), np.float32(power)
    if not (0 < beta < 1 and _TINY <= power <= beta):
        return None
    guess = math.log(power) / math.log(beta)
    margin = 2 + guess * float(np.finfo(np.float32).eps) / float(1 - beta)
    if guess + margin > _LONGEST:
        return None
    products = _products(beta, int(guess + margin))
    steps = int(np.argmin(np.abs(products - power)))
    return Count(steps, bool(products[steps] == power))


def as_graph_constants(options, *, dtype):
    """An optimizer's options rounded as a TF1 graph of that dtype stores them (D13).

    It stores hyper-parameters in float32 whatever its dtype, and a norm to clip to in its own. The
    numbers of a schedule are NumPy's, so that it computes in float64: of Python's it makes float32.
    """
    unrounded = () if dtype == "float32" else CLIPS
    return {
        name: _in_schedule(value)
        if isinstance(value, dict)
        else _rounded(value)
        if type(value) is float and name not in unrounded
        else value
        for name, value in options.items()
    }


def _in_schedule(value):
    """The configuration of a schedule with its floats rounded to float32, as NumPy's float64."""
    if isinstance(value, dict):
        return {name: _in_schedule(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_in_schedule(inner) for inner in value]
    return np.float64(np.float32(value)) if isinstance(value, float) else value


def _products(beta, count):
    """The first powers of a float32 as TF1 accumulates them: beta after no step, and so on."""
    return np.full(count, beta, np.float32).cumprod(dtype=np.float32)


@functools.cache
def _table(beta):
    """The powers of a beta that are not negligible beside 1."""
    beta = np.float32(beta)
    if not 0 < beta < 1:
        return np.full(1, beta)
    return _products(beta, min(_LONGEST, 1 + math.ceil(math.log(_NEGLIGIBLE) / math.log(beta))))


def _is_adam(config):
    return config.optimizer == "adam"


def _rounded(value):
    return float(np.float32(value))


class TF1PowersAdam(keras.optimizers.Adam):
    """Adam whose bias correction uses TF1's powers of beta (D8). For proofs, not for training.

    TF1 multiplies `beta1_power` by beta at every step, in float32; Keras takes the power of the
    step number. A float64 run differs by 1e-6 because of that; with this class by rounding alone.
    """

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable, with the learning rate times TF1's correction over Keras'."""
        step = keras.ops.cast(self.iterations + 1, variable.dtype)
        correction = self._tf1_correction(variable.dtype) / self._keras_correction(step)
        rate = keras.ops.cast(learning_rate, variable.dtype)  # a schedule's is float32
        super().update_step(gradient, variable, rate * correction)

    def _tf1_correction(self, dtype):
        power_1, power_2 = (
            keras.ops.cast(self._power(_table(beta)), dtype) for beta in (self.beta_1, self.beta_2)
        )
        return keras.ops.sqrt(1 - power_2) / (1 - power_1)

    def _power(self, table):
        return keras.ops.take(table, keras.ops.minimum(self.iterations, len(table) - 1))

    def _keras_correction(self, step):
        beta_1, beta_2 = (keras.ops.cast(b, step.dtype) for b in (self.beta_1, self.beta_2))
        power_1, power_2 = keras.ops.power(beta_1, step), keras.ops.power(beta_2, step)
        return keras.ops.sqrt(1 - power_2) / (1 - power_1)
