"""Update rules that are mistaken for TF1's Adam, for arrays and tensors alike.

A rule maps the moments m and v, the corrections c1 = 1 - beta_1^t and c2 = 1 - beta_2^t, and
epsilon to the factor of the learning rate. All arguments may be arrays or tensors.
"""

import keras

from tf1port.pitfalls import catalogue


def tf1(m, v, c1, c2, epsilon):
    """TF1's and Keras' own: epsilon beside the root of the uncorrected moment."""
    return c2**0.5 / c1 * m / (v**0.5 + epsilon)


def corrected_first(m, v, c1, c2, epsilon):
    """The paper's and PyTorch's: epsilon beside the root of the corrected moment."""
    return m / c1 / ((v / c2) ** 0.5 + epsilon)


def inside_the_root(m, v, c1, c2, epsilon):
    """Epsilon added before the square root, as in RMSProp."""
    return c2**0.5 / c1 * m / (v + epsilon) ** 0.5


def uncorrected(m, v, c1, c2, epsilon):
    """No correction of the first steps' bias."""
    return m / (v**0.5 + epsilon)


WRONG = {
    catalogue.EPSILON_CORRECTED: corrected_first,
    catalogue.EPSILON_INSIDE: inside_the_root,
    catalogue.UNCORRECTED: uncorrected,
}


class RuledAdam(keras.optimizers.Optimizer):
    """Adam with one of these rules; its slots have Keras' names."""

    def __init__(self, rule, config):
        super().__init__(config.learning_rate, name="adam")
        self.rule, self.epsilon = rule, config.epsilon
        self.betas = config.beta_1, config.beta_2

    def build(self, variables):
        """Creates the slots m and v [shape of the variable] of each variable."""
        if self.built:
            return
        super().build(variables)
        names = ("momentum", "velocity")
        self.moments = {
            variable.value.ref(): [
                self.add_variable_from_reference(variable, name=n) for n in names
            ]
            for variable in variables
        }

    def update_step(self, gradient, variable, learning_rate):
        """Updates one variable and its slots."""
        step = keras.ops.cast(self.iterations + 1, variable.dtype)
        slots = self.moments[variable.ref()]  # Keras passes TensorFlow's variable
        moments, corrections = [], []
        for slot, beta, power in zip(slots, self.betas, (gradient, gradient**2), strict=True):
            slot.assign(beta * slot + (1 - beta) * power)
            moments.append(keras.ops.convert_to_tensor(slot))
            corrections.append(1 - keras.ops.power(keras.ops.cast(beta, variable.dtype), step))
        rate = keras.ops.cast(learning_rate, variable.dtype)
        variable.assign_sub(rate * self.rule(*moments, *corrections, self.epsilon))
