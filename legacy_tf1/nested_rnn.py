"""The nested RNN: a cell with two input streams and two states, one of them a memory.

TF1: a class builds the graph around its placeholders and exposes its tensors as attributes (D1).
Shapes: B batch, T = 28 rows, F = 28 pixels per row, P = 3 numbers per profile, H units, S slots of
D numbers in the memory, C = 10 classes.
"""

import collections

import tensorflow.compat.v1 as tf

# Structures are namedtuples, as LSTMStateTuple is; dynamic_rnn takes any structure (D15). Their
# fields are in the alphabet's order, in which a Session flattens a dict: so one can be fed instead.
Streams = collections.namedtuple("Streams", ["pixels", "profile"])
State = collections.namedtuple("State", ["hidden", "memory"])


class MemoryCell(tf.nn.rnn_cell.RNNCell):
    """A leaky RNN cell with a memory that is written to and read from at one soft address.

    With x the pixels, p the profile, h the hidden state, M the memory, [,] stacking:

        a  = softmax([p, h] A + b_a)                          [B, S], the address
        w  = tanh(x W + b_w)                                  [B, D], the vector written
        M' = decay M + a w^T                                  [B, S, D]
        r  = a^T M'                                           [B, D], the vector read
        h' = (1 - leak) h + leak tanh([x, p, h, r] K + b_h)   [B, H], also the output

    Both states are bounded, |h| by 1 and |M| by 1 / (1 - decay). Without the leak training is
    chaotic: within 200 steps a rounding error grows a thousandfold.
    """

    def __init__(self, config):
        super().__init__()
        self.config = config

    @property
    def state_size(self):
        """Shapes of the two states, without the batch."""
        memory = tf.TensorShape([self.config.slots, self.config.width])
        return State(tf.TensorShape([self.config.units]), memory)

    @property
    def output_size(self):
        """H."""
        return self.config.units

    def call(self, inputs, state):
        """One step: Streams of [B, F] and [B, P], State of [B, H] and [B, S, D]; h' and State."""
        config, (pixels, profile), (hidden, memory) = self.config, inputs, state
        place = tf.concat([profile, hidden], axis=1)
        address = _dense(place, config.slots, tf.nn.softmax, name="address")[:, :, None]
        write = _dense(pixels, config.width, tf.tanh, name="write")[:, None, :]
        memory = config.decay * memory + address * write
        read = tf.reduce_sum(address * memory, axis=1)
        stacked = tf.concat([pixels, profile, hidden, read], axis=1)
        update = _dense(stacked, config.units, tf.tanh, name="hidden")
        hidden = (1 - config.leak) * hidden + config.leak * update
        return hidden, State(hidden, memory)


class NestedRNN:
    """The graph of the model, from placeholders to train op.

    Attributes:
        inputs: Streams of placeholders: pixels [B, T, F] in [0, 1], profile [B, T, P].
        labels: placeholder [B] int64.
        variables: those in a weights file.
        outputs: [B, T, H], the hidden state at every step.
        state: State at the end: hidden [B, H], memory [B, S, D].
        logits: [B, C].
        loss: scalar, nats per example, mean over the batch.
        accuracy: scalar, fraction of the batch.
        train_op: one Adam step; also adds 1 to the global step.
    """

    def __init__(self, inputs, labels, config):
        # 1. inputs
        self.inputs, self.labels = inputs, labels

        # 2. recurrent layer
        self.outputs, self.state = tf.nn.dynamic_rnn(
            MemoryCell(config), inputs, dtype=inputs.pixels.dtype
        )

        # 3. logits
        self.logits = _dense(self.state.hidden, config.classes, None, name="logits")  # [B, C]
        self.variables = tf.global_variables()

        # 4. loss, accuracy and optimizer
        self.loss = tf.losses.sparse_softmax_cross_entropy(labels, self.logits)
        wrong = tf.count_nonzero(labels - tf.argmax(self.logits, axis=1), dtype=tf.float32)
        self.accuracy = 1 - wrong / tf.cast(tf.shape(labels)[0], tf.float32)
        self.optimizer = tf.train.AdamOptimizer(
            config.learning_rate, config.beta_1, config.beta_2, config.epsilon
        )
        step = tf.train.get_or_create_global_step()
        self.train_op = self.optimizer.minimize(self.loss, global_step=step)

    def feed(self, images, labels, *, training=False):
        """The feed_dict of a batch, images a dict; training and testing run the same graph."""
        return {self.inputs: images, self.labels: labels}


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Adds it to the default graph, with placeholders for batches of any size.
    """
    shapes = config.input_shapes
    inputs = Streams(*[tf.placeholder(dtype, (None, *shapes[n]), name=n) for n in Streams._fields])
    labels = tf.placeholder(tf.int64, [None], name="labels")
    return NestedRNN(inputs, labels, config)


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A dict of tensors of the graph.
    """
    return {
        "rnn": model.outputs,
        "rnn/hidden": model.state.hidden,
        "rnn/memory": model.state.memory,
        "logits": model.logits,
    }


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    dynamic_rnn puts the cell's own name in between.

    linear: for gradients and slots; here stored like the weights.
    """
    return {_path(name): value for name, value in weights.items()}


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients or slots of them, as named weights."""
    return {name: values[_path(name)] for name in config.weight_shapes()}


def _dense(inputs, units, activation, *, name):
    """A dense layer, drawn as Keras does: the default on both sides, as it matters (D4)."""
    kernel = tf.glorot_uniform_initializer()
    return tf.layers.dense(inputs, units, activation, kernel_initializer=kernel, name=name)


def _path(name):
    """The name of the variable that holds a named weight."""
    return name.replace("rnn/", "rnn/memory_cell/")
