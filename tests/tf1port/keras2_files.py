"""Keras 2 files for tests, as tf_keras writes them; and what to do to them."""

from __future__ import annotations

import json
import warnings

import h5py
import numpy as np
import tf_keras

layers = tf_keras.layers
SHAPE = (6, 3)


def stacked():
    """Hard sigmoids, both kinds of GRU, masks, steps one by one, states handed on."""
    x = layers.Input(SHAPE, name="x")
    h = layers.Masking()(x)
    options = {"return_sequences": True, "reset_after": False}
    h = layers.GRU(4, recurrent_activation="hard_sigmoid", **options)(h)
    h, s, c = layers.LSTM(4, return_sequences=True, return_state=True, name="encoder")(h)
    last = layers.LSTM(4, name="decoder", kernel_regularizer="l2")(h, initial_state=[s, c])
    steps = layers.TimeDistributed(layers.Dense(3, activation="tanh"), name="steps")(h)
    model = tf_keras.Model(x, [layers.BatchNormalization(name="normalized")(last), steps])
    model.compile(tf_keras.optimizers.legacy.Adam(0.01), ["mse", "mse"])
    return model


def tagger():
    """Words to tags, in both directions, by way of an embedding that masks."""
    model = tf_keras.Sequential(
        [
            layers.Embedding(9, 4, mask_zero=True),
            layers.Bidirectional(layers.LSTM(3, return_sequences=True)),
            layers.Dense(3, activation="softmax", name="tags"),
        ]
    )
    model.build((None, None))
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    return model


def stateful():
    """States that are kept between calls."""
    options = {"return_sequences": True, "stateful": True}
    model = tf_keras.Sequential(
        [
            layers.GRU(4, batch_input_shape=(2, 3, 3), **options),
            layers.SimpleRNN(3, go_backwards=True, **options),
        ]
    )
    model.compile(tf_keras.optimizers.legacy.SGD(0.1, momentum=0.9, decay=0.01), "mse")
    return model


def save(model, path, *, seed=0):
    """Saves a model with random weights; returns the path."""
    stream = np.random.RandomState(seed)
    for variable in model.weights:
        value = stream.normal(0, 0.4, variable.shape)
        variable.assign(np.abs(value) if "variance" in variable.name else value)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "You are saving your model as an HDF5 file")
        model.save(path, save_format="h5")
    return str(path)


def rewrite(path, change):
    """Changes the model_config of a file in place."""
    with h5py.File(path, "r+") as file:
        config = json.loads(file.attrs["model_config"])
        change(config)
        file.attrs["model_config"] = json.dumps(config)


def with_cudnn(path, *, seed=0):
    """Writes a file with the layers that ran on a GPU alone, in the layout of Keras 2.2.4.

    It is a file of an LSTM in both directions and a GRU, whose classes and arrays are replaced.
    """
    model = tf_keras.Sequential(
        [
            layers.Bidirectional(layers.LSTM(4, return_sequences=True), input_shape=SHAPE),
            layers.GRU(3, name="last"),
        ]
    )
    save(model, path)
    stream = np.random.RandomState(seed)

    def change(config):
        first, second = config["config"]["layers"][-2:]
        for entry, kind in ((first["config"]["layer"], "CuDNNLSTM"), (second, "CuDNNGRU")):
            entry["class_name"] = kind
            kept = ("name", "trainable", "dtype", "units", "return_sequences", "return_state")
            kept += ("go_backwards", "stateful")
            entry["config"] = {key: entry["config"][key] for key in kept}

    rewrite(path, change)
    with h5py.File(path, "r+") as file:
        names = []
        file["model_weights"].visit(lambda name: names.append(name) if "bias" in name else None)
        for name in names:
            gates = 4 * 4 if "lstm" in name else 3 * 3
            del file["model_weights"][name]
            file["model_weights"][name] = stream.normal(0, 0.4, 2 * gates).astype("float32")
    return str(path)
