"""The Keras model of the TF1 checkpoint model.ckpt.

The comment above a layer names its variables in the checkpoint.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("model_ckpt_a283f4d7")
class MinimalGatedUnit(keras.layers.Layer):
    """The loop rnn/while of the graph: one step after the other."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # rnn/minimal_gated_unit: forget/kernel, forget/bias, candidate/kernel, candidate/bias
        self.forget_kernel = self.add_weight(name="forget_kernel", shape=(8, 5))
        self.forget_bias = self.add_weight(name="forget_bias", shape=(5,))
        self.candidate_kernel = self.add_weight(name="candidate_kernel", shape=(8, 5))
        self.candidate_bias = self.add_weight(name="candidate_bias", shape=(5,))

    def call(self, x):
        def step(states, x_t):
            (state,) = states
            concatenated = ops.concatenate([x_t, state], axis=1)
            forget = ops.sigmoid(ops.matmul(concatenated, self.forget_kernel) + self.forget_bias)
            product = (1.0 - forget) * state
            product_2 = forget * state
            candidate = ops.matmul(ops.concatenate([x_t, product_2], axis=1), self.candidate_kernel)
            new_state = product + (forget * ops.tanh(candidate + self.candidate_bias))
            states = [new_state]
            return states, states

        starts = [ops.zeros((ops.shape(x)[0], 5), dtype=self.compute_dtype)]
        _, kept = ops.scan(step, starts, ops.swapaxes(x, 0, 1))
        return ops.swapaxes(kept[0], 0, 1)


def build_model():
    """From x [?, 6, 3] to logits."""
    x = keras.Input((6, 3), dtype="float32", name="x")
    minimal_gated_unit_outputs = MinimalGatedUnit(dtype="float32", name="minimal_gated_unit")(x)
    # logits: kernel, bias
    logits = keras.layers.Dense(
        units=2,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(minimal_gated_unit_outputs)
    model = keras.Model(x, logits, name="translated")
    model.compile(
        optimizer=keras.optimizers.Adam(
            learning_rate=0.01,
            beta_1=0.9,
            beta_2=0.999,
            epsilon=1e-08,
        ),
    )
    return model
