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

SLOTS = ("m", "v")  # Adam's first and second moment


class Side(Protocol):
    """A model with an optimizer, seen from outside. Arrays have the side's dtype."""

    def weights(self):
        """Named weights."""

    def forward(self, images):
        """`outputs` [B, T, H] of the last cell, each cell's final `state` [B, H], `logits`."""

    def gradients(self, images, labels):
        """The loss of a batch and the named gradients of it."""

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
            self.variables = tf1.trainable_variables()
            self._gradients = tf1.gradients(self.model.loss, self.variables)
            # `tf.losses` takes the mean in float32, in a float64 graph too (D9): seen apart.
            self._loss = tf1.reduce_mean(
                tf1.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=self.model.labels, logits=self.model.logits
                )
            )
            self.session = tf1.Session(graph=graph, config=legacy_training.session_config())
            self.session.run(tf1.global_variables_initializer())
            values = self.module.to_variables(_cast(weights, dtype), config)
            legacy_training.assign(self.session, self.variables, values)

    def weights(self):
        return self._named(self.session.run(self.variables))

    def forward(self, images):
        fetches = {"outputs": self.model.outputs, "logits": self.model.logits}
        for layer, state in enumerate(self.model.states):
            fetches[f"cell_{layer}/state"] = state
        return self.session.run(fetches, {self.model.inputs: images.astype(self.dtype)})

    def gradients(self, images, labels):
        loss, gradients = self.session.run(
            [self._loss, self._gradients], self._feed(images, labels)
        )
        return loss, self._named(gradients)

    def train_steps(self, batches):
        fetches = [self._loss, self.model.train_op]
        return np.array([self.session.run(fetches, self._feed(*batch))[0] for batch in batches])

    def slots(self):
        optimizer = self.model.optimizer
        found = {}
        for slot in SLOTS:
            variables = [optimizer.get_slot(variable, slot) for variable in self.variables]
            named = self._named(self.session.run(variables))
            found.update({f"{name}/{slot}": value for name, value in named.items()})
        return found

    def _feed(self, images, labels):
        return {self.model.inputs: images.astype(self.dtype), self.model.labels: labels}

    def _named(self, values):
        names = [variable.op.name for variable in self.variables]
        return self.module.from_variables(dict(zip(names, values, strict=True)), self.config)


class ModernSide:
    """A Keras model, started from given weights; `powers` are those of porting.optimizers.adam."""

    def __init__(self, config, weights, *, dtype="float32", powers="keras"):
        self.config, self.dtype = config, dtype
        self.module = modern_training.MODELS[config.model]
        with _floatx(dtype):
            self.model = self.module.build_model(config, dtype=dtype)
            self.model.compile(
                optimizer=optimizers.adam(config, powers=powers), loss=self.model.loss
            )
            self.model.optimizer.build(self.model.trainable_variables)
        values = self.module.to_variables(_cast(weights, dtype), config)
        modern_training.assign(self.model.trainable_variables, values)

    def weights(self):
        return self._named(self.model.trainable_variables)

    def forward(self, images):
        images = images.astype(self.dtype)
        with _floatx(self.dtype):
            # The model keeps the last output only: the same cells once more, with all of them.
            rnn = keras.layers.RNN(
                self.model.get_layer("rnn").cell,
                return_sequences=True,
                return_state=True,
                dtype=self.dtype,
            )
            outputs, *states = keras.tree.flatten(rnn(images))
            found = {"outputs": outputs, "logits": self.model(images)}
        found.update({f"cell_{layer}/state": state for layer, state in enumerate(states)})
        return {name: np.array(value) for name, value in found.items()}

    def gradients(self, images, labels):
        with _floatx(self.dtype), tf2.GradientTape() as tape:
            loss = self.model.loss(labels, self.model(images.astype(self.dtype), training=True))
        gradients = tape.gradient(loss, [v.value for v in self.model.trainable_variables])
        return loss.numpy(), self._named(gradients)

    def train_steps(self, batches):
        batches = list(batches)
        images = np.stack([images for images, _ in batches]).astype(self.dtype)
        labels = np.stack([labels for _, labels in batches])
        dataset = tf2.data.Dataset.from_tensor_slices((images, labels))
        with _floatx(self.dtype):
            recorded, recorder = modern_training.recorded(self.model, capacity=len(batches))
            recorded.fit(dataset, verbose=0, shuffle=False)
        losses, _ = recorder.since(0)
        return losses

    def slots(self):
        found = {}
        optimizer = self.model.optimizer
        by_path = {variable.path: variable for variable in optimizer.variables}
        for slot, suffix in zip(SLOTS, ("momentum", "velocity"), strict=True):
            variables = self.model.trainable_variables
            paths = [f"{optimizer.name}/{v.path.replace('/', '_')}_{suffix}" for v in variables]
            named = self._named([by_path[path] for path in paths])
            found.update({f"{name}/{slot}": value for name, value in named.items()})
        return found

    def _named(self, values):
        paths = [variable.path for variable in self.model.trainable_variables]
        arrays = dict(zip(paths, map(np.array, values), strict=True))
        return self.module.from_variables(arrays, self.config)


@contextmanager
def _floatx(dtype):
    """Keras' default dtype while a model is built or traced: a dtype policy alone leaves the loss
    and the optimizer in float32."""
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


def _cast(weights, dtype):
    return {name: value.astype(dtype) for name, value in weights.items()}
