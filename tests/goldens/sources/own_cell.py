"""The Keras model of the TF1 checkpoint model.ckpt."""

import keras
from keras import ops


@keras.saving.register_keras_serializable("model_ckpt_afc4ccb1")
class Zeros(keras.layers.Layer):
    """What the graph computes as rnn/MinimalGatedUnitZeroState/zeros."""

    def call(self, x):
        zeros = ops.zeros((ops.shape(x)[0], 5), dtype=self.compute_dtype)
        return zeros


@keras.saving.register_keras_serializable("model_ckpt_afc4ccb1")
class MinimalGatedUnit(keras.layers.Layer):
    """The loop rnn/while of the graph: one step after the other."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.forget_kernel = self.add_weight(name="forget_kernel", shape=(8, 5))
        self.forget_bias = self.add_weight(name="forget_bias", shape=(5,))
        self.candidate_kernel = self.add_weight(name="candidate_kernel", shape=(8, 5))
        self.candidate_bias = self.add_weight(name="candidate_bias", shape=(5,))

    def call(self, transpose, zeros):
        def step(states, x):
            (state,) = states
            mat_mul = ops.matmul(ops.concatenate([x, state], axis=1), self.forget_kernel)
            sigmoid = ops.sigmoid(mat_mul + self.forget_bias)
            concat_1 = ops.concatenate([x, sigmoid * state], axis=1)
            bias_add_2 = ops.matmul(concat_1, self.candidate_kernel) + self.candidate_bias
            tanh = ops.tanh(bias_add_2)
            add = ((1.0 - sigmoid) * state) + (sigmoid * tanh)
            states = [add]
            return states, states

        _, kept = ops.scan(step, [zeros], transpose)
        return kept[0]


def build_model():
    """From x [?, 6, 3] to logits."""
    x = keras.Input((6, 3), dtype="float32", name="x")
    transpose = ops.transpose(x, (1, 0, 2))
    zeros = Zeros(dtype="float32", name="zeros_layer")(x)
    minimal_gated_unit = MinimalGatedUnit(
        dtype="float32",
        name="minimal_gated_unit",
    )(transpose, zeros)
    transpose_2 = ops.transpose(minimal_gated_unit, (1, 0, 2))
    logits = keras.layers.Dense(units=2, use_bias=True, dtype="float32", name="logits")(transpose_2)
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
