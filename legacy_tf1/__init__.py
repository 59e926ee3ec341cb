"""The TF1 side: placeholders, MultiRNNCell, dynamic_rnn, Session, feed_dict.

Runs unmodified on TensorFlow 1.15.5 and on TensorFlow 2.x, where `tf.nn.rnn_cell` and `tf.layers`
come from the package tf_keras. TensorFlow reads this variable at the first use of either, so it
is set before any module of this package can import TensorFlow.
"""

import os
import warnings

os.environ["TF_USE_LEGACY_KERAS"] = "1"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# These two are deprecated: this side shows them on purpose.
warnings.filterwarnings("ignore", message="`tf.(nn.rnn_cell|layers)")
