"""The graph of a character-level language model: two LSTM layers whose state is fed."""

import tensorflow.compat.v1 as tf


class Config:
    """Hyper-parameters."""

    hidden_size = 48
    embedding_size = 24
    num_layers = 2
    batch_size = 8
    num_steps = 20
    keep_prob = 0.9
    learning_rate = 0.01
    decay_rate = 0.8
    decay_steps = 100
    max_grad_norm = 3.0
    init_scale = 0.1


class CharModel:
    """Placeholders, losses and the train op.

    The batch size is a number of the graph: sampling builds another graph with one row.
    """

    def __init__(self, config, vocab_size, is_training=True):
        self.config = config
        self.x = tf.placeholder(tf.int32, [config.batch_size, None], name="x")
        self.y = tf.placeholder(tf.int32, [config.batch_size, None], name="y")
        self.keep_prob = tf.placeholder_with_default(1.0, [], name="keep_prob")
        initializer = tf.random_uniform_initializer(-config.init_scale, config.init_scale)
        with tf.variable_scope("char_model", initializer=initializer):
            outputs = self._recurrent(self._embedded(vocab_size))
            self._predict(outputs, vocab_size)
            if is_training:
                self._train()

    def _embedded(self, vocab_size):
        table = tf.get_variable("embedding", [vocab_size, self.config.embedding_size])
        inputs = tf.nn.embedding_lookup(table, self.x)
        return tf.nn.dropout(inputs, keep_prob=self.keep_prob)

    def _cell(self):
        cell = tf.nn.rnn_cell.LSTMCell(self.config.hidden_size, forget_bias=0.0)
        return tf.nn.rnn_cell.DropoutWrapper(cell, output_keep_prob=self.keep_prob)

    def _recurrent(self, inputs):
        stack = tf.nn.rnn_cell.MultiRNNCell([self._cell() for _ in range(self.config.num_layers)])
        self.initial_state = stack.zero_state(self.config.batch_size, tf.float32)
        outputs, self.final_state = tf.nn.dynamic_rnn(
            stack,
            inputs,
            initial_state=self.initial_state,
        )
        return outputs

    def _predict(self, outputs, vocab_size):
        flat = tf.reshape(outputs, [-1, self.config.hidden_size])
        w = tf.get_variable("softmax_w", [self.config.hidden_size, vocab_size])
        b = tf.get_variable("softmax_b", [vocab_size], initializer=tf.zeros_initializer())
        self.logits = tf.nn.xw_plus_b(flat, w, b, name="logits")
        self.probabilities = tf.nn.softmax(self.logits, name="probabilities")
        losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels=tf.reshape(self.y, [-1]), logits=self.logits
        )
        self.cost = tf.reduce_mean(losses, name="cost")

    def _train(self):
        config = self.config
        self.global_step = tf.train.get_or_create_global_step()
        self.rate = tf.train.exponential_decay(
            config.learning_rate,
            self.global_step,
            config.decay_steps,
            config.decay_rate,
            staircase=True,
            name="rate",
        )
        variables = tf.trainable_variables()
        gradients, _ = tf.clip_by_global_norm(
            tf.gradients(self.cost, variables), config.max_grad_norm
        )
        optimizer = tf.train.AdamOptimizer(self.rate)
        self.train_op = optimizer.apply_gradients(
            zip(gradients, variables), global_step=self.global_step, name="train"
        )
