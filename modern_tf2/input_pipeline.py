"""Batches of the plan: a tf.data pipeline that cuts the windows inside the graph (D5)."""

import tensorflow as tf

from shared import batches


def train_batches(split, config, *, epoch, skip, count):
    """The training batches of one epoch, in the order of the plan.

    A dataset of `count` pairs after the first `skip`: images [B, T, F] float32, labels [B] int64.
    """
    plan = batches.train_plan(config, epoch).skip(skip).take(count)
    return _batches(split, config, plan=plan)


def test_batches(split, config):
    """The test batches, in the order of the plan.

    A dataset of pairs: images [B, T, F] float32 and labels [B] int64.
    """
    return _batches(split, config, plan=batches.test_plan(config))


def _batches(split, config, *, plan):
    # As a constant the images would be copied into the graph; as a variable they are not.
    rows = tf.Variable(split.images.reshape(-1, config.features), trainable=False)  # uint8
    labels = tf.Variable(split.labels, trainable=False)
    table = batches.profile_table(split, config)
    profiles = None if table is None else tf.Variable(table, trainable=False)
    window = tf.range(config.window)

    def cut(indices, starts):
        first = indices * config.rows + starts  # [B], rows of all images counted
        numbers = first[:, None] + window  # [B, T]
        images = tf.reshape(tf.gather(rows, numbers), (-1, *config.input_shape))  # uint8
        images = tf.cast(images, tf.float32) * batches.PIXEL_SCALE
        if profiles is not None:
            images = {"pixels": images, "profile": tf.gather(profiles, numbers)}
        return images, tf.gather(labels, indices)

    dataset = tf.data.Dataset.from_tensor_slices(tuple(plan))
    return dataset.map(cut, num_parallel_calls=2, deterministic=True).prefetch(tf.data.AUTOTUNE)
