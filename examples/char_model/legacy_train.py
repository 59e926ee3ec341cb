"""Trains the model with truncated BPTT: python legacy_train.py FOLDER [EPOCHS]."""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # where TensorFlow 2 runs it: its TF1 cells are in tf_keras

import numpy as np
import reader
import tensorflow.compat.v1 as tf
from legacy_model import CharModel, Config

tf.disable_v2_behavior()


def run_epoch(session, model, ids, train):
    """Mean loss of an epoch, which begins with a state of zeros: nats per character."""
    state = session.run(model.initial_state)
    losses = []
    fetches = {"cost": model.cost, "state": model.final_state}
    if train:
        fetches["train"] = model.train_op
    for x, y in reader.batches(ids, model.config.batch_size, model.config.num_steps):
        feed = {model.x: x, model.y: y, model.initial_state: state}
        if train:
            feed[model.keep_prob] = model.config.keep_prob
        found = session.run(fetches, feed)
        state = found["state"]
        losses.append(found["cost"])
    return np.mean(losses)


def main(folder, epochs):
    """Trains, prints a line per epoch, saves the model."""
    vocabulary = reader.Vocabulary(reader.sentences(400, seed=0))
    train_ids = vocabulary.encode(reader.sentences(400, seed=0))
    valid_ids = vocabulary.encode(reader.sentences(60, seed=1))
    if not os.path.isdir(folder):
        os.makedirs(folder)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(3)
        model = CharModel(Config(), len(vocabulary))
        saver = tf.train.Saver(max_to_keep=2)
        session.run(tf.global_variables_initializer())
        for epoch in range(epochs):
            loss = run_epoch(session, model, train_ids, train=True)
            valid = run_epoch(session, model, valid_ids, train=False)
            rate = session.run(model.rate)
            print("epoch %d  rate %.5f  train %.4f  valid %.4f" % (epoch + 1, rate, loss, valid))
        path = saver.save(
            session, os.path.join(folder, "model.ckpt"), global_step=model.global_step
        )
        print("wrote", path)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 3)
