"""What people say or paste when a port goes wrong, and the pitfall that it is about."""

SYMPTOMS = [
    # words
    ("What do I do with zero_state in Keras?", "P34"),
    ("how to pass initial_state learned variable to keras LSTM", "P34"),
    ("stateful LSTM predictions change from call to call", "P33"),
    ("copied the BasicLSTMCell kernel into keras.layers.LSTM and the outputs are garbage", "P6"),
    ("where is the forget bias in the checkpoint", "P3"),
    ("GRUCell weights in keras GRU: bias has shape (2, 192) instead of (192,)", "P36"),
    ("my old Keras 2 h5 LSTM used hard_sigmoid and results are a bit off", "P82"),
    ("Adam default epsilon differs between TF1 and Keras", "P54"),
    ("embedding trains differently with Adam, sparse gradients, IndexedSlices", "P66"),
    ("outputs after sequence_length are not zero in Keras", "P32"),
    ("dynamic_rnn sequence_length equivalent", "P31"),
    ("batch norm momentum decay 0.999 of slim", "P61"),
    ("predictions are bad but training accuracy is fine, UPDATE_OPS", "P60"),
    ("keep_prob to dropout rate", "P45"),
    ("loss is 32 times larger than before, reduce_sum", "P38"),
    ("tf.clip_by_global_norm in Keras optimizer", "P58"),
    ("tf.nn.l2_loss vs keras.regularizers.L2", "P43"),
    ("exponential_decay with staircase=True", "P74"),
    ("loss jumps after resuming, Adam moments lost", "P62"),
    ("global_step starts at zero again after restore", "P63"),
    ("crf_log_likelihood and viterbi_decode replacement", "P91"),
    ("ctc_loss blank label is last class or first?", "P90"),
    ("sampled_softmax_loss for big vocabulary", "P92"),
    ("convert CudnnLSTM opaque weights", "P84"),
    ("MultiRNNCell([cell] * num_layers)", "P83"),
    ("w_f_diag w_i_diag w_o_diag what are these", "P85"),
    ("sequence_loss averages over padding, mask the loss", "P89"),
    ("same seed but different random numbers in TF1 and TF2", "P103"),
    ("use ExponentialMovingAverage shadow variables", "P17"),
    ("LSTMStateTuple order of c and h", "P26"),
    ("char-rnn feed the final state into the next batch, truncated BPTT", "P104"),
    ("softmax layer and from_logits=True together, loss does not go down", "P41"),
    ("BahdanauAttention memory_sequence_length", "P94"),
    ("model.compile in every epoch", "P73"),
    ("bidirectional_dynamic_rnn backward outputs wrong for short sequences", "P88"),
    ("Masking layer skips rows that are all zeros but are real data", "P86"),
    ("dense after conv wrong: channels_first flatten", "P16"),
    ("moving_mean and moving_variance are not in tf.trainable_variables()", "P2"),
    ("images were not divided by 255", "P23"),
    ("DropoutWrapper uses a new mask at each time step", "P80"),
    # as people titled their threads
    (
        "I gave a keras LSTM the weights of my tensorflow LSTM and cannot reproduce its results",
        "P6",
    ),
    ("LSTM layer has other results in TF 1.15 and TF 2: default recurrent activation", "P82"),
    ("parameters of BatchNormalization are not updated in training", "P60"),
    ("weights trained with CuDNNGRU on a GPU cannot be used on the CPU", "P84"),
    ("predictions are different each time that I call predict", "P37"),
    ("how do I load an old .ckpt in Keras with load_weights", "P111"),
    ("loss is nan or huge from the start, sparse categorical crossentropy on logits", "P79"),
    (
        "variables of my old checkpoint are named MultiRNNCell/Cell0/BasicLSTMCell/Linear/Matrix",
        "P110",
    ),
    # messages, as they are pasted
    ("module 'tensorflow_core._api.v2.nn' has no attribute 'rnn_cell'", "P108"),
    ("AttributeError: module 'tensorflow._api.v2.nn' has no attribute 'seq2seq'", "P108"),
    (
        "ImportError: keras.optimizers.legacy is not supported in Keras 3. When using tf.keras, to "
        "continue using a tf.keras.optimizers.legacy optimizer, you can install tf_keras",
        "P105",
    ),
    (
        "ValueError: Shapes must be equal rank, but are 2 and 1 for 'Assign_11' (op: 'Assign')",
        "P36",
    ),
    (
        "tensorflow.python.framework.errors_impl.NotFoundError: Key rnn/basic_lstm_cell/kernel/"
        "Adam_1 not found in checkpoint\n\t [[node save/RestoreV2 (defined at train.py:42)]]",
        "P110",
    ),
    ("AttributeError: `BasicLSTMCell` is not available with Keras 3.", "P105"),
    ("AttributeError: module 'tensorflow' has no attribute 'contrib'", "P107"),
    ("ModuleNotFoundError: No module named 'tensorflow.contrib'", "P107"),
    ("AttributeError: module 'tensorflow' has no attribute 'Session'", "P108"),
    ("RuntimeError: tf.placeholder() is not compatible with eager execution.", "P109"),
    (
        "RuntimeError: The Session graph is empty. Add operations to the graph before calling "
        "run().",
        "P109",
    ),
    ("ERROR: Using member tf.contrib.rnn in deprecated module tf.contrib. tf_upgrade_v2", "P107"),
    ("AttributeError: module 'tensorflow' has no attribute 'estimator'", "P116"),
    (
        "ConverterError: error: 'tf.TensorListReserve' op requires element_shape to be static "
        "during TF Lite transformation pass",
        "P115",
    ),
    (
        "TypeError: Unrecognized keyword arguments passed to LSTM: {'time_major': False}",
        "P87",
    ),
    (
        "ValueError: File format not supported: filepath=export/1. Keras 3 only supports V3 "
        "`.keras` files and legacy H5 format files (`.h5` extension). Note that the legacy "
        "SavedModel format is not supported by `load_model()` in Keras 3.",
        "P112",
    ),
    ("ValueError: Unknown layer: 'CuDNNLSTM'. Please ensure you are using a", "P113"),
    (
        "ValueError: A KerasTensor cannot be used as input to a TensorFlow function. A KerasTensor "
        "is a symbolic placeholder for a shape and dtype",
        "P114",
    ),
    (
        "ValueError: Variable rnn/basic_lstm_cell/kernel already exists, disallowed. Did you mean "
        "to set reuse=True or reuse=tf.AUTO_REUSE in VarScope?",
        "P117",
    ),
    (
        "ValueError: Arguments `target` and `output` must have the same rank (ndim). Received: "
        "target.shape=(32,), output.shape=(32, 10)",
        "P99",
    ),
    (
        "AttributeError: '_BatchDataset' object has no attribute 'make_one_shot_iterator'",
        "P120",
    ),
    ("AttributeError: 'Sequential' object has no attribute 'fit_generator'", "P122"),
    ("AttributeError: 'Functional' object has no attribute 'reset_states'", "P33"),
    (
        "NotImplementedError: numpy() is only available when eager execution is enabled.",
        "P121",
    ),
    (
        "ValueError: Argument(s) not recognized: {'lr': 0.001}",
        "P52",
    ),
    (
        "tensorflow.python.framework.errors_impl.OutOfRangeError: RandomShuffleQueue "
        "'_1_shuffle_batch/random_shuffle_queue' is closed and has insufficient elements",
        "P120",
    ),
    ("mask is lost after Concatenate of word and char embeddings", "P126"),
    ("decoder LSTM with initial_state ignores the mask of its embedding", "P127"),
    ("TimeDistributed with None timesteps gives different outputs in predict", "P128"),
    ("BatchNormalization after Masking has other batch statistics than TF1", "P129"),
    # of several devices
    ("batch norm under MirroredStrategy: accuracy drops on multi gpu", "P125"),
]

NOTHING = ["how to bake a sourdough bread", "rotation of a balanced tree", "kubernetes ingress"]

# Nothing in these says what is wrong; the kind of complaint that they are.
GENERAL = [
    ("accuracy is 2 % lower than before", "loss"),
    ("loss is higher after porting", "loss"),
    ("the ported model performs worse: f1 drops by 3 points", "loss"),
    ("perplexity of the new LSTM is higher than the old one's", "loss"),
    ("why is the quality so bad after the migration?", "loss"),
    ("model learns slower", "slow"),
    ("the loss decreases much slower than in TF1", "slow"),
    ("does not converge any more since we moved to Keras", "slow"),
    ("the network is stuck and never improves", "slow"),
    ("predictions differ slightly", "outputs"),
    ("outputs do not match the original model", "outputs"),
    ("I get wrong results with the same weights", "outputs"),
    ("val loss NaN after migration", "nan"),
    ("training diverges after a few steps", "nan"),
    ("training loss is fine but validation accuracy is much lower", "evaluation"),
    ("test accuracy dropped after the upgrade to TF2", "evaluation"),
]
