"""Batches of the plan: a tf.data pipeline that cuts the windows inside the graph (D5)."""

import functools

import tensorflow as tf

from shared import batches, profiles


def train_batches(split, config, *, epoch, skip, count, shard=(0, 1)):
    """The training batches of one epoch, in the order of the plan.

    A dataset of `count` pairs after the first `skip`: images [B, T, F] float32, labels [B] int64.

    shard: the part of each batch that is wanted, its number and of how many.
    """
    plan = batches.train_plan(config, epoch).skip(skip).take(count).shard(*shard)
    return _batches(split, config, plan=plan)


def test_batches(split, config):
    """The test batches, in the order of the plan.

    A dataset of pairs: images [B, T, F] float32 and labels [B] int64.
    """
    return _batches(split, config, plan=batches.test_plan(config))


def joined_test_batches(split, config, *, count):
    """The same, `count` batches in each pair: images [count * B, T, F] and labels [count * B].

    The last pair has those that are left.
    """
    return _batches(split, config, plan=batches.test_plan(config), joined=count)


def _batches(split, config, *, plan, joined=1):
    rows, labels = _rows(split, config.features)
    profile = _profiles(split, config.features) if "profile" in config.input_shapes else None
    window = tf.range(config.window)

    def cut(indices, starts):
        first = indices * config.rows + starts  # [B], rows of all images counted
        numbers = first[:, None] + window  # [B, T]
        images = tf.reshape(tf.gather(rows, numbers), (-1, *config.input_shape))  # uint8
        images = tf.cast(images, tf.float32) * batches.PIXEL_SCALE
        if profile is not None:
            images = {"pixels": images, "profile": tf.gather(profile, numbers)}
        return images, tf.gather(labels, indices)

    # Without autotuning: its thread wakes up at intervals that double from 10 ms on, and the end of
    # an epoch waits for it, up to the epoch's own time again.
    options = tf.data.Options()
    options.autotune.enabled = False
    dataset = tf.data.Dataset.from_tensor_slices(tuple(plan)).with_options(options)
    if joined > 1:
        dataset = dataset.batch(joined).map(
            lambda *plan: tuple(tf.reshape(part, [-1]) for part in plan)
        )
    return dataset.map(cut, num_parallel_calls=2, deterministic=True).prefetch(4)


# As constants the tables would be copied into the graph, as variables they are not. A variable that
# a mapped function has seen is never freed: every epoch, and every config, has to use the same one.


@functools.lru_cache(maxsize=8)
def _rows(split, features):
    """The rows [examples * 28, F] uint8 and the labels [examples] int64 of a split."""
    images = split.images.reshape(-1, features)
    return tf.Variable(images, trainable=False), tf.Variable(split.labels, trainable=False)


@functools.lru_cache(maxsize=8)
def _profiles(split, features):
    """The profiles [examples * 28, 3] float32 of the rows of a split."""
    return tf.Variable(profiles.profiles(split.images.reshape(-1, features)), trainable=False)
