"""Wrong ports that are right until they train: optimizers, losses of their own, states lost."""

import dataclasses

import keras

from equivalence.controls.wrong_modern import compiled
from equivalence.modern_side import ModernSide
from tf1port.pitfalls import updates as update_rules


def ruled(cause):
    """A port with an update rule that is not TF1's: a key of update_rules.WRONG."""
    rule = update_rules.WRONG[cause]
    return compiled(optimizer=lambda side: update_rules.RuledAdam(rule, side.config))


def adam(**changes):
    """A port whose Adam has other options."""
    return compiled(
        optimizer=lambda side: keras.optimizers.Adam(
            side.config.learning_rate,
            side.config.beta_1,
            side.config.beta_2,
            side.config.epsilon,
            **changes,
        )
    )


def decaying(rate):
    """A port whose optimizer takes a share of its size off every weight."""

    def optimizer(side):
        settings = {**side.model.optimizer.get_config(), "weight_decay": rate}
        return type(side.model.optimizer).from_config(settings)

    return compiled(optimizer=optimizer)


def doubled_rate(config, weights, **options):
    """A port with twice the learning rate."""
    doubled = dataclasses.replace(config, learning_rate=2 * config.learning_rate)
    return ModernSide(doubled, weights, **options)


def sgd(**changes):
    """A port whose gradient descent has other options."""
    return compiled(
        optimizer=lambda side: keras.optimizers.SGD(side.config.learning_rate, **changes)
    )


class StatisticsFrozen(ModernSide):
    """A port that trains the normalization without its update operations."""

    def train_steps(self, batches):
        normalization = self.model.get_layer("normalization")
        before = [v.numpy() for v in normalization.non_trainable_variables]
        losses = super().train_steps(batches)
        for variable, value in zip(normalization.non_trainable_variables, before, strict=True):
            variable.assign(value)
        return losses


class Shuffled(ModernSide):
    """A port that trains on the same batches in another order."""

    def train_steps(self, batches):
        return super().train_steps(batches[::-1])


def forgetting(*endings):
    """A port that starts parts of its optimizer anew whenever it goes on training.

    endings: how the paths of the optimizer's variables end that are set to zero.
    """

    class Forgetting(ModernSide):
        def train_steps(self, batches):
            for variable in self.model.optimizer.variables:
                if variable.path.endswith(endings):
                    variable.assign(keras.ops.zeros_like(variable))
            return super().train_steps(batches)

    return Forgetting


def resuming(change):
    """A port that goes on from another state than it is given: `change(state, own)`."""

    class Resuming(ModernSide):
        def restore(self, state):
            super().restore(change(state, self.state()))

    return Resuming


def exporting(change):
    """A port that exports another model than its own: `change(side)` before it does."""

    class Exporting(ModernSide):
        def export(self, folder):
            model, state = self.model, self.state()
            change(self)
            super().export(folder)
            self.model = model
            self.restore(state)

    return Exporting


def with_softmax(side):
    """Probabilities in the place of logits."""
    outputs = keras.layers.Softmax(name="probabilities")(side.model.output)
    side.model = keras.Model(side.model.input, outputs)


def with_new_logits(side):
    """The last layer as it is before any weights are loaded."""
    layer = side.model.get_layer("logits")
    for variable in layer.trainable_variables:
        variable.assign(keras.ops.zeros_like(variable))
