"""The Keras model of the TF1 checkpoint model.ckpt.

The comment above a layer names its variables in the checkpoint.
"""

import keras


def build_model():
    """From words [?, ?], features [?, 7] to logits."""
    words = keras.Input((None,), dtype="int32", name="words")
    features = keras.Input((7,), dtype="float32", name="features")
    # word_embedding
    embedded_words = keras.layers.Embedding(
        input_dim=9,
        output_dim=4,
        dtype="float32",
        name="word_embedding",
    )(words)
    # h_of_image: kernel, bias
    h_of_image = keras.layers.Dense(
        units=5,
        activation="tanh",
        use_bias=True,
        dtype="float32",
        name="h_of_image",
    )(features)
    # c_of_image: kernel, bias
    c_of_image = keras.layers.Dense(
        units=5,
        activation="tanh",
        use_bias=True,
        dtype="float32",
        name="c_of_image",
    )(features)
    # rnn/lstm_cell: bias, kernel
    lstm_outputs = keras.layers.LSTM(
        units=5,
        activation="tanh",
        recurrent_activation="sigmoid",
        return_sequences=True,
        dtype="float32",
        name="lstm",
    )(embedded_words, initial_state=[h_of_image, c_of_image])
    # logits: kernel, bias
    logits = keras.layers.Dense(
        units=9,
        use_bias=True,
        dtype="float32",
        name="logits",
    )(lstm_outputs)
    model = keras.Model([words, features], logits, name="translated")
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
