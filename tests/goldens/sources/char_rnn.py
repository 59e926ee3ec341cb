"""The Keras model of the TF1 checkpoint model.ckpt.

The comment above a layer names its variables in the checkpoint.
"""

import keras
from keras import ops


def build_model():
    """From chars [?, ?], h_0 [?, 5], c_0 [?, 5], h_1 [?, 5], c_1 [?, 5] to logits, probabilities,
    lstm_c, lstm_h, lstm_2_c, lstm_2_h."""
    chars = keras.Input((None,), dtype="int32", name="chars")
    h_0 = keras.Input((5,), dtype="float32", name="h_0")
    c_0 = keras.Input((5,), dtype="float32", name="c_0")
    h_1 = keras.Input((5,), dtype="float32", name="h_1")
    c_1 = keras.Input((5,), dtype="float32", name="c_1")
    # embedding
    embedded_chars = keras.layers.Embedding(
        input_dim=9,
        output_dim=4,
        dtype="float32",
        name="embedding",
    )(chars)
    # rnn/multi_rnn_cell/cell_0/lstm_cell: bias, kernel
    lstm_outputs, lstm_h, lstm_c = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        return_state=True,
        dtype="float32",
        name="lstm",
    )(embedded_chars, initial_state=[h_0, c_0])
    # rnn/multi_rnn_cell/cell_1/lstm_cell: bias, kernel
    lstm_2_outputs, lstm_2_h, lstm_2_c = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        return_state=True,
        dtype="float32",
        name="lstm_2",
    )(lstm_outputs, initial_state=[h_1, c_1])
    # softmax_w, softmax_b
    logits = keras.layers.Dense(
        units=9,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(lstm_2_outputs)
    flat_logits = ops.reshape(logits, (-1, 9))
    probabilities = ops.softmax(flat_logits)
    model = keras.Model(
        [chars, h_0, c_0, h_1, c_1],
        {
            "logits": flat_logits,
            "probabilities": probabilities,
            "lstm_c": lstm_c,
            "lstm_h": lstm_h,
            "lstm_2_c": lstm_2_c,
            "lstm_2_h": lstm_2_h,
        },
        name="translated",
    )
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
        loss={"logits": keras.losses.SparseCategoricalCrossentropy(from_logits=True)},
    )
    return model
