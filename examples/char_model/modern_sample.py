"""Writes text with the Keras model: python modern_sample.py MODEL.keras [PRIME] [CHARACTERS]."""

import sys

import keras
import numpy as np
import reader
import tensorflow as tf
from modern_model import Config, stepping, zero_states


def sample(model, vocabulary, prime, count):
    """The text that follows `prime`, the likeliest characters."""
    step = tf.function(stepping(model), reduce_retracing=True)
    states, fed, written = zero_states(Config(), 1), vocabulary.encode(prime), []
    for _ in range(count):
        logits, *states = step([tf.constant(fed)[None], *states])
        fed = np.argmax(logits[:, -1], axis=-1).astype(np.int32)
        written.append(int(fed[0]))
    return prime + vocabulary.decode(written)


def main(path, prime="the ", count=200):
    """Loads the model and prints."""
    vocabulary = reader.Vocabulary(reader.sentences(400, seed=0))
    print(sample(keras.models.load_model(path), vocabulary, prime, int(count)))


if __name__ == "__main__":
    main(*sys.argv[1:4])
