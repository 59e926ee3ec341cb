"""Split off from equivalence/modern_side.py."""

from contextlib import contextmanager

import keras
import tensorflow as tf2


@contextmanager
def floatx(dtype):
    """Keras' default dtype while a model is built or traced: a dtype policy alone leaves the loss
    and the optimizer in float32."""
    keras.config.dtype_policy()  # made on first use, of the default dtype then, and kept
    before = keras.config.floatx()
    keras.config.set_floatx(dtype)
    try:
        yield
    finally:
        keras.config.set_floatx(before)


@contextmanager
def eagerly():
    """Without tracing: a few steps of training are sooner done than their graph is built."""
    before = tf2.config.functions_run_eagerly()
    tf2.config.run_functions_eagerly(True)
    try:
        yield
    finally:
        tf2.config.run_functions_eagerly(before)
