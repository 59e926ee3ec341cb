"""The legacy side: its graph in a Session, as legacy_tf1/training.py runs it."""

import itertools

import numpy as np
import tensorflow.compat.v1 as tf

from bench.runners import one_image
from legacy_tf1 import input_pipeline, training
from shared.config import train_split


def build(config, dataset, weights):
    """The Runner of a config."""
    return _Legacy(config, dataset, weights)


class _Legacy:
    def __init__(self, config, dataset, weights):
        self.config, self.dataset = config, dataset
        with tf.Graph().as_default() as graph:
            self.model = training.MODELS[config.model].build_model(config)
            initializer = tf.global_variables_initializer()
            values = training.MODELS[config.model].to_variables(weights, config)
            self.session = tf.Session(graph=graph, config=training.session_config())
            self.session.run(initializer)
            training.assign(self.session, self.model.variables, values)
        self.batches = self._endless()
        feed = {self.model.inputs: one_image(config, dataset)}
        self.predictors = {"session.run": lambda: self.session.run(self.model.logits, feed)}

    def train(self, count):
        model = self.model
        fetches = [model.loss, model.accuracy, model.train_op]
        return np.array(
            [
                self.session.run(fetches, model.feed(images, labels, training=True))[0]
                for images, labels in itertools.islice(self.batches, count)
            ]
        )

    def inputs(self, count):
        for _ in itertools.islice(self.batches, count):
            pass

    def evaluate(self):
        losses, _ = training._test(self.session, self.model, self.config, split=self.dataset.test)
        return float(losses.mean())

    def _endless(self):
        """The batches of one epoch after the other."""
        split, steps = train_split(self.config, self.dataset), self.config.steps_per_epoch
        for epoch in itertools.count():
            yield from input_pipeline.train_batches(
                split, self.config, epoch=epoch, skip=0, count=steps
            )
