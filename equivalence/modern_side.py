"""The modern side as a tf1port.Side: a Keras model."""

import dataclasses
import tempfile

import keras
import numpy as np
import tensorflow as tf2

from equivalence import lengths
from modern_tf2 import serving
from modern_tf2 import training as modern_training
from shared import runs
from tf1port.comparison.sides.protocol import SLOTS, State, cast, of_slot
from tf1port.numerics import optimizers
from tf1port.numerics.precision import floatx


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
        self._capacity, self._powers = 0, powers
        self._load_weights(weights)

    def configured(self, **changes):
        """Another side from the same weights, with other hyper-parameters."""
        config = dataclasses.replace(self.config, **changes)
        return ModernSide(config, self.weights(), dtype=self.dtype, powers=self._powers)

    def weights(self):
        return self._named(self.model.weights, self.model.weights)

    def forward(self, images):
        with floatx(self.dtype):
            outputs = self.module.layer_outputs(self.model)(cast(images, self.dtype))
        return {name: np.array(value) for name, value in outputs.items()}

    def forward_lengths(self, images, lengths_):
        lengths.check(self.config)
        with floatx(self.dtype):
            outputs = lengths.modern_outputs(
                self.config, self.model, cast(images, self.dtype), lengths_
            )
        return {name: np.array(value) for name, value in outputs.items()}

    def accuracy(self, images, labels):
        recorder = modern_training.StepRecorder(1)
        recorder.update_state(labels, self.model(cast(images, self.dtype), training=False))
        _, accuracies = recorder.since(0)
        return np.float64(accuracies[0])

    def gradients(self, images, labels):
        trainable = self.model.trainable_variables
        # A call in training moves the statistics of a normalization: restored below.
        before = [variable.numpy() for variable in self.model.non_trainable_variables]
        with floatx(self.dtype), tf2.GradientTape() as tape:
            loss = self.model.loss(labels, self.model(cast(images, self.dtype), training=True))
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
        dataset = tf2.data.Dataset.from_tensor_slices((cast(images, self.dtype), labels))
        with floatx(self.dtype):
            self._ensure_capacity(len(batches))
            self._recorded.fit(dataset, verbose=0, shuffle=False)
        losses, _ = self._recorder.since(0)
        return losses

    def slots(self):
        slots = {}
        for slot, variables in self._slot_variables().items():
            named = self._named(self.model.trainable_variables, variables, linear=True)
            slots.update({f"{name}/{slot}": value for name, value in named.items()})
        return slots

    def state(self):
        return State(self.weights(), self.slots(), int(self.model.optimizer.iterations))

    def restore(self, state):
        self._load_weights(state.weights)
        for slot, variables in self._slot_variables().items():
            named = cast(of_slot(state.slots, slot), self.dtype)
            values = self.module.to_variables(named, self.config, linear=True)
            for weight, variable in zip(self.model.trainable_variables, variables, strict=True):
                variable.assign(values[weight.path])
        self.model.optimizer.iterations.assign(state.count)

    def export(self, folder):
        with tempfile.TemporaryDirectory() as path:
            run = runs.Run(path, "modern", config=self.config, dataset=None)
            self.model.save(run.file("model.keras"))
            serving.export(run, folder)

    def _load_weights(self, weights):
        values = self.module.to_variables(cast(weights, self.dtype), self.config)
        modern_training.assign(self.model.weights, values)

    def _slot_variables(self):
        """The optimizer's variables of each slot, in the order of the trainable variables."""
        optimizer, trainable = self.model.optimizer, self.model.trainable_variables
        by_path = {variable.path: variable for variable in optimizer.variables}
        return {
            slot: [by_path[f"{optimizer.name}/{v.path.replace('/', '_')}_{end}"] for v in trainable]
            for slot, end in SLOTS[self.config.optimizer].items()
        }

    def _ensure_capacity(self, steps):
        """Builds a recording model for so many steps, unless there is one: `fit` traces it anew."""
        if steps > self._capacity:
            self._capacity = max(steps, 200)
            self._recorded, self._recorder = modern_training.recorded(
                self.model, capacity=self._capacity
            )

    def _named(self, variables, values, *, linear=False):
        paths = [variable.path for variable in variables]
        arrays = dict(zip(paths, map(np.array, values), strict=True))
        return self.module.from_variables(arrays, self.config, linear=linear)
