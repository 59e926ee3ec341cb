"""The Keras model of the TF1 checkpoint model.ckpt.

The comment above a layer names its variables in the checkpoint.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("model_ckpt_2b403b36")
class SequenceMask(keras.layers.Layer):
    """What the graph computes as bidirectional_rnn/fw/lstm_cell/sequence_mask."""

    def call(self, lengths, words):
        return lengths[:, None] > ops.arange(ops.shape(words)[1], dtype="int32")


def build_model():
    """From words [?, ?], features [?, 6, 2], lengths [?] to logits."""
    words = keras.Input((None,), dtype="int32", name="words")
    features = keras.Input((6, 2), dtype="float32", name="features")
    lengths = keras.Input((), dtype="int32", name="lengths")
    # word_embedding
    embedded_words = keras.layers.Embedding(
        input_dim=9,
        output_dim=4,
        dtype="float32",
        name="word_embedding",
    )(words)
    concatenated = ops.concatenate([embedded_words, features], axis=-1)
    sequence_mask = SequenceMask(dtype="float32", name="sequence_mask")(lengths, words)
    # bidirectional_rnn/fw/lstm_cell: bias, kernel
    fw_outputs = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        zero_output_for_mask=True,
        dtype="float32",
        name="fw",
    )(concatenated, mask=sequence_mask)
    # bidirectional_rnn/bw/lstm_cell: bias, kernel
    bw_outputs = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        go_backwards=True,
        zero_output_for_mask=True,
        dtype="float32",
        name="bw",
    )(concatenated, mask=sequence_mask)
    concatenated_2 = ops.concatenate([fw_outputs, ops.flip(bw_outputs, axis=1)], axis=-1)
    # logits: kernel, bias
    logits = keras.layers.Dense(
        units=9,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(concatenated_2)
    model = keras.Model([words, features, lengths], logits, name="translated")
    model.compile(
        optimizer=keras.optimizers.Adam(
            learning_rate=0.01,
            beta_1=0.9,
            beta_2=0.999,
            epsilon=1e-08,
            global_clipnorm=1000000000.0,
        ),
    )
    return model
