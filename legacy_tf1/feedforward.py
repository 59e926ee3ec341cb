"""The two feed-forward models: a dense layer, or two convolutions; then the logits.

TF1: a class builds the graph around two placeholders and exposes its tensors as attributes (D1).
Shapes: B batch, C = 10 classes. A batch of images is [B, 784] for the model `dense`, and for `conv`
[B, height, width, channel] (NHWC) or [B, channel, height, width] (NCHW), with one channel.
"""

import tensorflow.compat.v1 as tf

from shared.errors import UserError


class Feedforward:
    """The graph of the model, from placeholders to train op.

    Attributes:
        inputs: placeholder [B, *config.input_shape], pixels in [0, 1].
        labels: placeholder [B] int64.
        variables: those in a weights file.
        outputs: every layer's output but the logits, by name.
        logits: [B, C].
        loss: scalar, nats per example, mean over the batch.
        accuracy: scalar, fraction of the batch.
        train_op: one step of gradient descent; also adds 1 to the global step.
    """

    def __init__(self, inputs, labels, config):
        # 1. inputs
        self.inputs, self.labels = inputs, labels

        # 2. layers
        self.outputs = _LAYERS[config.model](inputs, config)

        # 3. logits
        flat = tf.layers.flatten(list(self.outputs.values())[-1])  # in the order of memory (D16)
        self.logits = tf.layers.dense(
            flat, config.classes, kernel_initializer=_kernel(), name="logits"
        )  # [B, C]
        self.variables = tf.global_variables()

        # 4. loss, accuracy and optimizer
        self.loss = tf.losses.sparse_softmax_cross_entropy(labels, self.logits)
        wrong = tf.count_nonzero(labels - tf.argmax(self.logits, axis=1), dtype=tf.float32)
        self.accuracy = 1 - wrong / tf.cast(tf.shape(labels)[0], tf.float32)
        self.optimizer = tf.train.GradientDescentOptimizer(config.learning_rate)
        step = tf.train.get_or_create_global_step()
        self.train_op = self.optimizer.minimize(self.loss, global_step=step)

    def feed(self, images, labels, *, training=False):
        """The feed_dict of a batch; training and testing run the same graph."""
        return {self.inputs: images, self.labels: labels}


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Adds it to the default graph, with placeholders for batches of any size. Raises UserError where
    this machine cannot run it.
    """
    check_layout(config, dtype=dtype)
    inputs = tf.placeholder(dtype, (None, *config.input_shape), name="inputs")
    labels = tf.placeholder(tf.int64, [None], name="labels")
    return Feedforward(inputs, labels, config)


def check_layout(config, *, dtype="float32"):
    """Raises UserError where this machine has no convolution for the config's layout and dtype.

    Tries one in a Session of its own: a GPU has NCHW; a CPU has it in float32 from oneDNN, which
    TensorFlow 1.15.5 lacks and 2.x switches on by the kind of CPU.
    """
    if config.model != "conv" or config.data_format == "nhwc":
        return
    with tf.Graph().as_default(), tf.Session(config=_small_session()) as session:
        images, kernel = tf.ones([1, 1, 4, 4], dtype), tf.ones([2, 2, 1, 1], dtype)
        outputs = tf.nn.conv2d(images, kernel, [1, 1, 1, 1], "SAME", data_format="NCHW")
        try:
            session.run(outputs)
        except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError):
            raise UserError(
                "--data-format nchw needs a GPU here, %s has no such convolution on this CPU: "
                "use nhwc" % dtype
            ) from None


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A dict of tensors of the graph; images and feature maps are in the config's layout.
    """
    return dict(model.outputs, logits=model.logits)


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    Convolution kernels are [height, width, input, filter] in both layouts. The rows of the logits'
    kernel go by height, width, channel in a weights file, by channel, height, width in an NCHW
    graph (D16).

    linear: for gradients; here stored like the weights.
    """
    values = dict(weights)
    if _channels_first(config):
        height, width, channels = config.last_shape
        kernel = weights["logits/kernel"].reshape(height, width, channels, -1)
        values["logits/kernel"] = kernel.transpose(2, 0, 1, 3).reshape(-1, config.classes)
    return values


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients of them, as named weights."""
    weights = {name: values[name] for name in config.weight_shapes()}
    if _channels_first(config):
        height, width, channels = config.last_shape
        kernel = values["logits/kernel"].reshape(channels, height, width, -1)
        weights["logits/kernel"] = kernel.transpose(1, 2, 0, 3).reshape(-1, config.classes)
    return weights


def _dense(inputs, config):
    """The hidden layer [B, units]."""
    hidden = tf.layers.dense(
        inputs, config.units, tf.nn.relu, kernel_initializer=_kernel(), name="hidden"
    )
    return {"hidden": hidden}


def _conv(inputs, config):
    """Convolutions and poolings in their order, in the config's layout."""
    layout = "channels_first" if _channels_first(config) else "channels_last"
    outputs, maps = {}, inputs
    for layer, (filters, size) in enumerate(config.convolutions):
        maps = tf.layers.conv2d(
            maps,
            filters,
            size,
            data_format=layout,
            activation=tf.nn.relu,
            kernel_initializer=_kernel(),
            name="conv_%d" % layer,
        )
        outputs["conv_%d" % layer] = maps
        maps = tf.layers.max_pooling2d(maps, config.pool, config.pool, data_format=layout)
        outputs["pool_%d" % layer] = maps
    return outputs


_LAYERS = {"dense": _dense, "conv": _conv}


def _kernel():
    """The initial kernels: the default of both sides, written out because it matters (D4)."""
    return tf.glorot_uniform_initializer()


def _channels_first(config):
    return config.model == "conv" and config.data_format == "nchw"


def _small_session():
    """Allocates GPU memory as needed: the first Session of a process decides for all."""
    return tf.ConfigProto(gpu_options=tf.GPUOptions(allow_growth=True))
