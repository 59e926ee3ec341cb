"""A SavedModel that a side exported, run on images."""

import functools

import tensorflow as tf


def exported(folder):
    """The function from images, as a side takes them, to logits [B, C] of an exported model."""
    return functools.partial(_logits, tf.saved_model.load(str(folder)))


def _logits(model, images):
    inputs = images if isinstance(images, dict) else {"inputs": images}
    served = model.signatures["serving_default"]
    specs = served.structured_input_signature[1]
    tensors = {name: tf.cast(array, specs[name].dtype) for name, array in inputs.items()}
    return served(**tensors)["logits"].numpy()
