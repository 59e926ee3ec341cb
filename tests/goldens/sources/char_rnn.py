"""The Keras model of the TF1 checkpoint model.ckpt."""

import keras
from keras import ops


def build_model():
    """From chars [?, ?], h_0 [?, 5], c_0 [?, 5], h_1 [?, 5], c_1 [?, 5] to softmax_layer,
    probabilities, lstm_c, lstm_h, lstm_2_c, lstm_2_h."""
    chars = keras.Input((None,), dtype="int32", name="chars")
    h_0 = keras.Input((5,), dtype="float32", name="h_0")
    c_0 = keras.Input((5,), dtype="float32", name="c_0")
    h_1 = keras.Input((5,), dtype="float32", name="h_1")
    c_1 = keras.Input((5,), dtype="float32", name="c_1")
    embedding = keras.layers.Embedding(
        input_dim=9,
        output_dim=4,
        dtype="float32",
        name="embedding",
    )(chars)
    lstm, lstm_h, lstm_c = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        return_state=True,
        dtype="float32",
        name="lstm",
    )(embedding, initial_state=[h_0, c_0])
    lstm_2, lstm_2_h, lstm_2_c = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        return_state=True,
        dtype="float32",
        name="lstm_2",
    )(lstm, initial_state=[h_1, c_1])
    softmax_layer = keras.layers.Dense(
        units=9,
        use_bias=True,
        dtype="float32",
        name="softmax_layer",
    )(lstm_2)
    add = ops.reshape(softmax_layer, (-1, 9))
    probabilities = ops.softmax(add)
    model = keras.Model(
        [chars, h_0, c_0, h_1, c_1],
        {
            "softmax_layer": add,
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
            global_clipnorm=1000000000.0,
        ),
    )
    return model
