"""Trains the Keras model with truncated BPTT: python modern_train.py MODEL.keras TRAINED.keras."""

import sys

import keras
import numpy as np
import reader
import tensorflow as tf
from modern_model import Config, stepping, zero_states


def make_steps(model):
    """Two functions of (x, y, states) to (loss, new states): a training step, and a test step."""
    going_on = stepping(model)

    @tf.function(reduce_retracing=True)
    def train_step(x, y, states):
        with tf.GradientTape() as tape:
            logits, *states = going_on([x, *states], training=True)
            loss = model.loss(y, logits)
        gradients = tape.gradient(loss, model.trainable_variables)
        model.optimizer.apply(gradients, model.trainable_variables)
        return loss, states

    @tf.function(reduce_retracing=True)
    def test_step(x, y, states):
        logits, *states = going_on([x, *states], training=False)
        return model.loss(y, logits), states

    return train_step, test_step


def run_epoch(step, ids, config):
    """Mean loss of an epoch, which begins with a state of zeros: nats per character."""
    states, losses = zero_states(config, config.batch_size), []
    for x, y in reader.batches(ids, config.batch_size, config.num_steps):
        loss, states = step(tf.constant(x), tf.constant(y), states)
        losses.append(float(loss))
    return np.mean(losses)


def main(source, target, epochs=1):
    """Goes on with the training of a saved model."""
    vocabulary = reader.Vocabulary(reader.sentences(400, seed=0))
    train_ids = vocabulary.encode(reader.sentences(400, seed=0))
    valid_ids = vocabulary.encode(reader.sentences(60, seed=1))
    model, config = keras.models.load_model(source), Config()
    train_step, test_step = make_steps(model)
    for epoch in range(epochs):
        loss = run_epoch(train_step, train_ids, config)
        valid = run_epoch(test_step, valid_ids, config)
        rate = float(model.optimizer.learning_rate)
        print(f"epoch {epoch + 1}  rate {rate:.5f}  train {loss:.4f}  valid {valid:.4f}")
    model.save(target)
    print("wrote", target)


if __name__ == "__main__":
    main(*sys.argv[1:3])
