"""The nested RNN: a cell with two input streams and two states, one of them a memory.

Keras 3: a functional model, a value that knows its layers; nothing is a placeholder (D1).
Shapes: B batch, T = 28 rows, F = 28 pixels per row, P = 3 numbers per profile, H units, S slots of
D numbers in the memory, C = 10 classes.
"""

import keras


@keras.saving.register_keras_serializable(package="modern_tf2")
class MemoryRNN(keras.layers.Layer):
    """A leaky RNN with a memory that is written to and read from at one soft address.

    With x the pixels, p the profile, h the hidden state, M the memory, [,] stacking:

        a  = softmax([p, h] A + b_a)                          [B, S], the address
        w  = tanh(x W + b_w)                                  [B, D], the vector written
        M' = decay M + a w^T                                  [B, S, D]
        r  = a^T M'                                           [B, D], the vector read
        h' = (1 - leak) h + leak tanh([x, p, h, r] K + b_h)   [B, H], also the output

    Both states are bounded, |h| by 1 and |M| by 1 / (1 - decay). Without the leak training is
    chaotic: within 200 steps a rounding error grows a thousandfold.

    keras.layers.RNN takes one tensor and a list of states, and cannot give out a state of rank 3.
    A layer takes any structure, so the steps are called here (D15): in Python, as with `unroll`,
    for one of them costs less than a turn of the while loop in keras.ops.scan.

    Args:
        units: H.
        slots: S.
        width: D.
        decay: factor of the memory per step, in [0, 1).
        leak: share of the hidden state that a step replaces, in (0, 1].
    """

    def __init__(self, units, *, slots, width, decay, leak, **options):
        super().__init__(**options)
        self.units, self.slots, self.width = units, slots, width
        self.decay, self.leak = decay, leak
        self.address = _dense(slots, "softmax", dtype=self.dtype_policy, name="address")
        self.write = _dense(width, "tanh", dtype=self.dtype_policy, name="write")
        self.hidden = _dense(units, "tanh", dtype=self.dtype_policy, name="hidden")

    def build(self, input_shape):
        """Creates the variables for a dict of shapes: pixels [B, T, F], profile [B, T, P]."""
        pixels, profile = input_shape["pixels"][-1], input_shape["profile"][-1]
        self.address.build((None, profile + self.units))
        self.write.build((None, pixels))
        self.hidden.build((None, pixels + profile + self.units + self.width))

    def call(self, inputs):
        """All steps: {"pixels": [B, T, F], "profile": [B, T, P]} to outputs and final state.

        Outputs are [B, T, H], the state {"hidden": [B, H], "memory": [B, S, D]}.
        """
        state = self.initial_state(keras.ops.shape(inputs["pixels"])[0])
        outputs = []
        for row in range(inputs["pixels"].shape[1]):
            step = {name: stream[:, row] for name, stream in inputs.items()}
            output, state = self.step(step, state)
            outputs.append(output)
        return keras.ops.stack(outputs, axis=1), state

    def initial_state(self, batch_size):
        """The state of zeros."""
        shapes = {"hidden": (self.units,), "memory": (self.slots, self.width)}
        return {
            name: keras.ops.zeros((batch_size, *shape), self.compute_dtype)
            for name, shape in shapes.items()
        }

    def step(self, inputs, state):
        """One step: dicts of [B, F] and [B, P], of [B, H] and [B, S, D]; h' and the new state."""
        pixels, profile, hidden = inputs["pixels"], inputs["profile"], state["hidden"]
        place = keras.ops.concatenate([profile, hidden], axis=1)
        address = self.address(place)[:, :, None]
        write = self.write(pixels)[:, None, :]
        memory = self.decay * state["memory"] + address * write
        read = keras.ops.sum(address * memory, axis=1)
        stacked = keras.ops.concatenate([pixels, profile, hidden, read], axis=1)
        hidden = (1 - self.leak) * hidden + self.leak * self.hidden(stacked)
        return hidden, {"hidden": hidden, "memory": memory}

    def get_config(self):
        """The arguments of the constructor."""
        return {
            **super().get_config(),
            "units": self.units,
            "slots": self.slots,
            "width": self.width,
            "decay": self.decay,
            "leak": self.leak,
        }


def build_model(config, *, dtype="float32"):
    """Builds the model for training.

    Returns a compiled functional model from a dict of streams, pixels [B, T, F] and profile
    [B, T, P], to logits [B, C].
    """
    # 1. inputs
    inputs = {
        name: keras.Input(shape, dtype=dtype, name=name)
        for name, shape in config.input_shapes.items()
    }

    # 2. recurrent layer
    recurrent = MemoryRNN(
        config.units,
        slots=config.slots,
        width=config.width,
        decay=config.decay,
        leak=config.leak,
        dtype=dtype,
        name="rnn",
    )
    _, state = recurrent(inputs)

    # 3. logits
    logits = _dense(config.classes, None, dtype=dtype, name="logits")(state["hidden"])  # [B, C]

    # 4. loss, accuracy and optimizer
    model = keras.Model(inputs, logits, name="nested_rnn")
    model.compile(
        optimizer=keras.optimizers.Adam(
            config.learning_rate, config.beta_1, config.beta_2, config.epsilon
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True, dtype=dtype),
        metrics=["accuracy"],
    )
    return model


def layer_outputs(model):
    """Every layer's output at every time step, final states and logits, by name.

    A model over the same layers, from a dict of streams to a dict of outputs.
    """
    outputs, state = model.get_layer("rnn")(model.input)
    tensors = {"rnn": outputs, "logits": model.get_layer("logits")(state["hidden"])}
    tensors.update((f"rnn/{name}", array) for name, array in state.items())
    return keras.Model(model.input, tensors)


def to_variables(weights, config, *, linear=False):
    """Named weights (shared/weights.py) as the values of this side's variables, by name.

    They have the same names.

    linear: for gradients and slots; here stored like the weights.
    """
    return dict(weights)


def from_variables(values, config, *, linear=False):
    """The inverse: this side's variables, or gradients or slots of them, as named weights."""
    return {name: values[name] for name in config.weight_shapes()}


def _dense(units, activation, *, dtype, name):
    """A dense layer, drawn as TF1 does: the default on both sides, as it matters (D4)."""
    kernel = keras.initializers.GlorotUniform()
    return keras.layers.Dense(units, activation, kernel_initializer=kernel, dtype=dtype, name=name)
