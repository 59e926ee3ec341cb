"""A plain port: stock layers one after the other, `compile` and `fit` with their defaults.

What is asked for is what TF1's program says: sizes, learning rate, Adam's epsilon, logits. The
batches are those of the modern side's tf.data pipeline.
"""

import keras
import numpy as np

from bench.runners import modern, one_image
from modern_tf2 import input_pipeline

MODELS = ("window-rnn", "row-lstm")


def build(config, dataset, weights):
    """The Runner of a config."""
    model = {"window-rnn": _window_rnn, "row-lstm": _row_lstm}[config.model](config)
    model.compile(
        optimizer=_optimizer(config),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=["accuracy"],
    )
    trained = (name for name in config.weight_shapes() if "/moving_" not in name)
    for variable, name in zip(model.trainable_variables, trained, strict=True):
        variable.assign(weights[name])
    return _Plain(config, dataset, model)


def _window_rnn(config):
    cells = [
        keras.layers.SimpleRNN(config.units, return_sequences=layer < config.layers - 1)
        for layer in range(config.layers)
    ]
    return keras.Sequential(
        [keras.Input(config.input_shape), *cells, keras.layers.Dense(config.classes)]
    )


def _row_lstm(config):
    return keras.Sequential(
        [
            keras.Input(config.input_shape),
            keras.layers.LSTM(config.units),
            keras.layers.BatchNormalization(),
            keras.layers.Dense(config.classes),
        ]
    )


def _optimizer(config):
    if config.optimizer == "adam":
        return keras.optimizers.Adam(config.learning_rate, epsilon=config.epsilon)
    return keras.optimizers.SGD(config.learning_rate)


class _Losses(keras.callbacks.Callback):
    """The loss of each batch, from Keras' running means."""

    def __init__(self):
        super().__init__()
        self.means = []

    def on_train_batch_end(self, batch, logs=None):
        self.means.append(logs["loss"])

    def by_batch(self):
        """The losses [n] float64."""
        sums = np.array(self.means, np.float64) * np.arange(1, len(self.means) + 1)
        return np.diff(sums, prepend=0)


class _Plain:
    def __init__(self, config, dataset, model):
        self.model = model
        self.batches = modern.Batches(config, dataset)
        self.inputs = self.batches.consume
        self.test_batches = input_pipeline.test_batches(dataset.test, config)
        image = one_image(config, dataset)
        self.predictors = {"model.predict": lambda: model.predict(image, verbose=0)}

    def train(self, count):
        losses = _Losses()
        # shuffle: batches of a tf.data pipeline never are, and Keras would warn that it must not.
        self.model.fit(self.batches.first(count), verbose=0, shuffle=False, callbacks=[losses])
        return losses.by_batch()

    def evaluate(self):
        return float(self.model.evaluate(self.test_batches, verbose=0)[0])
