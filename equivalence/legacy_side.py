"""The legacy side as a tf1port.Side: a TF1 graph with its Session."""

import tempfile

import numpy as np
import tensorflow.compat.v1 as tf1

from equivalence import lengths
from legacy_tf1 import serving
from legacy_tf1 import training as legacy_training
from shared import runs
from tf1port.comparison.sides.protocol import SLOTS, State, cast, of_slot
from tf1port.numerics import optimizers


class LegacySide:
    """A TF1 graph with its Session, started from given weights."""

    def __init__(self, config, weights, *, dtype="float32"):
        self.config, self.dtype = config, dtype
        self.module = legacy_training.MODELS[config.model]
        with tf1.Graph().as_default() as graph:
            self.model = self.module.build_model(config, dtype=dtype)
            self.trainable = tf1.trainable_variables()
            self._gradients = tf1.gradients(self.model.loss, self.trainable)
            # `tf.losses` averages in float32, in a float64 graph too (D9): compared separately.
            self._loss = tf1.reduce_mean(
                tf1.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=self.model.labels, logits=self.model.logits
                )
            )
            self._count = tf1.train.get_global_step()
            self._variables = {v.op.name: v for v in tf1.global_variables()}
            self.session = tf1.Session(graph=graph, config=legacy_training.session_config())
            self.session.run(tf1.global_variables_initializer())
        self._with_lengths = None
        self._load_weights(weights)

    def weights(self):
        return self._named(self.model.variables, self.session.run(self.model.variables))

    def forward(self, images):
        outputs = self.module.layer_outputs(self.model)
        return self.session.run(outputs, {self.model.inputs: cast(images, self.dtype)})

    def forward_lengths(self, images, lengths_):
        lengths.check(self.config)
        if self._with_lengths is None:
            with self.session.graph.as_default():
                self._with_lengths = lengths.legacy_outputs(self.config, self.model.inputs)
        placeholder, outputs = self._with_lengths
        feed = {self.model.inputs: cast(images, self.dtype), placeholder: lengths_}
        return self.session.run(outputs, feed)

    def accuracy(self, images, labels):
        feed = self.model.feed(cast(images, self.dtype), labels)
        return np.float64(self.session.run(self.model.accuracy, feed))

    def gradients(self, images, labels):
        loss, gradients = self.session.run(
            [self._loss, self._gradients], self._feed(images, labels)
        )
        return loss, self._named(self.trainable, gradients, linear=True)

    def train_steps(self, batches):
        fetches = [self._loss, self.model.train_op]
        return np.array([self.session.run(fetches, self._feed(*batch))[0] for batch in batches])

    def slots(self):
        slots = {}
        for slot in SLOTS[self.config.optimizer]:
            variables = [self.model.optimizer.get_slot(v, slot) for v in self.trainable]
            named = self._named(self.trainable, self.session.run(variables), linear=True)
            slots.update({f"{name}/{slot}": value for name, value in named.items()})
        return slots

    def state(self):
        return State(self.weights(), self.slots(), int(self.session.run(self._count)))

    def restore(self, state):
        self._load_weights(state.weights)
        powers = optimizers.tf1_powers(self.config, state.count)
        with self.session.graph.as_default():
            for slot in SLOTS[self.config.optimizer]:
                named = cast(of_slot(state.slots, slot), self.dtype)
                values = self.module.to_variables(named, self.config, linear=True)
                for variable in self.trainable:
                    of_variable = self.model.optimizer.get_slot(variable, slot)
                    of_variable.load(values[variable.op.name], self.session)
            self._count.load(state.count, self.session)
            for name, power in powers.items():
                self._variables[name].load(power, self.session)

    def export(self, folder):
        with tempfile.TemporaryDirectory() as path:
            run = runs.Run(path, "legacy", config=self.config, dataset=None)
            with self.session.graph.as_default():
                saver = tf1.train.Saver()
                saver.save(self.session, run.file("model.ckpt"), write_meta_graph=False)
            serving.export(run, folder)

    def _load_weights(self, weights):
        values = self.module.to_variables(cast(weights, self.dtype), self.config)
        with self.session.graph.as_default():
            legacy_training.assign(self.session, self.model.variables, values)

    def _feed(self, images, labels):
        return self.model.feed(cast(images, self.dtype), labels, training=True)

    def _named(self, variables, values, *, linear=False):
        arrays = dict(zip((v.op.name for v in variables), values, strict=True))
        return self.module.from_variables(arrays, self.config, linear=linear)
