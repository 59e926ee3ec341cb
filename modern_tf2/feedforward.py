"""The two feed-forward models: a dense layer, or two convolutions; then the logits.

Keras 3: a functional model, a value that knows its layers; nothing is a placeholder (D1).
Shapes: B batch, C = 10 classes. A batch of images is [B, 784] for the model `dense`, and for `conv`
[B, height, width, channel] (NHWC) or [B, channel, height, width] (NCHW), with one channel.
"""

import keras
import tensorflow as tf

from shared.errors import UserError


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Returns a compiled functional model from images [B, *config.input_shape] to logits [B, C].
    Raises UserError where this machine cannot run it.
    """
    # 1. inputs
    check_layout(config, dtype=dtype)
    inputs = keras.Input(config.input_shape, dtype=dtype, name="inputs")

    # 2. layers
    flat = _LAYERS[config.model](inputs, config, dtype=dtype)

    # 3. logits
    logits = keras.layers.Dense(
        config.classes, kernel_initializer=_kernel(), dtype=dtype, name="logits"
    )(flat)  # [B, C]

    # 4. loss, accuracy and optimizer
    model = keras.Model(inputs, logits, name=config.model)
    model.compile(
        optimizer=keras.optimizers.SGD(config.learning_rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype),
        metrics=["accuracy"],
    )
    return model


def check_layout(config, *, dtype="float32"):
    """Raises UserError where this machine has no convolution for the config's layout and dtype.

    Tries one: a GPU has NCHW; a CPU has it in float32 from oneDNN, which TensorFlow switches on by
    the kind of CPU.
    """
    if config.model != "conv" or config.data_format == "nhwc":
        return
    images, kernel = tf.ones((1, 1, 4, 4), dtype), tf.ones((2, 2, 1, 1), dtype)
    try:
        keras.ops.conv(images, kernel, data_format="channels_first")
    except (tf.errors.UnimplementedError, tf.errors.InvalidArgumentError):
        raise UserError(
            f"--data-format nchw needs a GPU here, {dtype} has no such convolution on this CPU: "
            "use nhwc"
        ) from None


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A model over the same layers; images and feature maps are in the config's layout.
    """
    skipped = (keras.layers.InputLayer, keras.layers.Flatten)
    shown = [layer for layer in model.layers if not isinstance(layer, skipped)]
    return keras.Model(model.input, {layer.name: layer.output for layer in shown})


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    Convolution kernels are [height, width, input, filter] in both layouts, and so are the rows of
    the logits' kernel: Flatten puts the channels last before it flattens (D16).

    linear: for gradients; here stored like the weights.
    """
    return dict(weights)


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients of them, as named weights."""
    return {name: values[name] for name in config.weight_shapes()}


def _dense(inputs, config, *, dtype):
    """The hidden layer [B, units]."""
    return keras.layers.Dense(
        config.units, "relu", kernel_initializer=_kernel(), dtype=dtype, name="hidden"
    )(inputs)


def _conv(inputs, config, *, dtype):
    """Convolutions and poolings in the config's layout, flattened to [B, features]."""
    layout = {"nhwc": "channels_last", "nchw": "channels_first"}[config.data_format]
    # Written out for every layer: the default is the user's, from ~/.keras/keras.json.
    options = {"data_format": layout, "dtype": dtype}
    maps = inputs
    for layer, (filters, size) in enumerate(config.convolutions):
        maps = keras.layers.Conv2D(
            filters,
            size,
            activation="relu",
            kernel_initializer=_kernel(),
            name=f"conv_{layer}",
            **options,
        )(maps)
        maps = keras.layers.MaxPooling2D(config.pool, name=f"pool_{layer}", **options)(maps)
    return keras.layers.Flatten(name="flat", **options)(maps)


_LAYERS = {"dense": _dense, "conv": _conv}


def _kernel():
    """The initial kernels: the default of both sides, written out because it matters (D4)."""
    return keras.initializers.GlorotUniform()
