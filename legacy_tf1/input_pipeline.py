"""Batches of the plan: NumPy arrays for feed_dict, made in Python between two steps (D5)."""

from shared import batches


def train_batches(split, config, *, epoch, skip, count, shard=(0, 1)):
    """The training batches of one epoch, in the order of the plan.

    Yields `count` pairs after the first `skip`: images [B, T, F] float32 and labels [B] int64.

    shard: the part of each batch that is wanted, its number and of how many.
    """
    plan = batches.train_plan(config, epoch).skip(skip).take(count).shard(*shard)
    return _batches(split, config, plan=plan)


def test_batches(split, config):
    """The test batches, in the order of the plan.

    Yields pairs: images [B, T, F] float32 and labels [B] int64.
    """
    return _batches(split, config, plan=batches.test_plan(config))


def _batches(split, config, *, plan):
    table = batches.profile_table(split, config)
    for step in range(len(plan)):
        yield batches.batch(split, plan, step, config=config, table=table)
