"""Writes text with a trained model: python legacy_sample.py FOLDER [PRIME] [CHARACTERS]."""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # where TensorFlow 2 runs it: its TF1 cells are in tf_keras

import numpy as np
import reader
import tensorflow.compat.v1 as tf
from legacy_model import CharModel, Config

tf.disable_v2_behavior()


class SampleConfig(Config):
    """One row."""

    batch_size = 1


def sample(session, model, vocabulary, prime, count, temperature=0.0, seed=0):
    """The text that follows `prime`; the likeliest characters where the temperature is 0."""
    stream = np.random.RandomState(seed)
    state = session.run(model.initial_state)
    ids = list(vocabulary.encode(prime))
    fed, written = ids, []
    for _ in range(count):
        feed = {model.x: [fed], model.initial_state: state}
        logits, state = session.run([model.logits, model.final_state], feed)
        fed = [choose(logits[-1], temperature, stream)]
        written += fed
    return prime + vocabulary.decode(written)


def choose(logits, temperature, stream):
    """An id by its logits."""
    if not temperature:
        return int(np.argmax(logits))
    scaled = np.exp((logits - logits.max()) / temperature)
    return int(stream.choice(len(scaled), p=scaled / scaled.sum()))


def main(folder, prime, count):
    """Restores the newest checkpoint and prints."""
    vocabulary = reader.Vocabulary(reader.sentences(400, seed=0))
    with tf.Graph().as_default(), tf.Session() as session:
        model = CharModel(SampleConfig(), len(vocabulary), is_training=False)
        tf.train.Saver().restore(session, tf.train.latest_checkpoint(folder))
        print(sample(session, model, vocabulary, prime, count))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2] if sys.argv[2:] else "the ", int((sys.argv[3:] or [200])[0]))
