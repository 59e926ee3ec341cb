"""Contexts of Keras and TensorFlow: the default dtype, and eager execution."""

from contextlib import contextmanager

import keras
import tensorflow as tf2


@contextmanager
def floatx(dtype):
    """Keras' default dtype while a model is built or traced: a dtype policy alone leaves the loss
    and the optimizer in float32."""
    keras.config.dtype_policy()  # created on first use from the default dtype, and cached
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


@contextmanager
def eagerly():
    """Runs tf.functions eagerly: a few training steps take less time than tracing their graph."""
    before = tf2.config.functions_run_eagerly()
    tf2.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf2.config.run_functions_eagerly(before)
