"""The Keras model of the TF1 checkpoint model.ckpt.

The comment above a layer names its variables in the checkpoint.
"""

import keras
from keras import ops


@keras.saving.register_keras_serializable("model_ckpt_ecf6c722")
class SourceMask(keras.layers.Layer):
    """True for the steps [B, T] before the end of a row."""

    def call(self, source_lengths, source):
        return source_lengths[:, None] > ops.arange(ops.shape(source)[1], dtype="int32")


def build_model():
    """From target [?, ?], source [?, ?], source_lengths [?] to logits."""
    target = keras.Input((None,), dtype="int32", name="target")
    source = keras.Input((None,), dtype="int32", name="source")
    source_lengths = keras.Input((), dtype="int32", name="source_lengths")
    # embedding
    embedding_layer = keras.layers.Embedding(
        input_dim=9,
        output_dim=4,
        dtype="float32",
        name="embedding",
    )
    embedded_target = embedding_layer(target)
    embedded_source = embedding_layer(source)
    source_mask = SourceMask(dtype="float32", name="source_mask")(source_lengths, source)
    # encoder/lstm_cell: bias, kernel
    _, encoder_h, encoder_c = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=False,
        return_state=True,
        zero_output_for_mask=False,
        dtype="float32",
        name="encoder",
    )(embedded_source, mask=source_mask)
    # decoder/lstm_cell: bias, kernel
    decoder_outputs = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        dtype="float32",
        name="decoder",
    )(embedded_target, initial_state=[encoder_h, encoder_c])
    # logits: kernel, bias
    logits = keras.layers.Dense(
        units=9,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(decoder_outputs)
    model = keras.Model([target, source, source_lengths], logits, name="translated")
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
