"""A TF1 graph with its Session, as the goldens and the tests of legacy_tf1 look at it.

Weights, gradients and slots go by the names of shared/weights.py. Runs on Python 3.7 with
TensorFlow 1.15.5 and without Keras 3.
"""

import numpy as np
import tensorflow.compat.v1 as tf

from legacy_tf1 import training


class LegacyGraph:
    """The model's graph, initialized from the config's seed or from named weights.

    build: makes the model from (config, dtype=…); None: the model's own build_model.
    """

    def __init__(self, config, weights=None, *, dtype="float32", build=None):
        self.config, self.dtype = config, dtype
        self.side = training.MODELS[config.model]
        self.graph = tf.Graph()
        with self.graph.as_default():
            tf.set_random_seed(config.seed)
            self.model = (build or self.side.build_model)(config, dtype=dtype)
            self.variables, self.trainable = self.model.variables, tf.trainable_variables()
            self.saver = tf.train.Saver()
            # Before the ops below, which a training's graph does not have.
            self.meta_graph = self.saver.export_meta_graph()
            self._gradients = tf.gradients(self.model.loss, self.trainable)
            # `tf.losses` takes the mean in float32, in a float64 graph too.
            self._loss = tf.reduce_mean(
                tf.nn.sparse_softmax_cross_entropy_with_logits(
                    labels=self.model.labels, logits=self.model.logits
                )
            )
            self.session = tf.Session(config=training.session_config())
            self._initializer = tf.global_variables_initializer()
        self.start(weights)

    def start(self, weights=None):
        """Sets all variables to their initial values, and then the weights to those given."""
        self.session.run(self._initializer)
        if weights is None:
            return
        values = {name: value.astype(self.dtype) for name, value in weights.items()}
        values = self.side.to_variables(values, self.config)
        with self.graph.as_default():
            training.assign(self.session, self.variables, values)

    def weights(self):
        """Named weights."""
        return self._named(self.variables, self.session.run(self.variables))

    def forward(self, images):
        """Every layer's output, final states and `logits`, by name."""
        outputs = self.side.layer_outputs(self.model)
        return self.session.run(outputs, {self.model.inputs: images})

    def gradients(self, images, labels):
        """The loss of a batch in the graph's dtype and the named gradients of it."""
        feed = self.model.feed(images, labels, training=True)
        loss, gradients = self.session.run([self._loss, self._gradients], feed)
        return loss, self._named(self.trainable, gradients, linear=True)

    def train_steps(self, batches):
        """Trains on each batch in turn; returns the losses [steps], each from before its step."""
        losses = []
        for images, labels in batches:
            feed = self.model.feed(images, labels, training=True)
            losses.append(self.session.run([self._loss, self.model.train_op], feed)[0])
        return np.array(losses)

    def slots(self):
        """The optimizer's slots, named like `cell_0/kernel/m`."""
        optimizer, found = self.model.optimizer, {}
        for slot in optimizer.get_slot_names():
            slots = [optimizer.get_slot(variable, slot) for variable in self.trainable]
            named = self._named(self.trainable, self.session.run(slots), linear=True)
            found.update({"%s/%s" % (name, slot): value for name, value in named.items()})
        return found

    def save(self, path):
        """Writes a checkpoint of all variables, without .meta and without a state file."""
        self.saver.save(self.session, path, write_meta_graph=False, write_state=False)

    def restore(self, path):
        """Takes over a float32 checkpoint, the optimizer's slots and counters included.

        A float32 graph does it with its Saver, a float64 graph array by array.
        """
        # On TensorFlow 2 a Saver asks the current graph whether it executes eagerly.
        with self.graph.as_default():
            if self.dtype == "float32":
                self.saver.restore(self.session, path)
                return
            reader = tf.train.load_checkpoint(path)
            for variable in tf.global_variables():
                value = reader.get_tensor(variable.op.name)
                variable.load(value.astype(variable.dtype.base_dtype.name), self.session)

    def _named(self, variables, values, *, linear=False):
        names = [variable.op.name for variable in variables]
        return self.side.from_variables(dict(zip(names, values)), self.config, linear=linear)
