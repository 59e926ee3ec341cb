"""The same program ported to Keras 3 by hand: this is what is to be proved."""

import os
import sys

import keras

FEATURES, UNITS, CLASSES = 3, 20, 4


def build_model():
    """Readings [B, T, F] and a mask [B, T] to scores [B, C]."""
    readings = keras.Input((None, FEATURES), name="readings")
    mask = keras.Input((None,), dtype="bool", name="mask")
    x = keras.layers.LSTM(UNITS, return_sequences=True, name="lower")(readings, mask=mask)
    x = keras.layers.Dropout(0.1)(x)
    # The head takes the cell's state, which DropoutWrapper leaves as it is: no second Dropout.
    x = keras.layers.LSTM(UNITS, name="upper")(x, mask=mask)
    scores = keras.layers.Dense(CLASSES, name="scores")(x)
    model = keras.Model([readings, mask], scores)
    model.compile(
        optimizer=keras.optimizers.Adam(0.003, epsilon=1e-8, global_clipnorm=1.0),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    return model


def main(folder):
    """Saves the model, compiled and untrained, into the folder."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, "model.keras")
    build_model().save(path)
    print("wrote", path)


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else os.path.join("runs", "own_port"))
