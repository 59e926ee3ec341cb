"""A tagger in TF1: characters and words, two directions, lengths counted from the ids.

python legacy_tagger.py FOLDER [EPOCHS]
"""

import os
import sys

os.environ["TF_USE_LEGACY_KERAS"] = "1"  # where TensorFlow 2 runs it: its TF1 cells are in tf_keras

import corpus
import numpy as np
import tensorflow.compat.v1 as tf

tf.disable_v2_behavior()

WORD_SIZE, CHAR_SIZE, CHAR_UNITS, UNITS = 24, 12, 16, 32
BATCH, RATE, RATE_DECAY, CLIP, KEEP = 20, 0.01, 0.9, 5.0, 0.8


class Tagger:
    """Placeholders, loss, predictions and the train op."""

    def __init__(self, words, chars, tags):
        self.words = tf.placeholder(tf.int32, [None, None], name="words")
        self.chars = tf.placeholder(tf.int32, [None, None, None], name="chars")
        self.tags = tf.placeholder(tf.int32, [None, None], name="tags")
        self.keep = tf.placeholder_with_default(1.0, [], name="keep")
        self.rate = tf.placeholder(tf.float32, [], name="rate")
        self.lengths = tf.reduce_sum(tf.sign(self.words), axis=1, name="lengths")
        embedded = tf.concat([self._word_table(words), self._of_chars(chars)], axis=-1)
        embedded = tf.nn.dropout(embedded, keep_prob=self.keep)
        hidden = self._both_ways(embedded)
        self.scores = tf.layers.dense(hidden, tags, name="scores")
        self.predicted = tf.argmax(self.scores, axis=-1, name="predicted")
        self._loss()
        self._train()

    def _word_table(self, words):
        with tf.variable_scope("words"):
            table = tf.get_variable("table", [words, WORD_SIZE])
            return tf.nn.embedding_lookup(table, self.words)

    def _of_chars(self, chars):
        """The last states of two directions over each word's characters: [B, T, 2 U]."""
        with tf.variable_scope("chars"):
            table = tf.get_variable("table", [chars, CHAR_SIZE])
            embedded = tf.nn.embedding_lookup(table, self.chars)
            shape = tf.shape(embedded)
            flat = tf.reshape(embedded, [shape[0] * shape[1], shape[2], CHAR_SIZE])
            lengths = tf.reshape(tf.reduce_sum(tf.sign(self.chars), axis=2), [-1])
            _, (forward, backward) = tf.nn.bidirectional_dynamic_rnn(
                tf.nn.rnn_cell.LSTMCell(CHAR_UNITS),
                tf.nn.rnn_cell.LSTMCell(CHAR_UNITS),
                flat,
                sequence_length=lengths,
                dtype=tf.float32,
            )
            states = tf.concat([forward.h, backward.h], axis=-1)
            return tf.reshape(states, [shape[0], shape[1], 2 * CHAR_UNITS])

    def _both_ways(self, embedded):
        with tf.variable_scope("sentence"):
            (forward, backward), _ = tf.nn.bidirectional_dynamic_rnn(
                tf.nn.rnn_cell.LSTMCell(UNITS),
                tf.nn.rnn_cell.LSTMCell(UNITS),
                embedded,
                sequence_length=self.lengths,
                dtype=tf.float32,
            )
            return tf.nn.dropout(tf.concat([forward, backward], axis=-1), keep_prob=self.keep)

    def _loss(self):
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=self.tags, logits=self.scores
        )
        mask = tf.sequence_mask(self.lengths)
        self.loss = tf.reduce_mean(tf.boolean_mask(losses, mask), name="loss")

    def _train(self):
        step = tf.train.get_or_create_global_step()
        optimizer = tf.train.AdamOptimizer(self.rate)
        gradients, variables = zip(*optimizer.compute_gradients(self.loss))
        gradients, _ = tf.clip_by_global_norm(gradients, CLIP)
        self.train = optimizer.apply_gradients(
            zip(gradients, variables), global_step=step, name="train"
        )


def accuracy(session, model, rows, vocabulary):
    """The fraction of words with the right tag."""
    right = count = 0
    for words, chars, tags in corpus.batches(rows, vocabulary, BATCH):
        found = session.run(model.predicted, {model.words: words, model.chars: chars})
        right += np.sum((found == tags) & (words > 0))
        count += np.sum(words > 0)
    return right / float(count)


def main(folder, epochs):
    """Trains with a rate that shrinks with each epoch, and saves."""
    if not os.path.isdir(folder):
        os.makedirs(folder)
    rows, tests = corpus.sentences(600, seed=0), corpus.sentences(100, seed=1)
    vocabulary = corpus.Vocabulary(rows)
    with tf.Graph().as_default(), tf.Session() as session:
        tf.set_random_seed(5)
        model = Tagger(len(vocabulary.words) + 2, len(vocabulary.chars) + 2, len(corpus.TAGS))
        session.run(tf.global_variables_initializer())
        for epoch in range(epochs):
            losses, rate = [], RATE * RATE_DECAY**epoch
            for words, chars, tags in corpus.batches(rows, vocabulary, BATCH, seed=epoch):
                feed = {
                    model.words: words,
                    model.chars: chars,
                    model.tags: tags,
                    model.keep: KEEP,
                    model.rate: rate,
                }
                losses.append(session.run([model.loss, model.train], feed)[0])
            right = accuracy(session, model, tests, vocabulary)
            print("epoch %d  loss %.4f  accuracy %.4f" % (epoch + 1, np.mean(losses), right))
        step = tf.train.get_global_step()
        print(
            "wrote",
            tf.train.Saver().save(session, os.path.join(folder, "model.ckpt"), global_step=step),
        )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]) if sys.argv[2:] else 3)
