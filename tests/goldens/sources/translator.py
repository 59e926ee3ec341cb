"""The Keras model of the TF1 checkpoint model.ckpt.

The comment above a layer names its variables in the checkpoint.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("model_ckpt_94acbbfd")
class AttendingDecoder(keras.layers.Layer):
    """The loop decoder/while of the graph: one step after the other."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        # decoder/attending_decoder: query/kernel, attention_v, gru_cell/gates/kernel,
        #   gru_cell/gates/bias, gru_cell/candidate/kernel, gru_cell/candidate/bias
        self.query_kernel = self.add_weight(name="query_kernel", shape=(5, 5))
        self.attention_v = self.add_weight(name="attention_v", shape=(5,))
        self.gru_cell_gates_kernel = self.add_weight(name="gru_cell_gates_kernel", shape=(14, 10))
        self.gru_cell_gates_bias = self.add_weight(name="gru_cell_gates_bias", shape=(10,))
        self.gru_cell_candidate_kernel = self.add_weight(
            name="gru_cell_candidate_kernel", shape=(14, 5)
        )
        self.gru_cell_candidate_bias = self.add_weight(name="gru_cell_candidate_bias", shape=(5,))

    def call(self, embedded_target, encoder_h, memory_keys, encoder_outputs):
        def step(states, x_t):
            (state,) = states
            total = memory_keys + ops.expand_dims(ops.matmul(state, self.query_kernel), axis=1)
            weights = ops.softmax(ops.sum(self.attention_v * ops.tanh(total), axis=2))
            weights_2 = ops.expand_dims(weights, axis=2)
            context = ops.sum(weights_2 * encoder_outputs, axis=1)
            concatenated = ops.concatenate([x_t, context], axis=1)
            concatenated_2 = ops.concatenate([concatenated, state], axis=1)
            gates = ops.matmul(concatenated_2, self.gru_cell_gates_kernel)
            gates_2 = ops.split(ops.sigmoid(gates + self.gru_cell_gates_bias), 2, axis=1)
            concatenated_3 = ops.concatenate([concatenated, gates_2[0] * state], axis=1)
            candidate = ops.matmul(concatenated_3, self.gru_cell_candidate_kernel)
            candidate_2 = candidate + self.gru_cell_candidate_bias
            new_state = (gates_2[1] * state) + ((1.0 - gates_2[1]) * ops.tanh(candidate_2))
            states = [new_state]
            return states, states

        _, kept = ops.scan(step, [encoder_h], ops.swapaxes(embedded_target, 0, 1))
        return ops.swapaxes(kept[0], 0, 1)


def build_model():
    """From source [?, ?], target [?, ?] to logits."""
    source = keras.Input((None,), dtype="int32", name="source")
    target = keras.Input((None,), dtype="int32", name="target")
    # target_embedding
    embedded_target = keras.layers.Embedding(
        input_dim=9,
        output_dim=4,
        dtype="float32",
        name="target_embedding",
    )(target)
    # source_embedding
    embedded_source = keras.layers.Embedding(
        input_dim=9,
        output_dim=4,
        dtype="float32",
        name="source_embedding",
    )(source)
    # encoder/gru_cell: candidate/bias, candidate/kernel, gates/bias, gates/kernel
    encoder_outputs, encoder_h = keras.layers.GRU(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        reset_after=False,
        return_sequences=True,
        return_state=True,
        dtype="float32",
        name="encoder",
    )(embedded_source)
    # memory_keys/kernel
    memory_keys = keras.layers.Dense(
        units=5,
        use_bias=False,
        dtype="float32",
        name="memory_keys",
    )(encoder_outputs)
    attending_decoder_outputs = AttendingDecoder(
        dtype="float32",
        name="attending_decoder",
    )(embedded_target, encoder_h, memory_keys, encoder_outputs)
    # logits: kernel, bias
    logits = keras.layers.Dense(
        units=9,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(attending_decoder_outputs)
    model = keras.Model([source, target], logits, name="translated")
    model.compile(
        optimizer=keras.optimizers.Adam(
            learning_rate=0.01,
            beta_1=0.9,
            beta_2=0.999,
            epsilon=1e-08,
            # Never reached: a gradient that is clipped is dense, so that those of a row
            # which a batch looks up twice are summed before they are squared, as in TF1.
            global_clipnorm=1e9,
        ),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model
