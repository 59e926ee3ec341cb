"""The two sides behind one protocol: what the ladder asks of anything that it compares.

Weights, gradients and slots go by the names of shared/weights.py on both sides.
"""

from contextlib import contextmanager
from typing import Protocol

import keras
import numpy as np
import tensorflow as tf2
import tensorflow.compat.v1 as tf1

from legacy_tf1 import training as legacy_training
from modern_tf2 import training as modern_training
from porting import optimizers

SLOTS = {"adam": {"m": "momentum", "v": "velocity"}, "sgd": {}}  # TF1's and Keras' names


class Side(Protocol):
    """A model with an optimizer, seen from outside. Arrays have the side's dtype."""

    def weights(self):
        """Named weights."""

    def forward(self, images):
        """Every layer's output, final states and `logits`, by name, outside of training."""

    def gradients(self, images, labels):
        """The loss of a training batch and the named gradients of it."""

    def train_steps(self, batches):
        """Trains on each (images, labels) in turn; returns the losses [steps]."""

    def slots(self):
        """The optimizer's slots, named like `cell_0/kernel/m`."""


class LegacySide:
    """A TF1 graph with its Session, started from given weights."""

    def __init__(self, config, weights, *, dtype="float32"):
        self.config, self.dtype = config, dtype
        self.module = legacy_training.MODELS[config.model]
        with tf1.Graph().as_default() as graph:
            self.model = self.module.build_model(config, dtype=dtype)
            self.trainable = tf1.trainable_variables()
            self._gradients = tf1.gradients(self.model.loss, self.trainable)
            # `tf.losses` takes the mean in float32, in a float64 graph too (D9): seen apart.
            self._loss = tf1.reduce_mean(
                tf1.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=self.model.labels, logits=self.model.logits
                )
            )
            self.session = tf1.Session(graph=graph, config=legacy_training.session_config())
            self.session.run(tf1.global_variables_initializer())
            values = self.module.to_variables(_cast(weights, dtype), config)
            legacy_training.assign(self.session, self.model.variables, values)

    def weights(self):
        return self._named(self.model.variables, self.session.run(self.model.variables))

    def forward(self, images):
        outputs = self.module.layer_outputs(self.model)
        return self.session.run(outputs, {self.model.inputs: _cast(images, self.dtype)})

    def gradients(self, images, labels):
        loss, gradients = self.session.run(
            [self._loss, self._gradients], self._feed(images, labels)
        )
        return loss, self._named(self.trainable, gradients, linear=True)

    def train_steps(self, batches):
        fetches = [self._loss, self.model.train_op]
        return np.array([self.session.run(fetches, self._feed(*batch))[0] for batch in batches])

    def slots(self):
        found = {}
        for slot in SLOTS[self.config.optimizer]:
            variables = [self.model.optimizer.get_slot(v, slot) for v in self.trainable]
            named = self._named(self.trainable, self.session.run(variables), linear=True)
            found.update({f"{name}/{slot}": value for name, value in named.items()})
        return found

    def _feed(self, images, labels):
        return self.model.feed(_cast(images, self.dtype), labels, training=True)

    def _named(self, variables, values, *, linear=False):
        arrays = dict(zip((v.op.name for v in variables), values, strict=True))
        return self.module.from_variables(arrays, self.config, linear=linear)


class ModernSide:
    """A Keras model, started from given weights.

    powers: "keras" for the optimizer as it is, "tf1" for Adam with TF1's powers of beta.
    """

    def __init__(self, config, weights, *, dtype="float32", powers="keras"):
        self.config, self.dtype = optimizers.as_tf1(config), dtype
        self.module = modern_training.MODELS[config.model]
        with floatx(dtype):
            self.model = self.module.build_model(self.config, dtype=dtype)
            if powers == "tf1":
                optimizer = optimizers.tf1_powers_adam(self.config)
                self.model.compile(optimizer=optimizer, loss=self.model.loss)
            self.model.optimizer.build(self.model.trainable_variables)
        values = self.module.to_variables(_cast(weights, dtype), config)
        modern_training.assign(self.model.weights, values)
        self._capacity = 0

    def weights(self):
        return self._named(self.model.weights, self.model.weights)

    def forward(self, images):
        with floatx(self.dtype):
            outputs = self.module.layer_outputs(self.model)(_cast(images, self.dtype))
        return {name: np.array(value) for name, value in outputs.items()}

    def gradients(self, images, labels):
        trainable = self.model.trainable_variables
        # A call in training moves the statistics of a normalization: put back below.
        before = [variable.numpy() for variable in self.model.non_trainable_variables]
        with floatx(self.dtype), tf2.GradientTape() as tape:
            loss = self.model.loss(labels, self.model(_cast(images, self.dtype), training=True))
        gradients = tape.gradient(loss, [variable.value for variable in trainable])
        for variable, value in zip(self.model.non_trainable_variables, before, strict=True):
            variable.assign(value)
        return loss.numpy(), self._named(trainable, gradients, linear=True)

    def train_steps(self, batches):
        batches = list(batches)
        # Of a model with two inputs the images are a dict.
        images = keras.tree.map_structure(
            lambda *steps: np.stack(steps), *(images for images, _ in batches)
        )
        labels = np.stack([labels for _, labels in batches])
        dataset = tf2.data.Dataset.from_tensor_slices((_cast(images, self.dtype), labels))
        with floatx(self.dtype):
            self._make_room(len(batches))
            self._recorded.fit(dataset, verbose=0, shuffle=False)
        losses, _ = self._recorder.since(0)
        return losses

    def slots(self):
        found = {}
        optimizer, trainable = self.model.optimizer, self.model.trainable_variables
        by_path = {variable.path: variable for variable in optimizer.variables}
        for slot, suffix in SLOTS[self.config.optimizer].items():
            paths = [f"{optimizer.name}/{v.path.replace('/', '_')}_{suffix}" for v in trainable]
            named = self._named(trainable, [by_path[path] for path in paths], linear=True)
            found.update({f"{name}/{slot}": value for name, value in named.items()})
        return found

    def _make_room(self, steps):
        """A model that records so many steps: the same one again if it can, for `fit` traces it."""
        if steps > self._capacity:
            self._capacity = max(steps, 200)
            self._recorded, self._recorder = modern_training.recorded(
                self.model, capacity=self._capacity
            )

    def _named(self, variables, values, *, linear=False):
        paths = [variable.path for variable in variables]
        arrays = dict(zip(paths, map(np.array, values), strict=True))
        return self.module.from_variables(arrays, self.config, linear=linear)


@contextmanager
def floatx(dtype):
    """Keras' default dtype while a model is built or traced: a dtype policy alone leaves the loss
    and the optimizer in float32."""
    keras.config.dtype_policy()  # made on first use, of the default dtype then, and kept
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def _cast(arrays, dtype):
    """An array, or the arrays of a dict, in another dtype."""
    return keras.tree.map_structure(lambda array: array.astype(dtype), arrays)
