"""The modern side: its model under `fit`, as modern_tf2/training.py runs it."""

import numpy as np
import tensorflow as tf

from bench.runners import one_image
from modern_tf2 import input_pipeline, training
from shared.config import train_split

CAPACITY = 1000  # training steps of a turn that can be recorded


def build(config, dataset, weights):
    """The Runner of a config."""
    model = training.MODELS[config.model].build_model(config)
    values = training.MODELS[config.model].to_variables(weights, config)
    training.assign(model.weights, values)
    return _Modern(config, dataset, model)


def predictors(model, image):
    """The ways to call a Keras model."""
    function = tf.function(lambda images: model(images, training=False))
    return {
        "tf.function": lambda: np.asarray(function(image)),
        "plain call": lambda: np.asarray(model(image, training=False)),
        "model.predict": lambda: model.predict(image, verbose=0),
    }


class Batches:
    """The first training batches of the plan, as tf.data has them."""

    def __init__(self, config, dataset):
        self.config, self.split = config, train_split(config, dataset)
        self.datasets = {}  # by count: a new one would be traced anew

    def first(self, count):
        """A dataset of `count` batches."""
        if count not in self.datasets:
            self.datasets[count] = input_pipeline.train_batches(
                self.split, self.config, epoch=0, skip=0, count=count
            )
        return self.datasets[count]

    def consume(self, count):
        """Makes the batches without leaving the graph, as `fit` does with many steps at once."""
        self.first(count).reduce(np.int64(0), lambda number, _: number + 1).numpy()


class _Modern:
    def __init__(self, config, dataset, model):
        self.dataset = dataset
        self.recorded, self.recorder = training.recorded(model, capacity=CAPACITY)
        self.tester = training.Tester(model, config)
        self.batches = Batches(config, dataset)
        self.inputs = self.batches.consume
        self.predictors = predictors(model, one_image(config, dataset))

    def train(self, count):
        self.recorded.fit(self.batches.first(count), verbose=0, shuffle=False)
        return self.recorder.since(0)[0]

    def evaluate(self):
        losses, _ = self.tester.test(self.dataset.test)
        return float(losses.mean())
