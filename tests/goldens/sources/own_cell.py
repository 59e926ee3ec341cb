"""The Keras model of the TF1 checkpoint model.ckpt."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("model_ckpt_b613184f")
class MinimalGatedUnit(keras.layers.Layer):
    """The loop rnn/while of the graph: one step after the other."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.forget_kernel = self.add_weight(name="forget_kernel", shape=(8, 5))
        self.forget_bias = self.add_weight(name="forget_bias", shape=(5,))
        self.candidate_kernel = self.add_weight(name="candidate_kernel", shape=(8, 5))
        self.candidate_bias = self.add_weight(name="candidate_bias", shape=(5,))

    def call(self, x):
        def step(states, x_t):
            (state,) = states
            concat = ops.concatenate([x_t, state], axis=1)
            bias_add = ops.matmul(concat, self.forget_kernel) + self.forget_bias
            sigmoid = ops.sigmoid(bias_add)
            concat_1 = ops.concatenate([x_t, sigmoid * state], axis=1)
            bias_add_2 = ops.matmul(concat_1, self.candidate_kernel) + self.candidate_bias
            tanh = ops.tanh(bias_add_2)
            add = ((1.0 - sigmoid) * state) + (sigmoid * tanh)
            states = [add]
            return states, states

        starts = [ops.zeros((ops.shape(x)[0], 5), dtype=self.compute_dtype)]
        _, kept = ops.scan(step, starts, ops.swapaxes(x, 0, 1))
        return ops.swapaxes(kept[0], 0, 1)


def build_model():
    """From x [?, 6, 3] to logits."""
    x = keras.Input((6, 3), dtype="float32", name="x")
    minimal_gated_unit = MinimalGatedUnit(dtype="float32", name="minimal_gated_unit")(x)
    logits = keras.layers.Dense(
        units=2,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(minimal_gated_unit)
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
