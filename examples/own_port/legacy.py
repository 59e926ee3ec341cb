"""A TF1 program like many: two LSTM layers over readings of several lengths, a class for each.

Trains 100 steps and leaves `model.ckpt-100` in the folder that it is given. It knows nothing of
the project around it.
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # where TensorFlow 2 runs it: its TF1 cells are in tf_keras

import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

BATCH, TIME, FEATURES, UNITS, CLASSES = 16, 24, 3, 20, 4


def build():
    """The graph: its placeholders, loss and training."""
    x = tf.placeholder(tf.float32, [None, TIME, FEATURES], name="x")
    lengths = tf.placeholder(tf.int32, [None], name="lengths")
    y = tf.placeholder(tf.int64, [None], name="y")
    keep = tf.placeholder_with_default(1.0, [], name="keep")
    # tf_keras' own default, under TensorFlow 2, ignores the graph's seed.
    tf.get_variable_scope().set_initializer(tf.glorot_uniform_initializer())
    cells = [tf.nn.rnn_cell.BasicLSTMCell(UNITS, forget_bias=1.0) for _ in range(2)]
    cells = [tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=keep) for cell in cells]
    stack = tf.nn.rnn_cell.MultiRNNCell(cells)
    _, state = tf.nn.dynamic_rnn(stack, x, sequence_length=lengths, dtype=tf.float32)
    scores = tf.layers.dense(state[-1].h, CLASSES, name="scores")
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=y, logits=scores)
    loss = tf.reduce_mean(losses, name="loss")
    variables = tf.trainable_variables()
    gradients, _ = tf.clip_by_global_norm(tf.gradients(loss, variables), 1.0)
    step = tf.train.get_or_create_global_step()
    optimizer = tf.train.AdamOptimizer(0.003)
    train = optimizer.apply_gradients(zip(gradients, variables), global_step=step, name="train")
    return {"x": x, "lengths": lengths, "y": y, "keep": keep}, loss, train


def readings(stream):
    """Waves of one of several frequencies: x [B, T, F], lengths [B], y [B]."""
    y = stream.randint(CLASSES, size=BATCH)
    lengths = stream.randint(TIME // 2, TIME + 1, size=BATCH)
    time = np.arange(TIME)[None, :, None]
    phase = stream.uniform(0, 2 * np.pi, [BATCH, 1, FEATURES])
    x = np.sin(phase + time * 0.3 * (1 + y[:, None, None])) + stream.normal(0, 0.3, [BATCH, 1, 1])
    x *= time < lengths[:, None, None]
    return x.astype(np.float32), lengths, y


def main(folder):
    """Trains, and saves into the folder."""
    os.makedirs(folder, exist_ok=True)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(7)
        placeholders, loss, train = build()
        session.run(tf.global_variables_initializer())
        stream = np.random.RandomState(7)
        for _ in range(100):
            x, lengths, y = readings(stream)
            feed = dict(zip(placeholders.values(), [x, lengths, y, 0.9]))
            value, _ = session.run([loss, train], feed)
        path = tf.train.Saver().save(session, os.path.join(folder, "model.ckpt"), global_step=100)
        print("loss %.4f, wrote %s" % (value, path))


if __name__ == "__main__":
    main(sys.argv[1] if sys.argv[1:] else os.path.join("runs", "own_port"))
