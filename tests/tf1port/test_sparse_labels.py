"""Labels that are fed as a sparse tensor."""

import numpy as np
import tensorflow.compat.v1 as tf1

from tf1port.tf1.session.sparse_labels import sparse_labels

ROWS, CLASSES = 3, 4


def test_a_loss_of_sparse_labels_is_fed():
    with tf1.Graph().as_default() as graph:
        labels = tf1.sparse_placeholder(tf1.int32, name="inner/labels")
        logits = tf1.placeholder(tf1.float32, [None, None, CLASSES], name="logits")
        lengths = tf1.fill([tf1.shape(logits)[1]], tf1.shape(logits)[0])
        loss = tf1.nn.ctc_loss(labels, logits, lengths)
        placeholders = [one for one in graph.get_operations() if one.type == "Placeholder"]
        how = {"rows": ROWS, "classes": CLASSES, "stream": np.random.default_rng(0)}
        feed = sparse_labels(placeholders, **how)
        assert {tensor.name for tensor in feed} == {
            "inner/labels/indices:0",
            "inner/labels/values:0",
            "inner/labels/shape:0",
        }
        with tf1.Session() as session:
            made = session.run(loss, {**feed, logits: np.zeros((5, ROWS, CLASSES), np.float32)})
        assert made.shape == (ROWS,)
        assert np.isfinite(made).all()


def test_others_are_left_alone():
    with tf1.Graph().as_default() as graph:
        tf1.placeholder(tf1.int64, [None], name="indices")
        tf1.placeholder(tf1.float32, [None], name="other/values")
        how = {"rows": ROWS, "classes": CLASSES, "stream": np.random.default_rng(0)}
        assert sparse_labels(graph.get_operations(), **how) == {}
