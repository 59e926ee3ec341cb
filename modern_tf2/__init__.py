"""The Keras 3 side: layers, tf.data, compile, fit. Public Keras 3 and TensorFlow 2 API only."""

import os

# Keras reads it at its first import; this side needs TensorFlow for tf.data and SavedModel.
os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
