"""An Estimator of TensorFlow 1: a GRU over words of several lengths, two classes.

python legacy_estimator.py FOLDER [STEPS]

`tf.estimator` is gone since TensorFlow 2.16: it takes TensorFlow 1.15 to run this.
"""

import os
import sys

import numpy as np
import tensorflow.compat.v1 as tf

WORDS, TIME, UNITS, BATCH = 30, 10, 12, 16


def sentences(count, seed):
    """Ids [N, T], padded by 0 on the right, and whether there is an odd number of id 1: [N]."""
    stream = np.random.RandomState(seed)
    lengths = stream.randint(3, TIME + 1, size=count)
    ids = np.minimum(stream.randint(1, WORDS + 20, size=(count, TIME)), WORDS - 1)
    ids[stream.uniform(size=ids.shape) < 0.2] = 1
    ids[np.arange(TIME) >= lengths[:, None]] = 0
    return ids.astype(np.int32), (ids == 1).sum(axis=1).astype(np.int32) % 2


def input_fn(count, seed, *, epochs):
    """Batches of features and labels."""
    ids, labels = sentences(count, seed)
    dataset = tf.data.Dataset.from_tensor_slices(({"words": ids}, labels))
    if epochs is None or epochs > 1:
        dataset = dataset.shuffle(count, seed=seed)
    return dataset.repeat(epochs).batch(BATCH)


def model_fn(features, labels, mode, params):
    """The graph of a mode: an EstimatorSpec."""
    # 1. network
    words = features["words"]
    lengths = tf.reduce_sum(tf.sign(words), axis=1)
    table = tf.get_variable("table", [WORDS, 8])
    embedded = tf.nn.embedding_lookup(table, words)
    embedded = tf.layers.dropout(embedded, 0.2, training=mode == tf.estimator.ModeKeys.TRAIN)
    cell = tf.nn.rnn_cell.GRUCell(params["units"])
    _, state = tf.nn.dynamic_rnn(cell, embedded, sequence_length=lengths, dtype=tf.float32)
    logits = tf.layers.dense(state, 2, name="logits")

    # 2. predict
    if mode == tf.estimator.ModeKeys.PREDICT:
        predictions = {"probabilities": tf.nn.softmax(logits), "class": tf.argmax(logits, axis=1)}
        return tf.estimator.EstimatorSpec(mode, predictions=predictions)

    # 3. evaluate
    loss = tf.losses.sparse_softmax_cross_entropy(labels, logits)
    if mode == tf.estimator.ModeKeys.EVAL:
        accuracy = tf.metrics.accuracy(labels, tf.argmax(logits, axis=1))
        return tf.estimator.EstimatorSpec(mode, loss=loss, eval_metric_ops={"accuracy": accuracy})

    # 4. train
    optimizer = tf.train.AdamOptimizer(params["rate"])
    train_op = optimizer.minimize(loss, global_step=tf.train.get_global_step())
    return tf.estimator.EstimatorSpec(mode, loss=loss, train_op=train_op)


def main(folder, steps):
    """Trains, evaluates, and writes what it predicts for eight sentences: predicted.npz."""
    config = tf.estimator.RunConfig(model_dir=folder, tf_random_seed=2, keep_checkpoint_max=1)
    params = {"units": UNITS, "rate": 0.01}
    estimator = tf.estimator.Estimator(model_fn, config=config, params=params)
    estimator.train(lambda: input_fn(400, 0, epochs=None), steps=steps)
    found = estimator.evaluate(lambda: input_fn(100, 1, epochs=1))
    print("step %(global_step)d  loss %(loss).4f  accuracy %(accuracy).4f" % found)
    predicted = estimator.predict(lambda: input_fn(8, 2, epochs=1))
    probabilities = [row["probabilities"] for row in predicted]
    words, _ = sentences(8, 2)
    path = os.path.join(folder, "predicted.npz")
    np.savez(path, words=words, probabilities=probabilities, loss=found["loss"])


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 300)
