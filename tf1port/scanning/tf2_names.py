"""Names of the idioms that TensorFlow 2 has as well, with another meaning or the same.

Where such a name was not taken from compat.v1, it says nothing of a program by itself.
"""

TF2_TOO = frozenset(
    [
        "tf.Assert", "tf.Graph", "tf.TensorArray", "tf.Variable", "tf.argmax", "tf.argmin",
        "tf.case", "tf.clip_by_global_norm", "tf.clip_by_norm", "tf.clip_by_value", "tf.concat",
        "tf.cond", "tf.constant_initializer", "tf.control_dependencies", "tf.device",
        "tf.edit_distance", "tf.expand_dims", "tf.foldl", "tf.gradients", "tf.hessians",
        "tf.import_graph_def", "tf.initializers.constant", "tf.initializers.glorot_normal",
        "tf.initializers.glorot_uniform", "tf.initializers.he_normal",
        "tf.initializers.he_uniform", "tf.initializers.identity", "tf.initializers.lecun_normal",
        "tf.initializers.lecun_uniform", "tf.initializers.ones", "tf.initializers.orthogonal",
        "tf.initializers.random_normal", "tf.initializers.random_uniform",
        "tf.initializers.truncated_normal", "tf.initializers.variance_scaling",
        "tf.initializers.zeros", "tf.map_fn", "tf.name_scope", "tf.nn.avg_pool",
        "tf.nn.batch_norm_with_global_normalization", "tf.nn.batch_normalization",
        "tf.nn.bias_add", "tf.nn.conv1d", "tf.nn.conv2d", "tf.nn.convolution",
        "tf.nn.ctc_beam_search_decoder", "tf.nn.ctc_greedy_decoder", "tf.nn.ctc_loss",
        "tf.nn.dropout", "tf.nn.embedding_lookup", "tf.nn.embedding_lookup_sparse",
        "tf.nn.in_top_k", "tf.nn.l2_loss", "tf.nn.log_softmax", "tf.nn.max_pool",
        "tf.nn.nce_loss", "tf.nn.safe_embedding_lookup_sparse", "tf.nn.sampled_softmax_loss",
        "tf.nn.sigmoid_cross_entropy_with_logits", "tf.nn.softmax",
        "tf.nn.softmax_cross_entropy_with_logits",
        "tf.nn.sparse_softmax_cross_entropy_with_logits",
        "tf.nn.weighted_cross_entropy_with_logits", "tf.nn.weighted_moments", "tf.numpy_function",
        "tf.one_hot", "tf.ones_initializer", "tf.py_function", "tf.random_normal_initializer",
        "tf.raw_ops.BlockLSTM",
        "tf.random_uniform_initializer", "tf.reduce_all", "tf.reduce_any", "tf.reduce_logsumexp",
        "tf.reduce_max", "tf.reduce_mean", "tf.reduce_min", "tf.reduce_prod", "tf.reduce_sum",
        "tf.reverse_sequence", "tf.scan", "tf.sequence_mask", "tf.squeeze", "tf.stop_gradient",
        "tf.summary.audio", "tf.summary.histogram", "tf.summary.image", "tf.summary.scalar",
        "tf.summary.text", "tf.train.ClusterSpec", "tf.train.Coordinator",
        "tf.train.ExponentialMovingAverage", "tf.train.get_checkpoint_state",
        "tf.train.latest_checkpoint", "tf.while_loop", "tf.zeros_initializer",
    ]
)  # fmt: skip
