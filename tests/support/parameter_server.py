"""Trainings of the TF1 side over a parameter server and workers."""

import tensorflow.compat.v1 as tf

from tests.support import clusters


def trainings(folder, steps, model="window-rnn", *options):
    return clusters.Trainings(
        "legacy_tf1", "parameter-server", variables,
        servers=1, folder=folder, model=model, steps=steps,
        options=["--batch-size", "128", *options],
    )  # fmt: skip


def variables(path):
    reader = tf.train.load_checkpoint(str(path))
    return {name: reader.get_tensor(name) for name in reader.get_variable_to_shape_map()}
