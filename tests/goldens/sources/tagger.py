"""The Keras model of the TF1 checkpoint model.ckpt.

The comment above a layer names its variables in the checkpoint.
"""

import keras
from keras import ops


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
    sequence_mask = lengths[:, None] > ops.arange(6, dtype="int32")
    # bidirectional_rnn: fw/lstm_cell/bias, fw/lstm_cell/kernel, bw/lstm_cell/bias,
    #   bw/lstm_cell/kernel
    bidirectional_lstm_outputs = keras.layers.Bidirectional(
        layer=keras.layers.LSTM(
            units=5,
            activation="tanh",
            recurrent_activation="sigmoid",
            return_sequences=True,
            zero_output_for_mask=True,
            dtype="float32",
            name="lstm",
        ),
        merge_mode="concat",
        dtype="float32",
        name="bidirectional_lstm",
    )(concatenated, mask=sequence_mask)
    # logits: kernel, bias
    logits = keras.layers.Dense(
        units=9,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(bidirectional_lstm_outputs)
    model = keras.Model([words, features, lengths], logits, name="translated")
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
    )
    return model
