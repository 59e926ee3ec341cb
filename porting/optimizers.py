"""TF1's optimizers in Keras, where the two compute other numbers under the same name."""

import dataclasses

import keras
import numpy as np


def as_tf1(config):
    """The same config with the hyper-parameters as TF1 computes with them.

    A TF1 graph holds them in float32, also where its variables are float64 (D13).
    """
    held = ("learning_rate", "beta_1", "beta_2") + (("epsilon",) if _is_adam(config) else ())
    changes = {name: _rounded(getattr(config, name)) for name in held if hasattr(config, name)}
    if hasattr(config, "momentum"):  # what is held is the decay
        changes["momentum"] = 1 - _rounded(1 - config.momentum)
    return dataclasses.replace(config, **changes)


def tf1_powers_adam(config):
    """Adam with a config's hyper-parameters and TF1's powers of beta."""
    return TF1PowersAdam(config.learning_rate, config.beta_1, config.beta_2, config.epsilon)


def tf1_powers(config, count):
    """What TF1's Adam holds after so many steps, by variable name: float32; SGD holds nothing."""
    if not _is_adam(config):
        return {}
    betas = {"beta1_power": config.beta_1, "beta2_power": config.beta_2}
    return {
        name: np.full(count + 1, beta, np.float32).cumprod(dtype=np.float32)[-1]
        for name, beta in betas.items()
    }


def _is_adam(config):
    return config.optimizer == "adam"


def _rounded(value):
    return float(np.float32(value))


class TF1PowersAdam(keras.optimizers.Adam):
    """Adam whose bias correction uses TF1's powers of beta (D8). For proofs, not for training.

    TF1 multiplies `beta1_power` by beta at every step, in float32; Keras takes the power of the
    step number. A float64 run parts by 1e-6 over that, and agrees to rounding with this class.
    """

    # Both powers are below float32's resolution next to 1 long before this many steps.
    _TABLE_STEPS = 50_000

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable, with the learning rate times TF1's correction over Keras'."""
        step = keras.ops.cast(self.iterations + 1, variable.dtype)
        correction = self._tf1_correction(variable.dtype) / self._keras_correction(step)
        super().update_step(gradient, variable, learning_rate * correction)

    def _tf1_correction(self, dtype):
        index = keras.ops.minimum(self.iterations, self._TABLE_STEPS - 1)
        table = [np.full(self._TABLE_STEPS, b, np.float32) for b in (self.beta_1, self.beta_2)]
        power_1, power_2 = (keras.ops.take(np.cumprod(t, dtype=np.float32), index) for t in table)
        power_1, power_2 = keras.ops.cast(power_1, dtype), keras.ops.cast(power_2, dtype)
        return keras.ops.sqrt(1 - power_2) / (1 - power_1)

    def _keras_correction(self, step):
        beta_1, beta_2 = (keras.ops.cast(b, step.dtype) for b in (self.beta_1, self.beta_2))
        power_1, power_2 = keras.ops.power(beta_1, step), keras.ops.power(beta_2, step)
        return keras.ops.sqrt(1 - power_2) / (1 - power_1)
