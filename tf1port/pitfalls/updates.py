"""Update rules that are mistaken for TF1's Adam, once for arrays and for tensors.

A rule maps the moments m and v, the corrections c1 = 1 - beta_1^t and c2 = 1 - beta_2^t, and
epsilon to what the learning rate is multiplied with. All arguments may be arrays or tensors.
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
    """Epsilon added before the root is taken, as RMSProp has it."""
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
    """Adam with one of these rules: its slots have the names of Keras' own."""

    def __init__(self, rule, config):
        super().__init__(config.learning_rate, name="adam")
        self.rule, self.epsilon = rule, config.epsilon
        self.betas = config.beta_1, config.beta_2

    def build(self, variables):
        """Makes the slots m and v [shape of the variable] of each variable."""
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
        slots = self.moments[variable.ref()]  # Keras hands over TensorFlow's variable
        moments, corrections = [], []
        for slot, beta, power in zip(slots, self.betas, (gradient, gradient**2), strict=True):
            slot.assign(beta * slot + (1 - beta) * power)
            moments.append(keras.ops.convert_to_tensor(slot))
            corrections.append(1 - keras.ops.power(keras.ops.cast(beta, variable.dtype), step))
        rate = keras.ops.cast(learning_rate, variable.dtype)
        variable.assign_sub(rate * self.rule(*moments, *corrections, self.epsilon))
